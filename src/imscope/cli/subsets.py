"""`imscope subsets`: how many there are, which they are, and which suit a use."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import (
    ByOption,
    JsonOption,
    OutFolderOption,
    OutOption,
    PathArgument,
    SchedulerOption,
    SeedOption,
    ThreadsOption,
    UnitOption,
    as_records,
    emit,
    opened,
    say,
    tell,
    write_cells,
)

if TYPE_CHECKING:
    import pandas as pd

    from imscope.analyses.safety import ResidualSettings
    from imscope.core.cells import Cells
    from imscope.core.result import Result

app = typer.Typer(no_args_is_help=True, help="Subsets: how many, which, and which for what.")

SCORE_FIELDS = ("group", "programme", "score", "coverage", "status", "p_value", "q_value")


@app.callback()
def group() -> None:
    """Subsets: how many there are, which they are, and which suit a use."""


@app.command("test")
def more_than_one(
    path: PathArgument,
    unit: UnitOption = None,
    max_cells: Annotated[int, typer.Option(help="Cells tested per unit.")] = 2_000,
    alpha: Annotated[float, typer.Option(help="Chance of a wrong split per unit.")] = 0.05,
    as_json: JsonOption = False,
    out: OutOption = None,
    seed: SeedOption = 0,
) -> None:
    """Test every unit for more than one population."""
    from imscope.analyses.subsets import SubsetSettings, split

    settings = SubsetSettings(alpha=alpha, max_cells=max_cells, seed=seed)
    with opened(path) as cells:
        tables = split(cells, unit=unit, settings=settings).tables
    calls, splits = as_records(tables["subset_calls"]), tables["subset_splits"]
    joint = as_records(tables["subset_joint"])
    content = {"records": calls, "splits": as_records(splits), "joint": joint}
    lines = [f"{r['group']}: {r['verdict']} ({r['replication']}). {r['reason']}" for r in calls]
    emit(splits, as_json=as_json, out=out, content=content, lines=lines)


@app.command("score")
def programmes(
    path: PathArgument,
    by: ByOption = None,
    unit: UnitOption = None,
    test: Annotated[str | None, typer.Option(help="Compare only this group.")] = None,
    reference: Annotated[str | None, typer.Option(help="Compare with this group only.")] = None,
    random_sets: Annotated[int, typer.Option(help="Random gene sets per programme.")] = 9_999,
    table: Annotated[
        Path | None, typer.Option(help="Also write the whole table of groups (.tsv).")
    ] = None,
    as_json: JsonOption = False,
    out: OutOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
    scheduler: SchedulerOption = "threads",
) -> None:
    """Score gene programmes in every cell (--out), and test groups with units as replicates."""
    from imscope.analyses.subsets import ProgrammeSettings, score

    settings = ProgrammeSettings(test, reference, random_sets=random_sets, seed=seed)
    with opened(path, bulk=True, scheduler=scheduler) as cells:
        result = score(cells, by=by, unit=unit, settings=settings, threads=threads)
    found = result.tables["programme_scores"]
    records = [{k: row[k] for k in SCORE_FIELDS} for row in as_records(found)]
    lines = ["\t".join([*_words(r, "group", "programme", "score", "status")]) for r in records]
    write_cells(result, out)
    emit(found, as_json=as_json, out=table, content={"records": records}, lines=lines)


@app.command("stage")
def stages(
    path: PathArgument,
    by: ByOption = None,
    dose: Annotated[
        float | None,
        typer.Option(min=1, help="Cells of a dose; without it no share is translated to a dose."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Group of pluripotent cells to measure their marker genes in."),
    ] = None,
    as_json: JsonOption = False,
    out: OutFolderOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Stages on the way from iPSC to MSC, residual pluripotent and unwanted cells."""
    from imscope.analyses.safety import ResidualSettings
    from imscope.analyses.subsets import stage

    settings = ResidualSettings(dose=dose, reference=reference)
    with opened(path, bulk=True) as cells:
        if "sample" not in cells.obs:
            cells = cells.with_obs(sample=[path.name.split(".")[0]] * cells.n_cells)
        found = stage(cells, by=by, threads=threads)
        searched = _search(cells, by, settings, threads)
    tell(n for n in found.notices if n not in cells.notices)
    if found.skipped:
        say(f"note: {found.why('stage_window')}")
    made = {**found.tables, **searched.tables}
    if found.cells is not None:
        made["stage_cells"] = found.cells.rename_axis("cell").reset_index()
    records = {name: as_records(t) for name, t in made.items() if name != "stage_cells"}
    statement = str(searched.facts.get("statement") or searched.why("residual_cells"))
    content = {
        "records": records["stage_fractions"],
        "route": records["stage_route"],
        "safety": {
            "residual_pluripotent": records.get("residual_pluripotent", []),
            "off_lineage": records.get("off_lineage", []),
            "cells": records.get("residual_cells", []),
            "statement": statement,
        },
    } | ({"window": records["stage_window_checks"]} if "stage_window" in made else {})
    lines = [*_stage_lines(made), statement]
    emit(made, as_json=as_json, out=out, content=content, lines=lines)


