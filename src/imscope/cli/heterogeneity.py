"""`imscope heterogeneity`: how varied the cells are, and where the variation comes from."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import (
    ByOption,
    JsonOption,
    OutOption,
    PathArgument,
    SchedulerOption,
    SeedOption,
    UnitOption,
    as_records,
    emit,
    opened,
    plain,
    say,
    tell,
)

if TYPE_CHECKING:
    from imscope.analyses.heterogeneity import HeterogeneitySettings, Profile
    from imscope.core.result import Notice, Result

app = typer.Typer(no_args_is_help=True, help="How varied the cells are, and why.")

INDEX_FIELDS = (
    *("group", "n_cells", "n_units", "median_umi", "hi2", "hi2_low", "hi2_high", "bcv_percent"),
    *("hi_c", "programmes", "status", "warnings"),
)
LEVEL_FIELDS = ("level", "hi2", "low", "high", "share", "n_groups", "status")
CLAIM_FIELDS = (
    *("claim", "test_group", "reference_group", "ratio", "low", "high", "p_value"),
    *("p_equivalence", "n_test", "n_reference", "verdict", "reason"),
)
GENE_SETS = {"cell_cycle": ("cc_s", "cc_g2m"), "dissociation": ("dissociation_stress",)}
"""Short names of what is usually left out; any gene set can be named."""

FloorOption = Annotated[
    str | None,
    typer.Option(
        "--floor-from",
        help="Measure the technical floor: COLUMN=VALUE of wells of one RNA, or `spike-ins`.",
    ),
]
ProfileOption = Annotated[
    Path | None,
    typer.Option("--reference-profile", help="Frozen genes and weights, as `profile` writes them."),
]
HolmOption = Annotated[
    bool,
    typer.Option("--holm", help="Adjust the claims by Holm's method, not in a fixed sequence."),
]


@app.command()
def index(
    path: PathArgument,
    by: ByOption = None,
    unit: UnitOption = None,
    floor: Annotated[
        float | None, typer.Option(help="HI2 of a technical control on this platform.")
    ] = None,
    floor_from: FloorOption = None,
    without: Annotated[
        str, typer.Option(help="Gene sets left out of the second version, comma separated.")
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
    reference_profile: ProfileOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
    seed: SeedOption = 0,
    scheduler: SchedulerOption = "threads",
) -> None:
    """Noise-corrected heterogeneity of every group, with interval and caveats."""
    from imscope.analyses.heterogeneity import HeterogeneitySettings, index_tables

    settings = HeterogeneitySettings(
        seed=seed, replicate_unit=unit, technical_floor=floor, without_sets=_gene_sets(without)
    )
    more = {"genes": genes, "programmes": programmes, "relative": relative}
    also = ["ratios"] if relative else []
    also += ["carriers"] if genes or programmes else []
    frozen = _profile(reference_profile)
    with opened(path, scheduler=scheduler) as cells:
        found = index_tables(
            cells, by, settings=settings, profile=frozen, floor_from=floor_from,
            relative_to=relative_to,
            also=also,
        )  # fmt: skip
    _emit_index(found, more, cells.notices, as_json=as_json, out=out)


def _emit_index(
    found: "Result",
    more: dict[str, Path | None],
    read: "tuple[Notice, ...]",
    *,
    as_json: bool,
    out: Path | None,
) -> None:
    """Write the tables beside the index, and show it with the ratios."""
    from imscope.io.atomic import write_tsv

    tell(found.notices if not as_json else ())
    for name, place in more.items():
        table = found.tables.get(f"heterogeneity_{name}")
        if place is not None and table is not None:
            write_tsv(place, table)
    table = found.tables["heterogeneity_index"]
    told: dict[str, list[str]] = {}
    for n in found.notices:
        told.setdefault(n.subject, []).append(f"{n.code}: {n.message}")
    records = [
        {k: row.get(k) for k in INDEX_FIELDS} | {"warnings": told.get(str(row["group"]), [])}
        for row in as_records(table)
    ]
    content: dict[str, object] = {"records": records}
    ratios = found.tables.get("heterogeneity_relative")
    if ratios is not None:
        content["relative"] = as_records(ratios)
    shown = ["group", "n_cells", "median_umi", "hi2", "hi2_low", "hi2_high", "hi2_without_cycle"]
    if "hi2_above_floor" in table and table["hi2_above_floor"].notna().any():
        shown.append("hi2_above_floor")
    shown += ["bcv_percent", "status"]
    emit(table, as_json=as_json, out=out, content=content, columns=shown,
         notices=(*read, *found.notices))  # fmt: skip
    if ratios is not None and not as_json:
        emit(ratios, columns=["group", "reference", "ratio", "low", "high", "status"])


@app.command()
def decompose(
    path: PathArgument,
    levels: Annotated[str, typer.Option(help="Columns coarse to fine, comma separated.")],
    as_json: JsonOption = False,
    out: OutOption = None,
    seed: SeedOption = 0,
    scheduler: SchedulerOption = "threads",
) -> None:
    """What each level of the design adds to heterogeneity; levels add up to the total."""
    from imscope.analyses.heterogeneity import HeterogeneitySettings
    from imscope.analyses.heterogeneity import decompose as split

    names = [name.strip() for name in levels.split(",") if name.strip()]
    with opened(path, scheduler=scheduler) as cells:
        result = split(
            cells, names, settings=HeterogeneitySettings(seed=seed), programmes=out is not None
        )
    for line in (*result.merged, *result.untestable):
        say(line)
    table = result.table[result.table["programme"] == "all"]
    content: dict[str, object] = {
        "records": [{k: row[k] for k in LEVEL_FIELDS} for row in as_records(table)],
        "total_hi2": plain(result.total_hi2),
        "merged": list(result.merged),
        "untestable": list(result.untestable),
    }
    if out is not None:
        emit(result.table, out=out, lines=[])
    emit(table, as_json=as_json, content=content, columns=LEVEL_FIELDS, notices=cells.notices)


@app.command()
def compare(
    path: PathArgument,
    group: Annotated[str, typer.Option(help="Column of the groups.")],
    unit: UnitOption = None,
    test: Annotated[str | None, typer.Option(help="Group the claim is about.")] = None,
    reference: Annotated[str | None, typer.Option(help="Group it is compared with.")] = None,
    margin_low: Annotated[float, typer.Option(help="Lower end of the margin.")] = 0.80,
    margin_high: Annotated[float, typer.Option(help="Upper end of the margin.")] = 1.25,
    order: Annotated[str, typer.Option(help="Order of the claims, fixed before the data.")] = "ABC",
    holm: HolmOption = False,
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
    scheduler: SchedulerOption = "threads",
) -> None:
    """Claims A, B and C of two groups, with units as replicates, verdict and reason."""
    from imscope.analyses.heterogeneity import HeterogeneitySettings
    from imscope.analyses.heterogeneity import compare as test_claims
    from imscope.core.result import Notice

    settings = HeterogeneitySettings(
        seed=seed, replicate_unit=unit, margin_low=margin_low, margin_high=margin_high,
        claim_order=tuple(order), adjustment="holm" if holm else "sequence",
    )  # fmt: skip
    registered = None if plan is None else _register(plan, settings)
    shares = None if senescent is None else _fractions(senescent)
    with opened(path, scheduler=scheduler) as cells:
        asked = cells
        if shares is not None and "sample" in cells.obs:
            of_cells = cells.obs["sample"].astype(str).map(shares).astype(float)
            asked = cells.with_obs(senescent_fraction=of_cells.to_numpy())
        table = test_claims(
            asked, group, unit=unit, test=test, reference=reference, settings=settings,
            registered=registered,
        )  # fmt: skip
    records = [{k: row[k] for k in CLAIM_FIELDS} for row in as_records(table)]
    content: dict[str, object] = {"records": records, "settings_hash": settings.digest}
    shown = ["claim", "test_group", "reference_group", "p_value", "verdict", "reason"]
    told = (*cells.notices, *(Notice(**n) for n in table.attrs["imscope"]["notices"]))
    emit(table, as_json=as_json, out=out, content=content, columns=shown, notices=told)


@app.command()
def power(
    units: Annotated[int, typer.Option(help="Replicate units per group.")] = 4,
    reference_units: Annotated[
        int | None, typer.Option(help="Units of the reference group, if not as many.")
    ] = None,
    sd: Annotated[float, typer.Option(help="SD of log HI2 between units.")] = 0.2,
    ratio: Annotated[float, typer.Option(help="HI2 of test over reference to show.")] = 0.7,
    holm: HolmOption = False,
    pilot: Annotated[
        Path | None, typer.Option(help="Pilot data: tabulate the power of its own design.")
    ] = None,
    group: Annotated[str, typer.Option(help="Column of the groups of the pilot.")] = "source_class",
    unit: UnitOption = None,
    as_json: JsonOption = False,
    seed: SeedOption = 0,
) -> None:
    """What a comparison with so many units can show, and how many are needed."""
    from dataclasses import asdict

    from imscope.analyses.heterogeneity import (
        HeterogeneitySettings,
        compute_power,
        plan_from_pilot,
    )

    settings = HeterogeneitySettings(
        seed=seed, replicate_unit=unit, adjustment="holm" if holm else "sequence"
    )
    if pilot is not None:
        with opened(pilot) as cells:
            emit(plan_from_pilot(cells, group, unit=unit, settings=settings), as_json=as_json)
        return
    result = asdict(
        compute_power(
            units, sd=sd, ratio=ratio, reference_units=reference_units, settings=settings, seed=seed
        )
    )
    say(result.pop("sentence"))
    between = result.pop("power_between")
    say(
        "differences among units (claim B): had the test group half the spread of the reference "
        f"group, {100 * between:.0f} % of such studies would show it"
    )
    if as_json:
        emit({}, as_json=True, content={k: plain(v) for k, v in result.items()})
    else:
        for name, value in result.items():
            typer.echo(f"{name}: {value:.3f}")


@app.command()
def profile(
    path: PathArgument,
    name: Annotated[str, typer.Option(help="Name of the profile.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Profile file (.json).")],
    why: Annotated[str, typer.Option(help="How the samples were chosen.")] = "all samples given",
    unit: UnitOption = None,
    floor_from: FloorOption = None,
) -> None:
    """Freeze genes and weights of three or more lots, so that later runs can be compared."""
    from imscope.analyses.heterogeneity import profile as freeze
    from imscope.analyses.heterogeneity import write_profile

    with opened(path) as cells:
        made = freeze(cells, name, unit=unit, floor_from=floor_from, why=why)
    write_profile(made, out)
    genes = sum(len(w.genes) for w in made.weights.values())
    say(f"wrote {out}: profile {made.digest[:12]}, {genes:,} genes, {len(made.weights)} platforms")


def _profile(path: Path | None) -> "Profile | None":
    from imscope.analyses.heterogeneity import read_profile

    return None if path is None else read_profile(path)


def _gene_sets(text: str) -> tuple[str, ...]:
    from imscope.core import codes
    from imscope.core.errors import UsageError
    from imscope.core.names import did_you_mean
    from imscope.evidence.gene_sets import load

    known = load()
    out: list[str] = []
    for name in (w.strip() for w in text.split(",") if w.strip()):
        if name not in GENE_SETS and name not in known:
            raise UsageError(
                f"there is no gene set {name!r}",
                fix=did_you_mean(name, [*GENE_SETS, *known], f"one of {', '.join(GENE_SETS)}"),
                code=codes.CONFIG_VALUE,
            )
        out += GENE_SETS.get(name, (name,))
    return tuple(dict.fromkeys(out))


def _register(plan: Path, settings: "HeterogeneitySettings") -> str:
    """Hash fixed in the plan file; a plan that is not there is written first."""
    from dataclasses import asdict

    from imscope.core.errors import DataError
    from imscope.io.atomic import write_text

    if not plan.exists():
        content = {"settings": asdict(settings), "settings_hash": settings.digest}
        write_text(plan, json.dumps(content, indent=1) + "\n")
        say(f"wrote {plan}: settings fixed before the data are read")
    try:
        return str(json.loads(plan.read_text(encoding="utf-8"))["settings_hash"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{plan} is not a plan of a comparison", found=str(error), fix="remove the file"
        ) from error


def _fractions(path: Path) -> dict[str, float]:
    import pandas as pd

    from imscope.analyses.heterogeneity import read_fractions
    from imscope.core.errors import DataError

    try:
        table = pd.read_csv(path, sep="\t", dtype={"sample": str})
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the table {path}", found=str(error)) from None
    return read_fractions(table)
