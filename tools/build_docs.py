"""Write the generated reference pages: command line, Python, schemas, tables, codes.

python tools/build_docs.py            write docs/reference/*.md
python tools/build_docs.py --check    say which pages are stale, exit 1 if any is
"""

import argparse
import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
STUB = REFERENCE.parents[1] / "src" / "imscope" / "__init__.pyi"
NOTE = "<!-- Written by tools/build_docs.py; do not edit. -->\n\n"
HIDDEN_ROOMS = ("imscope.cli", "imscope.app", "imscope.__main__", "imscope.engine.kernels")


def public_modules() -> Iterator[ModuleType]:
    """Every module a user may import, in order."""
    import imscope

    for found in pkgutil.walk_packages(imscope.__path__, "imscope."):
        if not found.name.startswith(HIDDEN_ROOMS) and "._" not in found.name:
            yield importlib.import_module(found.name)


def public_names(module: ModuleType) -> list[str]:
    """Functions and classes that the module itself defines."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and callable(value)
        and (inspect.isfunction(inspect.unwrap(value)) or inspect.isclass(value))
        and value.__module__ == module.__name__
    ]


def rooms() -> dict[str, list[str]]:
    """Names each room offers, by the room's full name."""
    import imscope

    found = {room: importlib.import_module(room) for room in imscope._ROOMS.values()}
    return {
        room: sorted(n for n in module.__all__ if callable(getattr(module, n)))
        for room, module in sorted(found.items())
    }


def api_page() -> str:
    """What each room offers, then one section per module with every public function and class."""
    lines = [NOTE + "# Python\n"]
    lines.append(
        "Import from the rooms, as in `from imscope.study import run_study`. A room loads a"
    )
    lines.append(
        "name on first use, so `import imscope` is light. The sections below the table are"
    )
    lines.append("the modules in which these names and those beneath them are defined.\n")
    lines.append("| room | names |\n|---|---|")
    for room, names in rooms().items():
        homes = {
            n: getattr(getattr(importlib.import_module(room), n), "__module__", room) for n in names
        }
        shown = ", ".join(f"[`{n}`](#{homes[n]}.{n})" for n in names)
        lines.append(f"| `{room}` | {shown} |")
    lines.append("")
    for module in public_modules():
        names = public_names(module)
        if names:
            summary = (module.__doc__ or "").strip().splitlines()[0]
            lines += [f"## {module.__name__}\n", summary + "\n"]
            lines += [f"::: {module.__name__}.{name}\n" for name in names]
    return "\n".join(lines)


def stub_file() -> str:
    """What type checkers read of the package: its rooms as modules."""
    import imscope

    lines = [
        f"from {home.rpartition('.')[0]} import {name} as {name}"
        for name, home in sorted(
            imscope._ROOMS.items(), key=lambda item: (item[1].rpartition(".")[0], item[0])
        )
    ]
    note = '"""Rooms of imscope for type checkers; written by tools/build_docs.py."""'
    return "\n".join([note, "", *lines, "", "__version__: str", ""])


def cli_page() -> str:
    """Every command with its arguments and options, as its help gives them."""
    import typer.main

    from imscope.cli.main import app

    lines = [NOTE + "# Command line\n"]
    lines.append("Data go to files or stdout, words to stderr. Exit code 0: done; 1: error in data")
    lines.append("or method; 2: wrong usage; 3: a criterion failed.\n")
    lines += _commands(typer.main.get_command(app), "imscope")
    return "\n".join(lines)


def _commands(command: object, path: str) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner:
        for name in sorted(inner):
            yield from _commands(inner[name], f"{path} {name}")
        return
    yield f"## {path}\n"
    yield inspect.cleandoc(command.help or "") + "\n"  # type: ignore[attr-defined]
    yield "| argument | default | meaning |\n|---|---|---|"
    for item in command.params:  # type: ignore[attr-defined]
        if item.name == "help":
            continue
        argument = item.param_type_name == "argument"
        name = item.name.upper() if argument else ", ".join((*item.opts, *item.secondary_opts))
        default = "required" if item.required else item.default
        shown = "" if default in (None, False) or callable(default) else str(default)
        yield f"| `{name}` | {_cell(shown)} | {_cell(getattr(item, 'help', '') or '')} |"
    yield ""