def _search(
    cells: "Cells", by: str | None, settings: "ResidualSettings", threads: int | None
) -> "Result":
    """Search single cells; rows of many cells hold no cell that could be called."""
    from imscope.analyses.safety import residual
    from imscope.core.result import skip
    from imscope.core.row_kind import PLURAL

    if cells.single:
        return residual(cells, by=by, settings=settings, threads=threads)
    words = f"residual cells cannot be searched in {PLURAL[cells.rows]}"
    say(f"note: {words}")
    return skip(["residual_pluripotent", "off_lineage", "residual_cells"], words)


def _stage_lines(tables: "dict[str, pd.DataFrame]") -> list[str]:
    lines = []
    for name, part in tables["stage_fractions"].groupby("group", sort=False):
        top = part[part["frac"] > 0].sort_values("frac", ascending=False, kind="stable").head(4)
        pairs = zip(top["stage"], top["frac"], strict=True)
        lines.append(f"{name}: {', '.join(f'{s} {100 * frac:.1f} %' for s, frac in pairs)}")
    if "stage_window_checks" in tables:
        for row in as_records(tables["stage_window_checks"]):
            lines.append(f"window of {row['series']}: {row['reason']}")
    residual = tables.get("residual_pluripotent")
    for found in [] if residual is None else as_records(residual):
        words = f"residual pluripotent cells {found['status']}: {found['reason']}"
        if found["status"] == "ok":
            upper, dose = float(str(found["upper_95"])), found["dose"]
            words = (
                f"{found['n_called']} pluripotent cells called of {found['n_cells']}, at most "
                f"{100 * upper:.3g} %"
            )
            if dose is not None:
                most, cells = float(str(found["cells_in_dose"])), float(str(dose))
                words += f", so at most {most:.3g} in a dose of {cells:.3g} cells"
        lines.append(f"{found['group']}: {words}")
    return lines


@app.command("map")
def map_lots(
    query: Annotated[Path, typer.Argument(help="Lots to map: a run folder or a matrix.")],
    reference: Annotated[Path, typer.Option(help="A run folder or matrix with labelled cells.")],
    label: Annotated[
        str | None,
        typer.Option(help="Column of the labels; by default `subset`, else `label` or `cluster`."),
    ] = None,
    by: ByOption = None,
    unit: UnitOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
) -> None:
    """Map query lots onto a labelled reference; --unit names the reference's units."""
    from imscope.analyses.subsets import MapSettings
    from imscope.analyses.subsets.mapping import map_cells

    with opened(reference) as held, opened(query) as asked:
        result = map_cells(
            asked, held, label=label, by=by, unit=unit, settings=MapSettings(seed=seed),
            threads=threads,
        )  # fmt: skip
    tell(n for n in result.notices if n not in (*held.notices, *asked.notices))
    facts = result.facts
    say(f"calibration: {facts['basis']}; {facts['accuracy']:.1%} of them right")
    records = as_records(result.tables["mapped_composition"])
    lines = ["  ".join(_words(r, "group", "label", "frac", "low", "high")) for r in records]
    emit(
        result.tables["mapped_cells"], as_json=as_json, out=out,
        content={"records": records, "calibration": dict(facts)}, lines=lines,
        notices=result.notices,
    )  # fmt: skip


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
    measured: Annotated[
        Path | None, typer.Option(help="Table `potency_link` of `imscope potency link` (.tsv).")
    ] = None,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Rank subsets for an indication; every term of the total is shown."""
    from imscope.analyses.subsets import rank

    table = rank(
        _weights(weight),
        _read(scores),
        cells=_read(cells),
        vetoes=None if vetoes is None else _read(vetoes),
        conflicts=None if conflicts is None else _read(conflicts),
        measured=None if measured is None else _read(measured),
    )
    fields = ("rank", "subset", "term", "value", "basis", "status", "reason")
    lines = ["  ".join(_words(row, *fields)).rstrip() for row in as_records(table)]
    emit(table, as_json=as_json, out=out, lines=lines)


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


def _words(row: dict[str, object], *names: str) -> list[str]:
    values = [row[name] for name in names]
    return [f"{v:.3f}" if isinstance(v, float) else "-" if v is None else str(v) for v in values]
