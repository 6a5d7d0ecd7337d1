"""Tables of allele counts and genotypes in, tables of verdicts out."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from imscope.analyses.clones.edit import Flank, call_edit
from imscope.analyses.clones.identity import check_identity
from imscope.core import codes
from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def read_table(path: Path, needed: tuple[str, ...], code: str) -> "pd.DataFrame":
    """Read a table of text and counts.

    Raises
    ------
    DataError
        It cannot be read or lacks columns.
    """
    import pandas as pd

    try:
        separator = "," if path.suffix == ".csv" else "\t"
        table = pd.read_csv(path, sep=separator, encoding="utf-8-sig")
    except (OSError, ValueError, pd.errors.ParserError) as error:
        found = str(error).splitlines()[0][:200]
        raise DataError(f"{path} cannot be read", found=found, code=code) from error
    missing = [c for c in needed if c not in table.columns]
    if missing or table.empty:
        raise DataError(
            f"{path} lacks columns or rows",
            found=f"missing: {', '.join(missing) or 'all rows'}",
            fix=f"columns: {', '.join(needed)}",
            code=code,
        )
    for column in {"ref", "alt", "other"} & set(table.columns):
        numbers = pd.to_numeric(table[column], errors="coerce")
        bad = numbers.isna() | (numbers < 0) | (numbers % 1 != 0)
        if bad.any():
            raise DataError(
                f"{path}: counts are whole numbers",
                found=f"{int(bad.sum())} of {len(bad)} in {column!r}, first in row "
                f"{int(bad.to_numpy().argmax()) + 1}",
                code=codes.CLONE_COUNTS,
            )
        table[column] = numbers.astype(int)
    return table


def identity_table(counts: Path, genotypes: Path, expected: Mapping[str, str]) -> "pd.DataFrame":
    """Check the identity of every library.

    Parameters
    ----------
    counts
        ``library``, ``variant``, ``ref``, ``alt``. Variants are named ``build:chrom:pos:ref:alt``.
    genotypes
        ``variant``, ``frequency`` and one column for each line.
    expected
        Library to the line it is said to be.

    Raises
    ------
    DataError
        Variants have no build, or none is shared by both tables (``E-CLONE-BUILD``).
    """
    import pandas as pd

    reads = read_table(counts, ("library", "variant", "ref", "alt"), codes.CLONE_COUNTS)
    known = read_table(genotypes, ("variant", "frequency"), codes.CLONE_VARIANTS)
    names = [*reads["variant"].astype(str), *known["variant"].astype(str)]
    unbuilt = [n for n in names if not n.startswith(("GRCh38:", "GRCh37:"))]
    shared = set(reads["variant"]) & set(known["variant"])
    if unbuilt or not shared:
        raise DataError(
            "variants are named build:chromosome:position:ref:alt, alike in both tables",
            found=f"{len(unbuilt)} without a build, first {unbuilt[:1]}; {len(shared)} shared",
            fix="GRCh38:1:12345:A:G",
            code=codes.CLONE_BUILD,
        )
    if known["variant"].duplicated().any():
        twice = known.loc[known["variant"].duplicated(), "variant"].iloc[0]
        raise DataError("a variant stands twice", found=str(twice), code=codes.CLONE_VARIANTS)
    lines = [c for c in known.columns if c not in ("variant", "frequency")]
    rows = []
    for library, part in reads.groupby("library", sort=True):
        line = expected.get(str(library))
        if line is None:
            raise DataError(
                "a library has no expected line", found=str(library), code=codes.CLONE_PARENT
            )
        both = part.merge(known, on="variant")
        found = check_identity(
            both["ref"],
            both["alt"],
            {name: both[name].to_numpy() for name in lines},
            expected=line,
            frequency=both["frequency"],
        )
        rows.append({"library": str(library), "expected": line, **asdict(found)})
    return pd.DataFrame(rows)


def edit_table(
    counts: Path, locus: str, *, expected: str = "", edited_is_ref: bool = False
) -> "pd.DataFrame":
    """Call every clone at one edited locus.

    Parameters
    ----------
    counts
        ``clone``, ``site``, ``ref``, ``alt``, ``other``; the site is ``edit`` or the distance in
        base pairs from the cut of a variant at which the parent is heterozygous.
    locus
        Name of the locus.
    expected
        ``heterozygous`` or ``homozygous``, where the plan says so.
    edited_is_ref
        The edit restores the reference allele.
    """
    import pandas as pd

    reads = read_table(counts, ("clone", "site", "ref", "alt", "other"), codes.CLONE_COUNTS)
    if expected not in ("", "heterozygous", "homozygous"):
        raise DataError(
            "the expected zygosity is heterozygous or homozygous",
            found=expected,
            code=codes.CLONE_VARIANTS,
        )
    rows = []
    for clone, part in reads.groupby("clone", sort=True):
        at = part[part["site"].astype(str) == "edit"]
        if len(at) != 1:
            raise DataError(
                "every clone has one row for the edited site",
                found=f"{clone}: {len(at)}",
                code=codes.CLONE_COUNTS,
            )
        flanks = []
        for _, row in part.drop(at.index).iterrows():
            try:
                flanks.append(Flank(int(row["site"]), int(row["ref"]), int(row["alt"])))
            except ValueError:
                raise DataError(
                    "a site is `edit` or a distance in base pairs",
                    found=str(row["site"]),
                    code=codes.CLONE_VARIANTS,
                ) from None
        site = at.iloc[0]
        call = call_edit(
            str(clone),
            locus,
            (int(site["ref"]), int(site["alt"]), int(site["other"])),
            flanks=flanks,
            expected=expected,
            edited_is_ref=edited_is_ref,
        )
        rows.append(call.row())
    return pd.DataFrame(rows)
