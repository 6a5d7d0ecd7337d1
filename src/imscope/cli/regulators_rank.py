"""`imscope regulators rank` and `imscope regulators next`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.regulators_activity import (
    LabelsOption,
    LicenceOption,
    NetworkOption,
    ReferenceOption,
    SubsetOption,
    pick_network,
    read_genes,
)
from imscope.cli.shell import (
    JsonOption,
    OutFolderOption,
    OutOption,
    PathArgument,
    SeedOption,
    ThreadsOption,
    UnitOption,
    as_records,
    emit,
    opened,
    say,
)

if TYPE_CHECKING:
    import pandas as pd

    from imscope.analyses.regulators import Activity, Ranking

FIELDS = ("regulator", "kind", "family", "posterior", "grade", "effect", "q", "reach_z",
          "screen_z", "n_units", "conflicts", "status")  # fmt: skip
NEXT = ("rank", "experiment", "regulator", "gain", "cost", "power", "readout", "controls")

NeedGroupsOption = Annotated[
    str, typer.Option("--groups", help="Column of the groups, such as `subset`.")
]
ScreenOption = Annotated[
    Path | None,
    typer.Option("--screen", help="Perturbations: regulator, effect, se; or a table of screens."),
]
ProgrammeOption = Annotated[
    str | None,
    typer.Option("--programme", help="Gene set, or a table of gene and sign; default the groups'."),
]
IndicationOption = Annotated[
    str | None, typer.Option("--indication", help="Take the weighted programmes of this use.")
]


def _programme(name: str | None, indication: str | None) -> dict[str, float] | None:
    """Genes with their signs, of a set, a file or an indication."""
    from imscope.core import codes
    from imscope.core.errors import UsageError
    from imscope.evidence.gene_sets import load
    from imscope.evidence.indications import indication_panel
    from imscope.io.loose_table import read_loose_table

    if name is not None and indication is not None:
        raise UsageError(
            "name either --programme or --indication", fix="leave one out",
            code=codes.REGULATORS_OPTION,
        )  # fmt: skip
    weights = dict(indication_panel(indication)) if indication else {}
    if name is not None and name in load():
        weights = {name: 1.0}
    elif name is not None:
        table = read_loose_table(Path(name))
        signs = table.iloc[:, 1].astype(float) if table.shape[1] > 1 else [1.0] * len(table)
        return dict(zip(table.iloc[:, 0].astype(str), signs, strict=True))
    if not weights:
        return None
    goal: dict[str, float] = {}
    for programme, weight in weights.items():
        found = load()[programme]
        sign = -1.0 if found.direction == "down" else 1.0
        for gene in found.genes:
            goal[gene] = goal.get(gene, 0.0) + sign * weight
    return goal


@dataclass(frozen=True, slots=True)
class _Asked:
    """Options both commands share."""

    groups: str
    unit: str | None
    subset: str | None
    reference: str | None
    screen: Path | None
    programme: str | None
    indication: str | None
    network: Path | None
    licence: str
    seed: int
    threads: int | None
    label_genes: Path | None = None
    gates: Path | None = None
    chromatin: Path | None = None


def _ranked(path: Path, asked: _Asked) -> "tuple[Activity, Ranking]":
    """Open, score and rank: what both commands share."""
    from imscope.analyses import regulators as room
    from imscope.io.loose_table import read_loose_table

    net = pick_network(asked.network, asked.licence)
    goal = _programme(asked.programme, asked.indication)
    labels = read_genes(asked.label_genes) or tuple(goal or ())
    screen = None if asked.screen is None else room.read_screen(read_loose_table(asked.screen))
    given = {"gates": asked.gates, "chromatin": asked.chromatin}
    side = {name: read_loose_table(place) for name, place in given.items() if place is not None}
    with opened(path, bulk=True) as cells:
        part = room.contrast_profiles(
            cells, asked.groups, subset=asked.subset, reference=asked.reference, unit=asked.unit,
            threads=asked.threads,
        )[0]  # fmt: skip
    settings = room.ActivitySettings(seed=asked.seed)
    found = room.activity(part, net, labels=labels, settings=settings)
    ranking = room.rank(found, net, programme=goal, screen=screen, side=side, seed=asked.seed)
    say(f"contrast: {part.contrast}, {len(part.units)} units")
    for line in ranking.notes:
        say(line)
    say(f"posterior: fitted on simulated worlds, {ranking.model}")
    return found, ranking


def rank(
    path: PathArgument,
    groups: NeedGroupsOption,
    unit: UnitOption = None,
    subset: SubsetOption = None,
    reference: ReferenceOption = None,
    screen: ScreenOption = None,
    programme: ProgrammeOption = None,
    indication: IndicationOption = None,
    network: NetworkOption = None,
    licence: LicenceOption = "not stated",
    label_genes: LabelsOption = None,
    gates: Annotated[Path | None, typer.Option(help="Table of `gate` and `marker`.")] = None,
    chromatin: Annotated[Path | None, typer.Option(help="Table of `regulator`, `z`.")] = None,
    require_grade: Annotated[
        str | None, typer.Option(help="Exit 3 unless a regulator has it: associated, upstream, "
                                 "causal.")
    ] = None,
    as_json: JsonOption = False,
    out: OutFolderOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
) -> None:  # fmt: skip
    """Rank regulators by joined evidence, each with a grade and what it rests on."""
    from imscope.core import codes
    from imscope.core.errors import UsageError

    asked = {"causal": "causal here", "causal here": "causal here", "upstream": "upstream",
             "associated": "associated", None: ""}  # fmt: skip
    if require_grade not in asked:
        raise UsageError(
            f"{require_grade!r} is no grade that can be required",
            fix="associated, upstream or causal",
            code=codes.REGULATORS_OPTION,
        )
    wanted = _Asked(
        groups, unit, subset, reference, screen, programme, indication, network, licence, seed,
        threads, label_genes, gates, chromatin,
    )  # fmt: skip
    _, ranking = _ranked(path, wanted)
    table = ranking.table
    records = [{k: row[k] for k in FIELDS} for row in as_records(table)]
    content = {"records": records, "paths": as_records(ranking.paths), "model": ranking.model}
    tables = {"regulator_rank": table, "regulator_paths": ranking.paths}
    emit(tables, as_json=as_json, out=out, content=content, lines=_lines(table))
    order = ["associated", "upstream", "causal here"]
    enough = order[order.index(asked[require_grade]) :] if require_grade else []
    if enough and not table["grade"].isin(enough).any():
        say(f"{codes.REGULATORS_GRADE}: no regulator reaches {asked[require_grade]!r}")
        raise typer.Exit(3)


def _lines(table: "pd.DataFrame") -> list[str]:
    """Grade first, then the words it allows, then the numbers."""
    lines = []
    for row in as_records(table[table["grade"] != ""].head(40)):
        numbers = [
            f"{name} {float(str(row[key])):.2g}"
            for key, name in (("posterior", "posterior"), ("q", "q"), ("reach_z", "reach z"),
                              ("screen_z", "screen z"))
            if row[key] is not None
        ]  # fmt: skip
        more = [str(row[k]) for k in ("conflicts", "confounds", "veto") if row[k]]
        lines.append(f"{row['grade']}: {row['words']} ({'; '.join(numbers + more)})")
    markers = [str(r["words"]) for r in as_records(table[table["kind"] == "surface"].head(10))]
    return [*(lines or ["no regulator has a grade"]), *markers]


def next_experiment(
    path: PathArgument,
    groups: NeedGroupsOption,
    budget: Annotated[int, typer.Option(help="Experiments to name.")] = 8,
    unit: UnitOption = None,
    subset: SubsetOption = None,
    reference: ReferenceOption = None,
    screen: ScreenOption = None,
    programme: ProgrammeOption = None,
    indication: IndicationOption = None,
    network: NetworkOption = None,
    licence: LicenceOption = "not stated",
    by: Annotated[str, typer.Option(help="uncertainty, or gain (counts power).")] = "uncertainty",
    guides: Annotated[int, typer.Option(help="Guides of each target.")] = 3,
    replicates: Annotated[int, typer.Option(help="Replicates.")] = 3,
    compounds: Annotated[
        Path | None, typer.Option(help="Compounds at hand: `regulator`, `compound`.")
    ] = None,
    as_json: JsonOption = False,
    out: OutOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
) -> None:
    """Name the knock-outs, compounds or sorts that would change the list most for their cost."""
    from imscope.analyses.regulators import NextSettings, next_experiments
    from imscope.io.loose_table import read_loose_table

    settings = NextSettings(budget, by, guides, replicates)  # type: ignore[arg-type]
    asked = _Asked(
        groups, unit, subset, reference, screen, programme, indication, network, licence, seed,
        threads,
    )  # fmt: skip
    found, ranking = _ranked(path, asked)
    at_hand = None if compounds is None else read_loose_table(compounds)
    table = next_experiments(ranking, found.regulators, compounds=at_hand, settings=settings)
    if not len(table):
        say("NOT TESTABLE: without a posterior (fewer than 3 units) no experiment can be ordered")
    records = [{k: row[k] for k in NEXT} for row in as_records(table)]
    emit(table, as_json=as_json, out=out, content={"records": records})
