"""`imscope gates evaluate` and `export`: any gate on any data, and what a sorter needs."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imscope.cli.shell import as_records, plain
from imscope.core.terminal import printable

if TYPE_CHECKING:
    from imscope.analyses.gates.evaluate import Evaluation
    from imscope.analyses.gates.flow import Predicted
    from imscope.analyses.gates.gate import Gate

FLOW_ENDINGS = (".fcs", ".lmd")

GateOption = Annotated[
    str,
    typer.Option("--gate", help='Text such as "CD73+ CD45-", a gate file, or Gating-ML (.xml).'),
]


def evaluate(
    path: Annotated[
        Path, typer.Argument(help="Labelled cells, a run folder, or .fcs/.lmd file(s).")
    ],
    gate: GateOption,
    target: Annotated[
        str | None, typer.Option(help="COLUMN=LABEL of the cells to be sorted.")
    ] = None,
    donor: Annotated[str | None, typer.Option(help="Column of the donors.")] = None,
    lab: Annotated[str | None, typer.Option(help="Column of laboratories or studies.")] = None,
    modality: Annotated[
        str | None, typer.Option(help="Read the gate from `protein` or `rna` only.")
    ] = None,
    prevalence: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of targets in the tube to be sorted.")
    ] = None,
    predict_from: Annotated[
        Path | None, typer.Option(help="Labelled cells that predict the share seen in .fcs files.")
    ] = None,
    compensation: Annotated[
        bool,
        typer.Option(
            "--compensation/--no-compensation",
            help="Undo spillover of flow files with the matrix of their header.",
        ),
    ] = True,
    data_set: Annotated[
        int | None, typer.Option(min=1, help="Data set of a flow file that holds several.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Table per donor (.tsv).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Purity, recall and enrichment of any gate, per donor and lab."""
    from imscope.core import codes
    from imscope.core.errors import UsageError

    if modality not in (None, "protein", "rna"):
        raise UsageError("--modality is protein or rna", found=modality, code=codes.GATE_TEXT)
    files = _fcs_files(path)
    if files:
        reading = {"compensation": compensation, "data_set": data_set}
        if _is_gating_ml(gate):
            predicted = None
            if predict_from is not None:
                predicted = _predicted(predict_from, read_any_gate(gate)[0], modality)
            record = _scheme_record(files, Path(gate), predicted, reading)
        else:
            record = _flow_record(files, gate, predict_from, modality, reading)
        _tell_flow(record, out, as_json=as_json)
        return
    if target is None:
        raise UsageError(
            "labelled cells need a target", fix="--target COLUMN=LABEL", code=codes.GATE_TARGET
        )
    rows = [
        _record(e, words, notes)
        for e, words, notes in _labelled(
            path, gate, target, (donor, lab), modality=modality, prevalence=prevalence
        )
    ]
    if out is not None:
        _write(out, rows[0]["per_donor"])
    if as_json:
        more = {"others": rows[1:]} if len(rows) > 1 else {}
        _print({**rows[0], **more})
        return
    for row in rows:
        _show(row)


