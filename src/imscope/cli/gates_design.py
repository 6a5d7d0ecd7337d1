"""`imscope gates design`: the smallest gate for a target, and how far to trust it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import as_records, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from imscope.analyses.gates.cells import GateCells
    from imscope.analyses.gates.design import GateDesign
    from imscope.analyses.gates.sorting import Measure

GATE_FIELDS = (
    *("gate", "size", "markers", "purity", "recall", "f1", "purity_low", "purity_high"),
    *("per_donor", "class"),
)


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
        float, typer.Option(min=0, max=1, help="Purity the worst donor must be shown to reach.")
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
    seconds: Annotated[float, typer.Option(min=0.001, help="Time budget of one search.")] = 30.0,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Gate file (.json).")] = None,
    tables: Annotated[Path | None, typer.Option(help="Folder for every table (.tsv).")] = None,
    report: Annotated[
        Path | None, typer.Option(help="One offline HTML page with plots per donor.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of folds and resampling.")] = 0,
) -> None:
    """Design sort gates for a target and judge them on donors they never saw."""
    from imscope.analyses.gates.cells import open_cells
    from imscope.analyses.gates.design import DesignSettings
    from imscope.analyses.gates.nested import SearchSpace
    from imscope.analyses.gates.read_design import design_cells
    from imscope.core import codes
    from imscope.core.errors import UsageError

    if modality not in (None, "protein", "rna"):
        raise UsageError("--modality is protein or rna", found=modality, code=codes.GATE_OPTION)
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
    settings = DesignSettings(space=space, purity_floor=purity_floor, rna_minus=rna_minus)
    with open_cells(path, donor=donor, lab=lab) as cells:
        done = design_cells(
            cells,
            target,
            modality=modality,  # type: ignore[arg-type]
            settings=settings,
            measure=_measure(cells) if heterogeneity else None,
        )
    result = done.design
    for note in result.notes:
        typer.echo(note, err=True)
    if out is not None:
        _write_gates(result, out, target)
    if tables is not None:
        _write_tables(done.tables(), tables)
    if report is not None:
        _write_report(done.tables(), report, f"Sort gates for {target} in {path.name}")
    if as_json:
        content = _content(result)
        if done.sorted_cells is not None:
            content["sorted"] = as_records(done.sorted_cells)
        json.dump(content, sys.stdout, indent=1, allow_nan=False)
        sys.stdout.write("\n")
    else:
        _show(result)


def _write_report(tables: "Mapping[str, pd.DataFrame]", path: Path, title: str) -> None:
    """Write the page of a gate design: the gates, and what is recorded about their markers."""
    import pandas as pd

    from imscope import __version__
    from imscope.core.schema import CELLS
    from imscope.evidence.answers import evidence_notes
    from imscope.io.atomic import write_text
    from imscope.report.inputs import ReportInput
    from imscope.report.payload import render

    gates = tables["gate_designs"]
    markers = dict.fromkeys(w.rstrip("+-") for text in gates["gate"] for w in text.split())
    shown = {**tables, "evidence_notes": evidence_notes(markers)}
    results = {"title": title, "imscope_version": __version__, "answer": []}
    empty = pd.DataFrame({c.name: [] for c in CELLS.columns})
    write_text(path, render(ReportInput(results, shown, empty), only=("gates", "evidence")))
    typer.echo(f"wrote {path}", err=True)


def _measure(cells: "GateCells") -> "Measure":
    """Heterogeneity per group of some of the cells, from the RNA counts of the file."""
    from imscope.analyses.heterogeneity.compute import compute_heterogeneity
    from imscope.analyses.heterogeneity.indices import index_table
    from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
    from imscope.core import codes
    from imscope.core.errors import DataError
    from imscope.io.genes import gene_classes, map_genes

    source = cells.source
    if source is None:
        raise DataError(
            "heterogeneity needs RNA counts, and these cells have none", code=codes.GATE_INPUT
        )
    features, _ = map_genes(list(cells.genes))
    classes = gene_classes(features)
    column, left_out = "gate_group", "left out by the gate"

    def measure(chosen: "NDArray[np.bool_]", groups: "NDArray[np.str_]") -> "pd.DataFrame":
        import pandas as pd

        names = pd.Series(left_out, index=cells.obs.index, dtype="object")
        names[chosen] = groups
        obs = pd.DataFrame({column: names.astype("str")})
        settings = HeterogeneitySettings()
        h = compute_heterogeneity(source, features, obs, classes=classes, settings=settings)
        table = index_table(h, column)
        return table.loc[table["group"] != left_out, ["group", "hi2", "hi2_low", "hi2_high"]]

    return measure


def _content(result: "GateDesign") -> dict[str, object]:
    """The JSON of a design: gates best first, trade-offs, gap and status."""
    gates = []
    for row in as_records(result.table):
        of = result.donors[result.donors["gate"] == row["gate"]].drop(columns="gate")
        more = {k: v for k, v in row.items() if k not in (*GATE_FIELDS, "markers", "rank")}
        names = next(g.markers for g in result.gates if str(g) == row["gate"])
        record = {**row, "markers": list(names), "per_donor": as_records(of)}
        gates.append({**{k: record[k] for k in GATE_FIELDS}, **more})
    return {
        "gates": gates,
        "pareto": as_records(result.pareto),
        "gap": plain(result.gap),
        "status": result.status,
        "unseen": as_records(result.unseen),
        "substitutes": as_records(result.substitutes),
        "stability": as_records(result.stability),
        "prevalence": as_records(result.prevalence),
        "contaminants": as_records(result.contaminants),
        "conflicts": as_records(result.conflicts),
        "notes": list(result.notes),
    }


def _write_gates(result: "GateDesign", out: Path, target: str) -> None:
    from imscope.analyses.gates.gate_file import write_gates

    if not result.gates:
        typer.echo(f"{out} was not written: there is no gate", err=True)
        return
    notes: list[dict[str, str | float | None]] = [
        {
            k: v if isinstance(v, str) or v is None else float(str(v))
            for k, v in row.items()
            if k in ("gate", "purity", "recall", "f1", "purity_low", "purity_high", "class")
        }
        for row in as_records(result.table)
    ]
    write_gates(out, list(result.gates), target=target, notes=notes)
    typer.echo(f"wrote {out}: {len(result.gates)} gates, best first", err=True)


def _write_tables(named: "dict[str, pd.DataFrame]", folder: Path) -> None:
    from imscope.io.atomic import guarded, write_tsv

    guarded(folder, lambda: folder.mkdir(parents=True, exist_ok=True))
    for name, table in named.items():
        write_tsv(folder / f"{name}.tsv", table)
    typer.echo(f"wrote {len(named)} tables to {folder}", err=True)


def _show(result: "GateDesign") -> None:
    from rich.console import Console
    from rich.table import Table

    view = Table()
    columns = ("gate", "purity", "purity_low", "purity_high", "recall", "f1", "class")
    for name in columns:
        view.add_column(name)
    for row in as_records(result.table.head(8)):
        cells = [row[c] for c in columns]
        view.add_row(*[f"{v:.3f}" if isinstance(v, float) else str(v or "") for v in cells])
    if len(result.table):
        Console().print(view)
    typer.echo(f"status: {result.status}")