def tables_page() -> str:
    """Every declared table."""
    from imscope.core.rooms import load_declarations
    from imscope.core.schema import TABLES

    load_declarations()
    lines = [NOTE + "# Tables\n"]
    lines.append("Columns in which the parts of imscope meet. A run folder holds each table as")
    lines.append("`tables/NAME.parquet` and `tables/NAME.tsv`.\n")
    for table in TABLES.values():
        lines += [f"## {table.name}\n", table.meaning + "\n"]
        lines.append("| column | kind | unit | meaning |\n|---|---|---|---|")
        for c in table.columns:
            name = f"`{c.name}`" + (" (optional)" if c.optional else "")
            lines.append(f"| {name} | {c.kind} | {_cell(c.unit)} | {_cell(c.meaning)} |")
        lines.append("\nOther columns may follow.\n" if table.open_ended else "")
    return "\n".join(lines)


def errors_page() -> str:
    """Every declared code."""
    from imscope.core.codes import CODES
    from imscope.core.rooms import load_declarations

    load_declarations()
    lines = [NOTE + "# Error and warning codes\n"]
    lines.append("`E-` codes stop the work; `W-` codes are recorded and shown in the report.\n")
    lines.append("| code | meaning | what to do |\n|---|---|---|")
    lines += [
        f"| `{c.code}` | {_cell(c.meaning)} | {_cell(c.fix)} |"
        for c in sorted(CODES.values(), key=lambda c: c.code)
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def schemas() -> dict[str, dict[str, Any]]:
    """Published JSON Schemas: what every public ``..._schema()`` without arguments returns."""
    found = {}
    for module in public_modules():
        for name in public_names(module):
            if name.endswith("_schema") and not inspect.signature(getattr(module, name)).parameters:
                found[name.removesuffix("_schema").replace("_", "-")] = getattr(module, name)()
    return dict(sorted(found.items()))


def schemas_page() -> str:
    """Fields of every published schema, section by section."""
    lines = [NOTE + "# Configuration and sample sheet\n"]
    lines.append("The same as JSON Schema, for editors and validators, lies beside this page.\n")
    for name, schema in schemas().items():
        lines.append(f"## {name}\n\n[{name}.schema.json](schemas/{name}.schema.json)\n")
        lines += _fields(schema, schema, "")
    return "\n".join(lines)


def _fields(schema: dict[str, Any], root: dict[str, Any], path: str) -> Iterator[str]:
    rows, inner = [], []
    for name, field in schema.get("properties", {}).items():
        target = field.get("$ref") or next((a["$ref"] for a in field.get("allOf", [])), "")
        if target:
            inner.append((f"{path}{name}", root["$defs"][target.rsplit("/", 1)[1]]))
            continue
        required = name in schema.get("required", [])
        default = "required" if required else json.dumps(field.get("default"))
        kinds = [str(k.get("type", "")) for k in field.get("anyOf", [field])]
        kind = " or ".join(k for k in kinds if k)
        meaning = _cell(field.get("description", ""))
        rows.append(f"| `{path}{name}` | {kind} | {_cell(default)} | {meaning} |")
    if rows:
        yield "| key | type | default | meaning |\n|---|---|---|---|"
        yield "\n".join(rows) + "\n"
    for name, part in inner:
        yield f"### {name}\n\n{part.get('description', '')}\n"
        yield from _fields(part, root, f"{name}.")


def files() -> dict[str, str]:
    """Every generated file: path below docs/reference and content."""
    out = {f"{name}.md": make().rstrip() + "\n" for name, make in PAGES.items()}
    for name, schema in schemas().items():
        out[f"schemas/{name}.schema.json"] = json.dumps(schema, indent=1) + "\n"
    return out


PAGES = {
    "schemas": schemas_page,
    "api": api_page,
    "cli": cli_page,
    "tables": tables_page,
    "errors": errors_page,
}


def main() -> int:
    """Write or check all pages."""
    parser = argparse.ArgumentParser(description="Write the generated reference pages.")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    check = parser.parse_args().check
    stale = []
    pages = {REFERENCE / name: text for name, text in files().items()} | {STUB: stub_file()}
    for path, text in pages.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    print(f"stale: {', '.join(stale)}" if stale else "all reference pages are current")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