def export(
    gate: GateOption,
    fcs: Annotated[
        Path | None, typer.Option("--fcs", help="File whose channels and peaks Gating-ML is for.")
    ] = None,
    gating_ml: Annotated[
        Path | None, typer.Option("--gating-ml", help="Write Gating-ML 2.0 (needs --fcs).")
    ] = None,
    scale: Annotated[str, typer.Option(help="logicle or asinh.")] = "logicle",
    plan: Annotated[Path | None, typer.Option("--plan", help="Write the sort plan (.tsv).")] = None,
    cells: Annotated[int, typer.Option(min=1, help="Target cells wanted.")] = 100_000,
    prevalence: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of targets in the tube.")
    ] = None,
    recall: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of targets the gate keeps.")
    ] = None,
    efficiency: Annotated[
        float, typer.Option(min=0, max=1, help="Share of sorted cells that arrive.")
    ] = 0.7,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Write a gate as Gating-ML 2.0 for one cytometer, and a plan for the sort."""
    from imscope.analyses.gates.flow import flow_values, gating_ml_of
    from imscope.analyses.gates.sort_plan import SortAim, plan_sort
    from imscope.core import codes
    from imscope.core.errors import UsageError
    from imscope.io.fcs import read_fcs
    from imscope.io.gating_ml import write_gating_ml

    if scale not in ("logicle", "asinh") or (gating_ml is not None and fcs is None):
        raise UsageError(
            "Gating-ML names channels and thresholds of one cytometer",
            found=f"--scale {scale}, --fcs {fcs}",
            fix="give --fcs FILE and --scale logicle or asinh",
            code=codes.GATING_ML,
        )
    g = read_any_gate(gate)[0]
    channels: dict[str, str] = {}
    if fcs is not None:
        data = read_fcs(fcs)
        channels = dict(zip(g.markers, flow_values(data, g.markers)[1], strict=True))
        if gating_ml is not None:
            write_gating_ml(gating_ml, [gating_ml_of(g, data, scale=scale)])
            typer.echo(f"wrote {gating_ml}", err=True)
    aim = SortAim(
        cells,
        (prevalence,) * 3 if prevalence is not None else None,
        (recall,) * 3 if recall is not None else None,
        efficiency,
    )
    made = plan_sort(g, aim=aim, channels=channels)
    rows = as_records(made.steps)
    if plan is not None:
        _write(plan, rows)
    if as_json:
        _print({"gate": str(g), "plan": rows, "load": made.load, "warnings": list(made.warnings)})
        return
    for row in rows:
        typer.echo(f"{row['step']}. {row['kind']}: {row['what']}  {row['threshold']}".rstrip())
    for warning in made.warnings:
        typer.echo(f"mind: {warning}")


def _labelled(
    path: Path,
    gate: str,
    target: str,
    columns: tuple[str | None, str | None],
    *,
    modality: str | None,
    prevalence: float | None,
) -> "list[tuple[Evaluation, str, tuple[str, ...]]]":
    from imscope.analyses.gates.cells import open_cells, target_mask
    from imscope.analyses.gates.evaluate import (
        LabelledCells,
        evaluate_gate,
        gather_values,
        locate_markers,
    )

    gates = read_any_gate(gate)
    done = []
    with open_cells(path, donor=columns[0], lab=columns[1]) as cells:
        column, label = target_mask(cells.obs, target)
        for g in gates:
            found = locate_markers(
                g.markers,
                [str(c) for c in cells.proteins.columns],
                cells.genes,
                modality=modality or (g.scale.modality if _has_cuts(g) else None),  # type: ignore[arg-type]
            )
            tried = LabelledCells(
                gather_values(found, cells.proteins, cells.genes, cells.source),
                cells.obs[column].to_numpy(),
                cells.obs[cells.donor].to_numpy() if cells.donor else None,
                cells.obs[cells.lab].to_numpy() if cells.lab else None,
                found.modality,
            )
            result = evaluate_gate(
                g, tried, label, prevalence=prevalence, aligned=not _is_gating_ml(gate)
            )
            done.append((result, found.words(), cells.notes))
    return done


def read_any_gate(text: str) -> "list[Gate]":
    """Read a gate from a file of ours, from Gating-ML, or from the text itself."""
    from imscope.analyses.gates.gate import parse_gate
    from imscope.analyses.gates.gate_file import read_gates

    path = Path(text)
    if _is_gating_ml(text):
        from imscope.analyses.gates.flow import gates_of_gating_ml
        from imscope.io.gating_ml import read_gating_ml

        return gates_of_gating_ml(read_gating_ml(path))
    if text.strip().lower().endswith(".json") or (len(text) < 4_000 and path.is_file()):
        return read_gates(path)
    return [parse_gate(text)]


def _is_gating_ml(text: str) -> bool:
    return text.strip().lower().endswith((".xml", ".gatingml"))


def _has_cuts(gate: "Gate") -> bool:
    return any(x.cut is not None or x.raw_cuts for x in gate.literals)


def _fcs_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(p for p in path.iterdir() if p.suffix.lower() in FLOW_ENDINGS)
    return [path] if path.suffix.lower() in FLOW_ENDINGS else []


def _flow_record(
    files: list[Path],
    gate: str,
    predict_from: Path | None,
    modality: str | None,
    reading: dict[str, Any],
) -> dict[str, Any]:
    """A gate of markers and signs on flow files."""
    from imscope.analyses.gates.flow import gate_files

    g = read_any_gate(gate)[0]
    predicted = None if predict_from is None else _predicted(predict_from, g, modality)
    result = gate_files(files, g, predicted=predicted, **reading)
    return _as_record(result.gate, as_records(result.table), result.status, result.notes)


def _scheme_record(
    files: list[Path], gate: Path, predicted: "Predicted | None", reading: dict[str, Any]
) -> dict[str, Any]:
    """Every gate of a Gating-ML file on flow files: the first one, and the others beside it."""
    from imscope.analyses.gates.scheme import gate_scheme_files, per_file
    from imscope.io.gating_scheme import read_gating_scheme

    scheme = read_gating_scheme(gate)
    result = gate_scheme_files(files, scheme, **reading)
    records = []
    for k, name in enumerate(scheme.gates):
        table = per_file(result.table, name, predicted if k == 0 else None)
        status = "no labels: share of events only"
        record = _as_record(name, as_records(table), status, result.notes if k == 0 else ())
        rule = scheme.gates[name]
        records.append({**record, "kind": rule.kind, "parent": rule.parent or None})
    hierarchy = as_records(result.table)
    return {**records[0], "others": records[1:], "gates": hierarchy}


def _predicted(path: Path, gate: "Gate", modality: str | None) -> "Predicted":
    from imscope.analyses.gates.flow import predicted_share

    return predicted_share(*_shares(path, gate, modality))


def _as_record(
    gate: str, table: list[dict[str, object]], status: str, notes: Sequence[str]
) -> dict[str, Any]:
    empty = dict.fromkeys(("purity", "recall", "f1", "enrichment"))
    return {"gate": gate, **empty, "per_donor": table, "status": status, "notes": list(notes)}


def _tell_flow(record: dict[str, Any], out: Path | None, *, as_json: bool) -> None:
    if out is not None:
        _write(out, record.get("gates") or record["per_donor"])
    if as_json:
        _print(record)
        return
    for row in (record, *record.get("others", ())):
        inside = f" in {row['parent']}" if row.get("parent") else ""
        typer.echo(printable(f"{row['gate']}{inside}: {row['status']}"))
        for line in row["per_donor"]:
            events = f"{line['n_inside']:,} of {line['n_used']:,} events inside"
            typer.echo(printable(f"  {line['file']}: {events}"))
    for note in record["notes"]:
        typer.echo(printable(f"note: {note}"), err=True)


def _shares(path: Path, gate: "Gate", modality: str | None) -> "tuple[Any, Any]":
    """Cells inside the gate and cells in all, per donor of a data set."""
    import numpy as np

    from imscope.analyses.gates.cells import open_cells
    from imscope.analyses.gates.evaluate import cells_inside, gather_values, locate_markers

    with open_cells(path) as cells:
        found = locate_markers(
            gate.markers,
            [str(c) for c in cells.proteins.columns],
            cells.genes,
            modality=modality,  # type: ignore[arg-type]
        )
        values = gather_values(found, cells.proteins, cells.genes, cells.source)
        donors = (
            cells.obs[cells.donor].astype(str).to_numpy(dtype=object)
            if cells.donor
            else np.full(len(values), "all", dtype=object)
        )
        inside = cells_inside(gate, values, donors, modality=found.modality)
    _, code = np.unique(donors.astype(str), return_inverse=True)
    return np.bincount(code, inside).astype(int), np.bincount(code)


def _record(e: "Evaluation", measured: str, notes: tuple[str, ...]) -> dict[str, Any]:
    keys = ("purity", "recall", "f1", "enrichment", "prevalence", "n_cells", "n_target", "n_inside")
    whole = {"n_cells", "n_target", "n_inside"}
    figures = {k: int(e.overall[k]) if k in whole else plain(e.overall[k]) for k in keys}
    return {
        "gate": e.gate,
        **figures,
        "per_donor": as_records(e.per_donor),
        "per_lab": as_records(e.per_lab),
        "contaminants": as_records(e.contaminants),
        "measured_on": measured,
        "status": e.status,
        "notes": [*e.notes, *notes],
    }


def _show(row: dict[str, Any]) -> None:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    typer.echo(f"{row['gate']}: {row['status']} ({row['measured_on']})")
    head = ", ".join(f"{k} {number(row[k])}" for k in ("purity", "recall", "f1", "enrichment"))
    typer.echo(f"  all: {head}")
    for d in row["per_donor"]:
        figures = ", ".join(f"{k} {number(d[k])}" for k in ("purity", "recall", "f1"))
        typer.echo(f"  {d['donor']}: {figures}, {d['n_target']:,} targets")
    for note in row["notes"]:
        typer.echo(f"  note: {note}", err=True)


def _write(out: Path, rows: list[dict[str, Any]]) -> None:
    import pandas as pd

    from imscope.io.atomic import write_tsv

    write_tsv(out, pd.DataFrame(rows))
    typer.echo(f"wrote {out}: {len(rows)} rows", err=True)


def _print(content: dict[str, Any]) -> None:
    json.dump(content, sys.stdout, indent=1, allow_nan=False)
    sys.stdout.write("\n")
