"""`imscope gates design`: the smallest gate for a target, and how far to trust it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import JsonOption, SeedOption, as_records, check_out, emit, plain, say

if TYPE_CHECKING:
    from imscope.analyses.gates.design import DesignSettings, GateDesign
    from imscope.analyses.gates.grid import Modality

GATE_FIELDS = (
    *("gate", "size", "markers", "purity", "recall", "f1", "purity_low", "purity_high"),
    *("per_donor", "class"),
)
SHOWN = ("gate", "purity", "purity_low", "purity_high", "recall", "worst_f1", "as_text")


def design(
    path: Annotated[Path, typer.Argument(help="Labelled cells (.h5ad, .h5mu ...) or a run.")],
    target: Annotated[str, typer.Option(help="COLUMN=LABEL, or subset=NAME.")],
    donor: Annotated[str | None, typer.Option(help="Column of the donors.")] = None,
    lab: Annotated[str | None, typer.Option(help="Column of laboratories or studies.")] = None,
    max_size: Annotated[int, typer.Option(min=1, max=4, help="Most markers in a gate.")] = 4,
    modality: Annotated[str | None, typer.Option(help="protein or rna.")] = None,
    objective: Annotated[
        str | None, typer.Option(help="pooled, mean, min or blend; chosen in folds if not given.")
    ] = None,
    beta: Annotated[float, typer.Option(help="Weight of recall; 0.5 puts purity first.")] = 1.0,
    recall_floor: Annotated[
        float, typer.Option(min=0, max=1, help="Least recall in every donor.")
    ] = 0.0,
    purity_floor: Annotated[
        float,
        typer.Option(min=0, max=1, help="Purity and F1 the worst donor must be shown to reach."),
    ] = 0.5,
    prevalence: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of targets in the tube to be sorted.")
    ] = None,
    rna_minus: Annotated[
        bool, typer.Option("--rna-minus", help="Allow `-` on RNA that may miss the protein.")
    ] = False,
    heterogeneity: Annotated[
        bool, typer.Option("--heterogeneity", help="Measure it before and after the gate (RNA).")
    ] = False,
    seconds: Annotated[
        float, typer.Option(min=0.001, help="Budget of the whole design, in counted steps.")
    ] = 60.0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Gate file (.json).", callback=check_out)
    ] = None,
    tables: Annotated[Path | None, typer.Option(help="Folder for every table (.tsv).")] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="One offline HTML page with plots per donor.", callback=check_out),
    ] = None,
    as_json: JsonOption = False,
    seed: SeedOption = 0,
) -> None:
    """Design sort gates for a target and judge them on donors they never saw."""
    from imscope.analyses.gates.cells import open_gate_cells
    from imscope.analyses.gates.read_design import design_cells
    from imscope.report.gate_page import write_gate_page
    from imscope.study.gate_measure import measure_heterogeneity

    settings = _settings(
        max_size, objective, beta, recall_floor, purity_floor, prevalence, rna_minus, seconds, seed
    )
    with open_gate_cells(path, donor=donor, lab=lab) as cells:
        measure = measure_heterogeneity(cells) if heterogeneity else None
        done = design_cells(
            cells, target, modality=_modality(modality), settings=settings, measure=measure
        )
    result = done.design
    for note in result.notes:
        say(note)
    if out is not None:
        _write_gates(result, out, target)
    if tables is not None:
        emit(done.tables(), out=tables, lines=())
    if report is not None:
        write_gate_page(done.tables(), report, f"Sort gates for {target} in {path.name}")
        say(f"wrote {report}")
    content = _content(result)
    if done.sorted_cells is not None:
        content["sorted"] = as_records(done.sorted_cells)
    shown = result.tables["gate_designs"].head(8)
    emit(shown, as_json=as_json, content=content, columns=SHOWN)
    if not as_json:
        typer.echo(f"status: {result.status}")


def _settings(
    max_size: int, objective: str | None, beta: float, recall_floor: float, purity_floor: float,
    prevalence: float | None, rna_minus: bool, seconds: float, seed: int,
) -> "DesignSettings":  # fmt: skip
    from imscope.analyses.gates.design import DesignSettings
    from imscope.analyses.gates.nested import SearchSpace
    from imscope.core import codes
    from imscope.core.errors import UsageError

    if prevalence is not None and not 0 < prevalence < 1:
        raise UsageError(
            "--prevalence lies between 0 and 1", found=str(prevalence), code=codes.GATE_OPTION
        )
    space = SearchSpace(
        max_size=max_size,
        kinds=("blend", "pooled") if objective is None else (objective,),
        beta=beta,
        recall_floor=recall_floor,
        prevalence=prevalence,
        seconds=seconds,
        seed=seed,
    )
    space.objective(space.kinds[0])  # refuses settings out of range before anything is read
    return DesignSettings(space=space, purity_floor=purity_floor, rna_minus=rna_minus)


def _modality(name: str | None) -> "Modality | None":
    from imscope.core import codes
    from imscope.core.errors import UsageError

    if name not in (None, "protein", "rna"):
        raise UsageError("--modality is protein or rna", found=name, code=codes.GATE_OPTION)
    return name  # type: ignore[return-value]


def _content(result: "GateDesign") -> dict[str, object]:
    """The JSON of a design: gates best first, trade-offs, gap and status."""
    t = result.tables
    gates = []
    for row in as_records(t["gate_designs"]):
        of = t["gate_donors"][t["gate_donors"]["gate"] == row["gate"]].drop(columns="gate")
        more = {k: v for k, v in row.items() if k not in (*GATE_FIELDS, "markers", "rank")}
        names = next(g.markers for g in result.gates if str(g) == row["gate"])
        record = {**row, "markers": list(names), "per_donor": as_records(of)}
        gates.append({**{k: record[k] for k in GATE_FIELDS}, **more})
    parts = ("pareto", "unseen", "substitutes", "stability", "prevalence", "contaminants")
    return {
        "gates": gates,
        **{name: as_records(t[f"gate_{name}"]) for name in (*parts, "conflicts")},
        "gap": plain(result.gap),
        "status": result.status.code,
        "reason": result.status.words,
        "reasons": [{"code": s.code, "words": s.words} for s in result.reasons],
        "notes": list(result.notes),
    }


def _write_gates(result: "GateDesign", out: Path, target: str) -> None:
    from imscope.analyses.gates.gate_file import write_gates

    if not result.gates:
        say(f"{out} was not written: there is no gate")
        return
    notes: list[dict[str, str | float | None]] = [
        {
            k: v if isinstance(v, str) or v is None else float(str(v))
            for k, v in row.items()
            if k in ("gate", "purity", "recall", "f1", "purity_low", "purity_high", "class")
        }
        for row in as_records(result.tables["gate_designs"])
    ]
    write_gates(out, list(result.gates), target=target, notes=notes)
    say(f"wrote {out}: {len(result.gates)} gates, best first")
