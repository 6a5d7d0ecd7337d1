"""Sort gates: which surface markers sort a subset, and how far to trust them."""

from importlib import import_module

_HOME: dict[str, str] = {
    "DesignSettings": "design",
    "Gate": "gate",
    "DesignCells": "design_cells",
    "GateDesign": "design",
    "Literal": "gate",
    "Scale": "gate",
    "align_batches": "align",
    "apply_gate": "gate",
    "count_gate": "gate",
    "design_file": "read_design",
    "design_gates": "design",
    "format_gate": "gate",
    "parse_gate": "gate",
    "search_gates": "search",
    "sort_in_silico": "sorting",
    "read_gates": "gate_file",
    "write_gates": "gate_file",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
