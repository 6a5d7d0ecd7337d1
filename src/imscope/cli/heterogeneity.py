"""`imscope heterogeneity`: how varied the cells are, and where the variation comes from."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import as_records, notices_json, plain, tell

if TYPE_CHECKING:
    import pandas as pd

    from imscope.analyses.heterogeneity.compute import Heterogeneity
    from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
    from imscope.core.cells import Cells
    from imscope.core.result import Notice

app = typer.Typer(no_args_is_help=True, help="How varied the cells are, and why.")

PathArgument = Annotated[Path, typer.Argument(help="A run folder or any readable matrix.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Result table (.tsv).")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of blocks and bootstrap.")]

INDEX_FIELDS = (
    "group",
    "n_cells",
    "n_units",
    "median_umi",
    "hi2",
    "hi2_low",
    "hi2_high",
    "bcv_percent",
    "hi_c",
    "programmes",
    "status",
    "warnings",
)


@app.command()
def index(
    path: PathArgument,
    by: Annotated[
        str | None,
        typer.Option(help="Column that makes the groups; default `sample`, else the whole file."),
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Column of the replicate units.")] = None,
    floor: Annotated[
        float | None, typer.Option(help="HI2 of a technical control on this platform.")
    ] = None,
    floor_from: Annotated[
        str | None,
        typer.Option(
            help="Measure the technical floor: COLUMN=VALUE of wells of one RNA, or `spike-ins`."
        ),
    ] = None,
    without: Annotated[
        str,
        typer.Option(help="Gene sets left out of the second version, comma separated."),
    ] = "cell_cycle,dissociation",
    genes: Annotated[Path | None, typer.Option(help="Also write what each gene adds.")] = None,
    programmes: Annotated[Path | None, typer.Option(help="Also write the gene sets.")] = None,
    relative: Annotated[
        Path | None, typer.Option(help="Also write ratios to the reference samples.")
    ] = None,
    relative_to: Annotated[
        str | None,
        typer.Option(
            help="Reference: a group, or COLUMN=VALUE; default the samples with `is_reference`, "
            "else the source class `reference_line`."
        ),
    ] = None,
    as_json: JsonOption = False,
    out: OutOption = None,
    seed: SeedOption = 0,
) -> None:
    """Noise-corrected heterogeneity of every group, with interval and caveats."""
    from imscope.analyses.heterogeneity.carriers import gene_table, programme_table
    from imscope.analyses.heterogeneity.floor import with_floor
    from imscope.analyses.heterogeneity.index import index_table
    from imscope.analyses.heterogeneity.relative import references, relative_table
    from imscope.analyses.heterogeneity.settings import HeterogeneitySettings

    settings = HeterogeneitySettings(
        seed=seed,
        replicate_unit=unit,
        technical_floor=floor,
        without_sets=_gene_sets(without),
    )
    ratios: pd.DataFrame | None = None
    with _open(path, by, unit) as counts:
        told = counts.notices
        if counts.kind != "counts":
            table = _no_counts(counts.obs, by)
        else:
            named = [w.partition("=")[0] for w in (floor_from, relative_to) if w and "=" in w]
            h = _compute(counts, [by, unit, *named, *_marks(counts.obs)], settings)
            column = by or _default_group(counts.obs)
            if floor_from is not None:
                h = with_floor(h, floor_from)
            table = index_table(h, column)
            if relative is not None or relative_to is not None or references(h).any():
                ratios = relative_table(h, column, reference=relative_to)
            if relative is not None and ratios is not None:
                _write(ratios, relative)
            for path_of, make in ((genes, gene_table), (programmes, programme_table)):
                if path_of is not None:
                    _write(make(h, column), path_of)
    _write(table, out)
    if as_json:
        content: dict[str, object] = {"records": [_index_record(row) for row in as_records(table)]}
        if ratios is not None:
            content["relative"] = as_records(ratios)
        _print_json(content, told)
        return
    more = ["hi2_without_cycle"]
    if "hi2_above_floor" in table.columns and table["hi2_above_floor"].notna().any():
        more.append("hi2_above_floor")
    _show(table, ["group", "n_cells", "median_umi", "hi2", "hi2_low", "hi2_high", *more])
    if ratios is not None:
        _show(ratios, ["group", "reference", "ratio", "low", "high"])


GENE_SETS = {"cell_cycle": ("cc_s", "cc_g2m"), "dissociation": ("dissociation_stress",)}
"""Short names of what is usually left out; any gene set can be named."""


def _gene_sets(text: str) -> tuple[str, ...]:
    from difflib import get_close_matches

    from imscope.core import codes
    from imscope.core.errors import UsageError
    from imscope.evidence.gene_sets import load

    known = load()
    out: list[str] = []
    for name in (w.strip() for w in text.split(",") if w.strip()):
        if name not in GENE_SETS and name not in known:
            near = get_close_matches(name, [*GENE_SETS, *known], n=3, cutoff=0.4)
            raise UsageError(
                f"there is no gene set {name!r}",
                fix=f"did you mean {', '.join(near)}?"
                if near
                else f"one of {', '.join(GENE_SETS)}",
                code=codes.CONFIG_VALUE,
            )
        out += GENE_SETS.get(name, (name,))
    return tuple(dict.fromkeys(out))


def _marks(obs: "pd.DataFrame") -> list[str]:
    """Columns that mark controls, where the cells have them."""
    return [c for c in ("is_reference", "source_class", "is_pool") if c in obs.columns]


LEVEL_FIELDS = ("level", "hi2", "low", "high", "share", "n_groups", "status")
CLAIM_FIELDS = (
    "claim",
    "test_group",
    "reference_group",
    "ratio",
    "low",
    "high",
    "p_value",
    "p_equivalence",
    "n_test",
    "n_reference",
    "verdict",
    "reason",
)


@app.command()
def decompose(
    path: PathArgument,
    levels: Annotated[str, typer.Option(help="Columns coarse to fine, comma separated.")],
    as_json: JsonOption = False,
    out: OutOption = None,
    seed: SeedOption = 0,
) -> None:
    """What each level of the design adds to heterogeneity; levels add up to the total."""
    from imscope.analyses.heterogeneity.decomposition import decompose as split
    from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
    from imscope.io.same_cells import refuse_same_cells

    names = [name.strip() for name in levels.split(",") if name.strip()]
    with _open(path, *names) as counts:
        _need_counts(counts)
        refuse_same_cells(counts)
        told = counts.notices
        h = _compute(counts, [*names], HeterogeneitySettings(seed=seed))
        result = split(h, names, programmes=out is not None)
    _write(result.table, out)
    table = result.table[result.table["programme"] == "all"]
    for line in (*result.merged, *result.untestable):
        typer.echo(line, err=True)
    if not as_json:
        _show(table, list(LEVEL_FIELDS))
        return
    records = [{k: row[k] for k in LEVEL_FIELDS} for row in as_records(table)]
    _print_json(
        {
            "records": records,
            "total_hi2": plain(result.total_hi2),
            "merged": list(result.merged),
            "untestable": list(result.untestable),
        },
        told,
    )


@app.command()
def compare(
    path: PathArgument,
    group: Annotated[str, typer.Option(help="Column of the groups.")],
    unit: Annotated[str | None, typer.Option(help="Column of the replicate units.")] = None,
    test: Annotated[str | None, typer.Option(help="Group the claim is about.")] = None,
    reference: Annotated[str | None, typer.Option(help="Group it is compared with.")] = None,
    margin_low: Annotated[float, typer.Option(help="Lower end of the margin.")] = 0.80,
    margin_high: Annotated[float, typer.Option(help="Upper end of the margin.")] = 1.25,
    senescent: Annotated[
        Path | None,
        typer.Option(help="Table (.tsv) with `sample` and `senescent_fraction`, for claim C."),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            help="File that fixes the settings: written before the data are read if it is not "
            "there; a comparison with other settings is then not testable."
        ),
    ] = None,
    as_json: JsonOption = False,
    out: OutOption = None,
    seed: SeedOption = 0,
) -> None:
    """Claims A, B and C of two groups, with units as replicates, verdict and reason."""
    from imscope.analyses.heterogeneity.comparison import compare as test_claims
    from imscope.analyses.heterogeneity.settings import HeterogeneitySettings
    from imscope.analyses.heterogeneity.slopes import with_fractions
    from imscope.io.same_cells import refuse_same_cells

    settings = HeterogeneitySettings(
        seed=seed, replicate_unit=unit, margin_low=margin_low, margin_high=margin_high
    )
    registered = None if plan is None else _register(plan, settings)
    with _open(path, group, unit) as counts:
        _need_counts(counts)
        refuse_same_cells(counts)
        told = counts.notices
        h = _compute(counts, [group, unit], settings)
        if senescent is not None:
            h = with_fractions(h, _fractions(senescent))
        table = test_claims(
            h, group, unit=unit, test=test, reference=reference, registered=registered
        )
    _write(table, out)
    if as_json:
        records = [{k: row[k] for k in CLAIM_FIELDS} for row in as_records(table)]
        _print_json({"records": records, "settings_hash": settings.digest}, told)
    else:
        _show(table, ["claim", "test_group", "reference_group", "p_value", "verdict", "reason"])


@app.command()
def power(
    units: Annotated[int, typer.Option(help="Replicate units per group.")] = 4,
    sd: Annotated[float, typer.Option(help="SD of log HI2 between units.")] = 0.2,
    ratio: Annotated[float, typer.Option(help="HI2 of test over reference to show.")] = 0.7,
    pilot: Annotated[
        Path | None, typer.Option(help="Pilot data: tabulate the power of its own design.")
    ] = None,
    group: Annotated[str, typer.Option(help="Column of the groups of the pilot.")] = "source_class",
    unit: Annotated[str | None, typer.Option(help="Replicate units of the pilot.")] = None,
    as_json: JsonOption = False,
    seed: SeedOption = 0,
) -> None:
    """What a comparison with so many units can show, and how many are needed."""
    from dataclasses import asdict

    from imscope.analyses.heterogeneity.planning import compute_power, pilot_table
    from imscope.analyses.heterogeneity.settings import HeterogeneitySettings

    if pilot is not None:
        with _open(pilot, group, unit) as counts:
            _need_counts(counts)
            told = counts.notices
            settings = HeterogeneitySettings(seed=seed, replicate_unit=unit)
            table = pilot_table(_compute(counts, [group, unit], settings), group, unit=unit)
        if as_json:
            _print_json({"records": as_records(table)}, told)
        else:
            _show(table, [str(c) for c in table.columns])
        return
    result = asdict(compute_power(units, sd=sd, ratio=ratio, seed=seed))
    sentence = result.pop("sentence")
    between = result.pop("power_between")
    typer.echo(sentence, err=True)
    typer.echo(f"claim B: a halved spread is seen with a chance of {100 * between:.0f} %", err=True)
    if as_json:
        _print_json({k: plain(v) for k, v in result.items()})
    else:
        for name, value in result.items():
            typer.echo(f"{name}: {value:.3f}")


def _register(plan: Path, settings: "HeterogeneitySettings") -> str:
    """Hash fixed in the plan file; a plan that is not there is written first."""
    from dataclasses import asdict

    from imscope.core.errors import DataError
    from imscope.io.atomic import write_text

    if not plan.exists():
        content = {"settings": asdict(settings), "settings_hash": settings.digest}
        write_text(plan, json.dumps(content, indent=1) + "\n")
        typer.echo(f"wrote {plan}: settings fixed before the data are read", err=True)
    try:
        fixed = json.loads(plan.read_text(encoding="utf-8"))["settings_hash"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{plan} is not a plan of a comparison", found=str(error), fix="remove the file"
        ) from error
    return str(fixed)


def _fractions(path: Path) -> dict[str, float]:
    import pandas as pd

    from imscope.analyses.heterogeneity.slopes import read_fractions
    from imscope.core.errors import DataError

    try:
        table = pd.read_csv(path, sep="\t", dtype={"sample": str})
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the table {path}", found=str(error)) from None
    return read_fractions(table)


def _need_counts(counts: "Cells") -> None:
    counts.need_counts("heterogeneity")


def _open(path: Path, *needed: str | None) -> "Cells":
    """Cells that have a value in every needed column; notices are told on stderr."""
    from imscope.io.count_check import refuse_reads
    from imscope.io.open import open_cells

    opened = open_cells(path)
    try:
        for name in needed:
            if name and name != "all":
                _need(opened.obs, name)
        cells = opened.known(*needed)
        if cells.kind == "counts":
            refuse_reads(cells)
    except BaseException:
        opened.close()
        raise
    tell(cells.notices)
    return cells


def _default_group(obs: "pd.DataFrame") -> str:
    return "sample" if "sample" in obs.columns else "all"


def _compute(
    counts: "Cells", wanted: list[str | None], settings: "HeterogeneitySettings"
) -> "Heterogeneity":
    from imscope.analyses.heterogeneity.compute import AMBIENT, KEY_COLUMNS, compute_heterogeneity
    from imscope.core.schema import DESIGN_FACTORS
    from imscope.io.genes import gene_classes

    obs = counts.obs
    names = dict.fromkeys(["sample", *DESIGN_FACTORS, *KEY_COLUMNS, AMBIENT])
    chosen = [c for c in names if c in obs.columns]
    for name in wanted:
        if name and name not in ("all", *chosen):
            _need(obs, name)
            chosen.append(name)
    obs = obs[chosen].copy()
    for name in chosen:  # columns with a mask of gaps, as plain values
        if str(obs[name].dtype) in ("Int64", "boolean") or obs[name].dtype == "Float64":
            obs[name] = obs[name].astype("object").where(obs[name].notna(), None)
    return compute_heterogeneity(
        counts.source,
        counts.features,
        obs,
        classes=gene_classes(counts.features),
        settings=settings,
    )


def _need(obs: "pd.DataFrame", name: str) -> None:
    from difflib import get_close_matches

    from imscope.core import codes
    from imscope.core.errors import DataError

    if name in obs.columns:
        return
    columns = [str(c) for c in obs.columns]
    near = get_close_matches(name, columns, n=3, cutoff=0.4)
    raise DataError(
        f"there is no column {name!r}",
        found=f"columns: {', '.join(columns) or 'none'}",
        fix=f"did you mean {', '.join(near)}?" if near else "name one of these columns",
        code=codes.HETEROGENEITY_COLUMN,
    )


def _no_counts(obs: "pd.DataFrame", by: str | None) -> "pd.DataFrame":
    import pandas as pd

    column = by or _default_group(obs)
    if column != "all":
        _need(obs, column)
    values = pd.Series("all", index=obs.index) if column == "all" else obs[column].astype(str)
    sizes = values.value_counts(sort=False).sort_index()
    empty = dict.fromkeys(INDEX_FIELDS[3:10], float("nan"))
    status = "not estimable: the matrix holds expression values, not counts"
    rows = [
        {"group": g, "n_cells": int(n), "n_units": 0, **empty, "status": status, "warnings": ""}
        for g, n in sizes.items()
    ]
    return pd.DataFrame(rows)


def _index_record(row: dict[str, object]) -> dict[str, object]:
    record = {name: row.get(name) for name in INDEX_FIELDS}
    record["warnings"] = [w for w in str(record["warnings"] or "").split("; ") if w]
    return record


def _print_json(content: dict[str, object], told: "Iterable[Notice] | None" = None) -> None:
    if told is not None:
        content = {**content, "notices": notices_json(told)}
    json.dump(content, sys.stdout, indent=1, allow_nan=False)
    sys.stdout.write("\n")


def _write(table: "pd.DataFrame", out: Path | None) -> None:
    if out is not None:
        table.to_csv(out, sep="\t", index=False)
        typer.echo(f"wrote {out}: {len(table)} rows", err=True)


def _show(table: "pd.DataFrame", numbers: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    view = Table()
    columns = [c for c in [*numbers, "bcv_percent", "status", "warnings"] if c in table.columns]
    for name in columns:
        view.add_column(name, overflow="fold")
    for row in as_records(table):
        view.add_row(*[_cell(row[c]) for c in columns])
    Console().print(view)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
