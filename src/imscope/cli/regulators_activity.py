"""`imscope regulators activity`, and the options its neighbours share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import (
    JsonOption,
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
    from imscope.analyses.regulators import Activity, Network

FIELDS = ("axis", "contrast", "regulator", "n_targets", "n_detected", "n_units", "effect", "low",
          "high", "p_value", "q_value", "status")  # fmt: skip

GroupsOption = Annotated[
    str | None, typer.Option("--groups", help="Column of the groups, such as `subset`.")
]
SubsetOption = Annotated[str | None, typer.Option("--subset", help="Compare only this group.")]
ReferenceOption = Annotated[
    str | None, typer.Option("--reference", help="Compare with this group; default all others.")
]
NetworkOption = Annotated[
    Path | None,
    typer.Option("--network", help="Your network: source, target, weight; SIF; GMT; SIGNOR."),
]
LicenceOption = Annotated[
    str, typer.Option("--licence", help="Licence of your network, printed beside every result.")
]
LabelsOption = Annotated[
    Path | None,
    typer.Option("--label-genes", help="Genes the groups were made of, one a line."),
]


def pick_network(path: Path | None, licence: str) -> "Network":
    """Bundled network, or the user's; its name and licence are said."""
    from imscope.analyses.regulators import bundled_network, read_network

    network = bundled_network() if path is None else read_network(path, licence=licence)
    say(f"network: {network.name}, {len(network.pairs):,} pairs, licence: {network.licence}")
    return network


def read_genes(path: Path | None) -> tuple[str, ...]:
    """Genes of a list, one a line."""
    from imscope.io.loose_table import read_text

    return () if path is None else tuple(read_text(path).split())


def activity(
    path: PathArgument,
    groups: GroupsOption = None,
    unit: UnitOption = None,
    subset: SubsetOption = None,
    reference: ReferenceOption = None,
    axis: Annotated[
        str | None,
        typer.Option(help="Instead of groups: a number of each unit, such as `passage` or `hi2`."),
    ] = None,
    values: Annotated[
        Path | None, typer.Option(help="Table of `unit` and the axis; default the cells' column.")
    ] = None,
    network: NetworkOption = None,
    licence: LicenceOption = "not stated",
    label_genes: LabelsOption = None,
    method: Annotated[str, typer.Option(help="ulm, zscore or rank.")] = "ulm",
    draws: Annotated[int, typer.Option(help="Random regulons of each regulator.")] = 1_000,
    as_json: JsonOption = False,
    out: OutOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
) -> None:
    """Activity of regulators in a group, or along an axis, with lots or donors as units."""
    import pandas as pd

    from imscope.analyses import regulators as room
    from imscope.core import codes
    from imscope.core.errors import UsageError
    from imscope.io.loose_table import read_loose_table

    if (groups is None) == (axis is None):
        raise UsageError(
            "name either --groups or --axis",
            found="both" if groups else "neither",
            fix="--groups subset, or --axis passage",
            code=codes.REGULATORS_OPTION,
        )
    settings = room.ActivitySettings(method=method, draws=draws, seed=seed)  # type: ignore[arg-type]
    net, labels = pick_network(network, licence), read_genes(label_genes)
    with opened(path, bulk=True) as cells:
        if groups is not None:
            parts = room.contrast_profiles(
                cells, groups, subset=subset, reference=reference, unit=unit, threads=threads
            )
        else:
            given = None if values is None else read_loose_table(values)
            parts = [room.axis_profiles(cells, str(axis), given, unit=unit, threads=threads)]
    found = [room.activity(p, net, labels=labels, settings=settings) for p in parts]
    table = pd.concat([f.table for f in found], ignore_index=True)
    tell_notes(found)
    records = [{k: row[k] for k in FIELDS} for row in as_records(table)]
    content = {"records": records, "network": net.name, "licence": net.licence}
    shown = ["contrast", "regulator", "n_detected", "n_units", "effect", "p_value", "q_value",
             "family", "status"]  # fmt: skip
    emit(table if out else table.head(40), as_json=as_json, out=out, content=content, columns=shown)


def tell_notes(found: "list[Activity]") -> None:
    """Say what was left out, each line once."""
    for line in dict.fromkeys(line for f in found for line in f.notes):
        say(line)
