"""`imscope subsets`: are the cells more than one population."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import as_records, plain
from imscope.cli.subset_score import score

if TYPE_CHECKING:
    import pandas as pd

    from imscope.core.cells import Cells

app = typer.Typer(no_args_is_help=True, help="Subsets: how many, which, and which for what.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.callback()
def group() -> None:
    """Subsets: how many there are, which they are, and which suit a use."""


@app.command("test")
def more_than_one(
    path: Annotated[Path, typer.Argument(help="A run folder or any readable matrix.")],
    unit: Annotated[
        str | None,
        typer.Option(help="Column of the replicate units; by default `lot`, else `sample`."),
    ] = None,
    max_cells: Annotated[int, typer.Option(help="Cells tested per unit.")] = 2_000,
    alpha: Annotated[float, typer.Option(help="Chance of a wrong split per unit.")] = 0.05,
    as_json: JsonOption = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Table of splits (.tsv).")] = None,
    seed: Annotated[int, typer.Option(help="Seed of draws and simulations.")] = 0,
) -> None:
    """Test every unit for more than one population."""
    from imscope.analyses.subsets.find import find_subsets
    from imscope.analyses.subsets.settings import SubsetSettings

    settings = SubsetSettings(alpha=alpha, max_cells=max_cells, seed=seed)
    with _open(path) as counts:
        column = unit or next((c for c in ("lot", "sample") if c in counts.obs.columns), None)
        result = find_subsets(
            counts.source, counts.features, counts.obs, unit=column, settings=settings
        )
    _write(result.splits, out)
    if as_json:
        _print_json({"records": as_records(result.calls), "splits": as_records(result.splits)})
        return
    for row in as_records(result.calls):
        typer.echo(f"{row['group']}: {row['verdict']} ({row['replication']}). {row['reason']}")


app.command("score")(score)


@app.command("stage")
def stages(
    path: Annotated[Path, typer.Argument(help="A run folder or any readable matrix.")],
    by: Annotated[str, typer.Option(help="Column that groups the cells.")] = "sample",
    dose: Annotated[float, typer.Option(min=1, help="Cells of a dose.")] = 1e8,
    reference: Annotated[
        str | None,
        typer.Option(help="Group of pluripotent cells to measure their marker genes in."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="New folder of tables.")] = None,
) -> None:
    """Stages on the way from iPSC to MSC, residual pluripotent and unwanted cells."""
    from imscope.analyses.safety.off_lineage import find_off_lineage
    from imscope.analyses.safety.residual import find_residual_pluripotent
    from imscope.analyses.safety.screen import ResidualSettings
    from imscope.analyses.subsets.stage_report import describe_stages
    from imscope.io.counts import read_counts

    settings = ResidualSettings(dose=dose, reference=reference)
    inside = path / "cells.h5ad"
    with read_counts(inside if path.is_dir() and inside.exists() else path) as counts:
        cells = counts.obs
        if "sample" not in cells.columns:
            cells = cells.assign(sample=path.name.split(".")[0])
        data = (counts.source, counts.features, cells)
        found = describe_stages(*data, by=by)
        residual = find_residual_pluripotent(*data, group=by, settings=settings)
        unwanted = find_off_lineage(*data, group=by, settings=settings)
    tables = {
        "stage_fractions": found.fractions,
        "stage_route": found.route,
        "residual_pluripotent": residual.groups,
        "off_lineage": unwanted.groups,
        "residual_cells": _both(residual.cells, unwanted.cells),
        "stage_cells": found.calls.cells.rename_axis("cell").reset_index(),
    }
    if found.window is not None:
        tables |= {
            "stage_window": found.window.days,
            "stage_window_checks": found.window.checks,
        }
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            table.to_csv(out / f"{name}.tsv", sep="\t", index=False)
        typer.echo(f"wrote {out}: {len(tables)} tables", err=True)
    for note in (*found.calls.notes, *([found.why_no_window] if found.why_no_window else [])):
        typer.echo(f"note: {note}", err=True)
    if as_json:
        safety = {
            "residual_pluripotent": as_records(residual.groups),
            "off_lineage": as_records(unwanted.groups),
            "cells": as_records(tables["residual_cells"]),
            "statement": residual.statement,
        }
        content: dict[str, object] = {
            "records": as_records(found.fractions),
            "route": as_records(found.route),
            "safety": safety,
        }
        if found.window is not None:
            content["window"] = as_records(found.window.checks)
        json.dump(content, sys.stdout, indent=1, allow_nan=False)
        sys.stdout.write("\n")
        return
    _print_stages(tables, residual.statement)


def _both(one: "pd.DataFrame", two: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    filled = [t for t in (one, two) if len(t)]
    return pd.concat(filled, ignore_index=True) if filled else one


def _print_stages(tables: "dict[str, pd.DataFrame]", statement: str) -> None:
    shares = tables["stage_fractions"]
    for group, part in shares.groupby("group", sort=False):
        top = part[part["frac"] > 0].sort_values("frac", ascending=False, kind="stable").head(4)
        pairs = zip(top["stage"], top["frac"], strict=True)
        words = ", ".join(f"{stage} {100 * frac:.1f} %" for stage, frac in pairs)
        typer.echo(f"{group}: {words}")
    if "stage_window_checks" in tables:
        for row in as_records(tables["stage_window_checks"]):
            typer.echo(f"window of {row['series']}: {row['status']}")
    for row in as_records(tables["residual_pluripotent"]):
        if row["upper_95"] is None:
            typer.echo(f"{row['group']}: residual pluripotent cells {row['status']}")
            continue
        typer.echo(
            f"{row['group']}: {row['n_called']} pluripotent cells called of {row['n_cells']}, "
            f"at most {100 * row['upper_95']:.3g} %, {row['cells_in_dose']:.3g} in a dose"  # type: ignore[operator]
        )
    typer.echo(statement)


@app.command("map")
def map_lots(
    query: Annotated[Path, typer.Argument(help="Lots to map: a run folder or a matrix.")],
    reference: Annotated[Path, typer.Option(help="A run folder or matrix with labelled cells.")],
    label: Annotated[
        str | None,
        typer.Option(help="Column of the labels; by default `subset`, else `label` or `cluster`."),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Column of the query's lots.")] = None,
    unit: Annotated[
        str | None,
        typer.Option(help="Column of the reference's units; by default `lot`, else `sample`."),
    ] = None,
    as_json: JsonOption = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Table of cells (.tsv).")] = None,
    seed: Annotated[int, typer.Option(help="Seed of draws.")] = 0,
) -> None:
    """Map query lots onto a labelled reference."""
    from imscope.analyses.subsets.mapping import Lot, MapSettings, map_query

    with _open(reference) as held, _open(query) as asked:
        for counts in (held, asked):
            _need_counts(counts)
        result = map_query(
            Lot(asked.source, asked.features, asked.obs),
            Lot(held.source, held.features, held.obs),
            label=label or _first(held.obs, "subset", "label", "cluster") or "label",
            by=by,
            unit=unit or _first(held.obs, "lot", "sample"),
            settings=MapSettings(seed=seed),
        )
    _write(result.cells, out)
    fitted = result.calibration
    typer.echo(f"calibration: {fitted.basis}; {fitted.accuracy:.1%} of them right", err=True)
    if as_json:
        calibration = {
            "basis": fitted.basis,
            "accuracy": plain(fitted.accuracy),
            "brier": plain(fitted.brier),
        }
        _print_json({"records": as_records(result.composition), "calibration": calibration})
        return
    for row in as_records(result.composition):
        typer.echo(_line(row, "group", "label", "frac", "low", "high"))


@app.command("rank")
def rank_for_use(
    scores: Annotated[Path, typer.Argument(help="Table `programme_scores` of subsets (.tsv).")],
    cells: Annotated[
        Path, typer.Option(help="`subset`, `unit`, `n_cells`, `n_total` and `passage` (.tsv).")
    ],
    weight: Annotated[
        list[str], typer.Option(help="Programme and weight, such as `angiogenesis=1`; repeatable.")
    ],
    vetoes: Annotated[Path | None, typer.Option(help="`subset` and `reason` (.tsv).")] = None,
    conflicts: Annotated[Path | None, typer.Option(help="`programme` and `reason` (.tsv).")] = None,
    as_json: JsonOption = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Ranking (.tsv).")] = None,
) -> None:
    """Rank subsets for an indication; every term of the total is shown."""
    from imscope.analyses.subsets.ranking import rank_subsets

    table = rank_subsets(
        _weights(weight),
        _read(scores),
        cells=_read(cells),
        vetoes=None if vetoes is None else _read(vetoes),
        conflicts=None if conflicts is None else _read(conflicts),
    )
    _write(table, out)
    if as_json:
        _print_json({"records": as_records(table)})
        return
    for row in as_records(table):
        typer.echo(_line(row, "rank", "subset", "term", "value", "basis", "status"))


def _weights(words: list[str]) -> dict[str, float]:
    from imscope.core import codes
    from imscope.core.errors import UsageError

    found = {}
    for word in words:
        name, _, number = word.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError as error:
            raise UsageError(
                f"{word!r} is not a programme and its weight",
                fix="write it as angiogenesis=1",
                code=codes.SUBSETS_OPTION,
            ) from error
    return found


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    names = dict.fromkeys(("group", "subset", "unit", "programme"), str)
    return pd.read_csv(path, sep="\t", dtype=names)


def _open(path: Path) -> "Cells":
    from imscope.io.counts import read_counts

    inside = path / "cells.h5ad"
    return read_counts(inside if path.is_dir() and inside.exists() else path)


def _need_counts(counts: "Cells") -> None:
    from imscope.core.errors import MethodError

    if counts.kind != "counts":
        raise MethodError(
            "mapping needs UMI counts", found=f"{counts.name}: a matrix of other expression values"
        )


def _first(obs: "pd.DataFrame", *names: str) -> str | None:
    return next((name for name in names if name in obs.columns), None)


def _line(row: dict[str, object], *names: str) -> str:
    values = [row[name] for name in names]
    return "  ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in values)


def _write(table: "pd.DataFrame", out: Path | None) -> None:
    if out is not None:
        table.to_csv(out, sep="\t", index=False)
        typer.echo(f"wrote {out}: {len(table)} rows", err=True)


def _print_json(content: object) -> None:
    json.dump(content, sys.stdout, indent=1, allow_nan=False)
    sys.stdout.write("\n")
