"""`imscope gates evaluate` and `export`: any gate on any data, and what a sorter needs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imscope.cli.gates_design import _modality
from imscope.cli.shell import JsonOption, OutOption, as_records, check_out, emit, plain, say

if TYPE_CHECKING:
    from imscope.analyses.gates.grid import Modality
    from imscope.analyses.gates.read_gate import Evaluated

GateOption = Annotated[
    str,
    typer.Option("--gate", help='Text such as "CD73+ CD45-", a gate file, or Gating-ML (.xml).'),
]


def evaluate(
    path: Annotated[Path, typer.Argument(help="Labelled cells, a run folder, or .fcs file(s).")],
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
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Purity, recall and enrichment of any gate, per donor and lab."""
    from imscope.analyses.gates.read_gate import evaluate_file
    from imscope.core import codes
    from imscope.core.errors import UsageError

    kind = _modality(modality)
    files = _fcs_files(path)
    if files:
        _flow(files, gate, predict_from, kind, out, as_json)
        return
    if target is None:
        raise UsageError(
            "labelled cells need a target", fix="--target COLUMN=LABEL", code=codes.GATE_TARGET
        )
    found = evaluate_file(
        path, gate, target, donor=donor, lab=lab, modality=kind, prevalence=prevalence
    )
    rows = [_record(e) for e in found]
    more = {"others": rows[1:]} if len(rows) > 1 else {}
    lines = [line for row in rows for line in _lines(row)]
    table = found[0].evaluation.per_donor
    emit(table, as_json=as_json, out=out, content={**rows[0], **more}, lines=lines)


def export(
    gate: GateOption,
    fcs: Annotated[
        Path | None, typer.Option("--fcs", help="File whose channels and peaks Gating-ML is for.")
    ] = None,
    gating_ml: Annotated[
        Path | None,
        typer.Option("--gating-ml", help="Write Gating-ML 2.0 (needs --fcs).", callback=check_out),
    ] = None,
    scale: Annotated[str, typer.Option(help="logicle or asinh.")] = "logicle",
    plan: Annotated[
        Path | None, typer.Option("--plan", help="Write the sort plan (.tsv).", callback=check_out)
    ] = None,
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
    as_json: JsonOption = False,
) -> None:
    """Write a gate as Gating-ML 2.0 for one cytometer, and a plan for the sort."""
    from imscope.analyses.gates.flow import flow_values, gating_ml_of
    from imscope.analyses.gates.read_gate import read_any_gate
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
            say(f"wrote {gating_ml}")
    aim = SortAim(
        cells,
        (prevalence,) * 3 if prevalence is not None else None,
        (recall,) * 3 if recall is not None else None,
        efficiency,
    )
    made = plan_sort(g, aim=aim, channels=channels)
    rows = as_records(made.steps)
    content = {"gate": str(g), "plan": rows, "load": made.load, "warnings": list(made.warnings)}
    lines = [f"{r['step']}. {r['kind']}: {r['what']}  {r['threshold']}".rstrip() for r in rows]
    lines += [f"mind: {warning}" for warning in made.warnings]
    emit(made.steps, as_json=as_json, out=plan, content=content, lines=lines)


def _fcs_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(p for p in path.iterdir() if p.suffix.lower() == ".fcs")
    return [path] if path.suffix.lower() == ".fcs" else []


def _flow(
    files: list[Path],
    gate: str,
    predict_from: Path | None,
    modality: "Modality | None",
    out: Path | None,
    as_json: bool,
) -> None:
    from imscope.analyses.gates.flow import gate_files, predicted_share
    from imscope.analyses.gates.read_gate import is_gating_ml, read_any_gate, shares_inside

    g = read_any_gate(gate)[0]
    predicted = None
    if predict_from is not None:
        predicted = predicted_share(*shares_inside(predict_from, g, modality))
    result = gate_files(files, g, predicted=predicted, aligned=not is_gating_ml(gate))
    rows = as_records(result.table)
    content = {
        "gate": result.gate,
        **dict.fromkeys(("purity", "recall", "f1", "enrichment")),
        "per_donor": rows,
        "status": result.status,
        "notes": list(result.notes),
    }
    lines = [f"{result.gate}: {result.status}"]
    lines += [f"  {r['file']}: {r['n_inside']:,} of {r['n_used']:,} events inside" for r in rows]
    emit(result.table, as_json=as_json, out=out, content=content, lines=lines)


def _record(found: "Evaluated") -> dict[str, Any]:
    e = found.evaluation
    keys = ("purity", "recall", "f1", "enrichment", "prevalence", "n_cells", "n_target", "n_inside")
    whole = {"n_cells", "n_target", "n_inside"}
    figures = {k: int(e.overall[k]) if k in whole else plain(e.overall[k]) for k in keys}
    return {
        "gate": e.gate,
        **figures,
        "per_donor": as_records(e.per_donor),
        "per_lab": as_records(e.per_lab),
        "contaminants": as_records(e.contaminants),
        "measured_on": found.measured_on,
        "status": e.status.code,
        "reason": e.status.words,
        "reasons": [{"code": s.code, "words": s.words} for s in e.reasons],
        "notes": list(e.notes),
    }


def _lines(row: dict[str, Any]) -> list[str]:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    why = "".join(f"\n  {s['code']}: {s['words']}" for s in row["reasons"])
    out = [f"{row['gate']}: {row['status']} ({row['measured_on']}){why}"]
    head = ", ".join(f"{k} {number(row[k])}" for k in ("purity", "recall", "f1", "enrichment"))
    out.append(f"  all: {head}")
    for d in row["per_donor"]:
        figures = ", ".join(f"{k} {number(d[k])}" for k in ("purity", "recall", "f1"))
        out.append(f"  {d['donor']}: {figures}, {d['n_target']:,} targets")
    for note in row["notes"]:
        say(f"  note: {note}")
    return out
