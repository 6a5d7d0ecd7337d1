"""A pooled screen from counts and sheet to tables of genes and guides."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.screens.arms_of_screen import Sides, choose_sides
from imscope.analyses.screens.normalise import SizeFactors, size_factors
from imscope.analyses.screens.pooled_frame import Answer, Frame
from imscope.analyses.screens.pooled_methods import METHODS
from imscope.analyses.screens.pooled_qc import (
    chromosome_arms,
    known_sets,
    replicate_agreement,
    sample_quality,
)
from imscope.analyses.screens.pooled_tables import gene_table, guide_table, ledger_table
from imscope.analyses.screens.settings import PooledSettings
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.schema import SCREEN_SETS
from imscope.io.notice import first_few

if TYPE_CHECKING:
    import pandas as pd

    from imscope.io.guide_counts import GuideCounts

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PooledScreen:
    """Result of a pooled screen.

    Attributes
    ----------
    tables
        By the name in :mod:`imscope.core.schema`, such as ``screen_genes``.
    qc
        Headline figures of quality.
    method
        Method, version of imscope, options and number of guides, genes and samples.
    warnings
        Sentences that begin with a code.
    """

    tables: "dict[str, pd.DataFrame]"
    qc: dict[str, Any]
    method: dict[str, Any]
    warnings: tuple[str, ...]
    settings: PooledSettings = field(default_factory=PooledSettings)

    @property
    def genes(self) -> "pd.DataFrame":
        """Table ``screen_genes``."""
        return self.tables["screen_genes"]


def analyse_pooled(
    counts: "GuideCounts", sheet: "pd.DataFrame", *, settings: PooledSettings | None = None
) -> PooledScreen:
    """Analyse a pooled screen.

    Parameters
    ----------
    counts
        From :func:`imscope.io.guide_counts.read_guide_counts`.
    sheet
        From :func:`imscope.io.screen_sheet.read_screen_sheet`.
    settings
        Method and sides; the calibrated method on ``control`` and ``treatment`` by default.

    Returns
    -------
    screen
        Tables of genes, guides, samples and what was left out.

    Raises
    ------
    DataError
        A side is empty, a design is not estimable, or controls a method needs are not there.

    Examples
    --------
    >>> import pandas as pd
    >>> from imscope.io.guide_counts import assemble
    >>> rng = np.random.default_rng(0)
    >>> reads = rng.poisson(rng.gamma(9, 40, (800, 1)), (800, 4)) * 1.0
    >>> reads[:4, 2:] //= 6
    >>> data = assemble("made", [f"g{k}" for k in range(800)], [f"G{k // 4}" for k in range(800)],
    ...                 reads, ["a", "b", "c", "d"])
    >>> sheet = pd.DataFrame({"sample": ["a", "b", "c", "d"],
    ...                       "condition": ["control"] * 2 + ["treatment"] * 2})
    >>> analyse_pooled(data, sheet).genes["gene"].iloc[0]
    'G0'
    """
    from imscope import __version__

    settings = settings or PooledSettings()
    frame, factors, notes = prepare(counts, sheet, settings)
    answers = _answers(frame, settings, notes)
    frame = answers[0].frame
    tables = _tables(counts, answers)
    _known(frame, answers, tables, settings, notes)
    quality, lorenz, more = sample_quality(frame.raw, frame.sheet, factors.factors)
    tables |= {
        "screen_qc": quality,
        "screen_lorenz": lorenz,
        "screen_replicates": replicate_agreement(frame.raw, frame.sheet),
    }
    notes += more
    said = [f"{n.code}: {n.message}" for n in counts.notices]
    method = {
        "name": settings.method,
        "version": __version__,
        "normalise": factors.method,
        "control": settings.control,
        "treatment": settings.treatment,
        "design": settings.design,
        "seed": settings.seed,
        "n_guides": len(frame.guides),
        "n_genes": len(frame.genes),
        "n_samples": len(frame.sheet),
        **answers[0].facts,
    }
    warnings = tuple(dict.fromkeys([*said, *notes, *(n for a in answers for n in a.notes)]))
    return PooledScreen(tables, _headline(tables, answers), method, warnings, settings)


def prepare(
    counts: "GuideCounts", sheet: "pd.DataFrame", settings: PooledSettings
) -> tuple[Frame, SizeFactors, list[str]]:
    """Choose samples, normalise them, and find the control guides and genes.

    Parameters
    ----------
    counts, sheet, settings
        As in :func:`analyse_pooled`.

    Returns
    -------
    frame, factors, notes
        What every method works on.
    """
    notes: list[str] = []
    unnamed = [s for s in counts.samples if s not in set(sheet["sample"])]
    if unnamed:
        notes.append(
            f"{codes.W_SCREEN_UNUSED}: {len(unnamed)} samples of the table are not in "
            f"the sheet: {first_few(unnamed)}"
        )
    sides, rows = _samples(sheet, settings)
    notes += sides.notes if sides else ()
    sheet = sheet.set_index("sample", drop=False).loc[rows].reset_index(drop=True)
    raw = counts.counts[:, counts.columns(rows)]
    genes, code = np.unique(counts.guides["gene"].to_numpy(dtype=str), return_inverse=True)
    guides = counts.guides["guide"].to_numpy(dtype=str)
    kinds = counts.guides["control_type"].to_numpy(dtype=str)
    named = _control_guides(guides, genes, code, settings, notes)
    controls = named if named.any() else kinds != ""
    factors = size_factors(raw, method=settings.normalise, controls=controls)
    notes += factors.notes
    members = {
        name: np.isin(genes, np.array(getattr(settings, name) or ("",)))
        for name in ("essential", "nonessential", "control_genes")
    }
    for name, mask in members.items():
        asked = len(getattr(settings, name))
        if asked and not mask.any():
            raise DataError(
                f"none of the {asked:,} genes of --{name.replace('_', '-')} is in the table",
                found=first_few(list(getattr(settings, name))),
                fix="use the names of the table",
                code=codes.SCREEN_CONTROLS,
            )
    frame = Frame(
        raw,
        raw * factors.factors,
        factors.factors,
        sheet,
        sides,
        guides,
        genes,
        code,
        kinds,
        named,
        **members,
    )
    return frame, factors, notes


def _samples(sheet: "pd.DataFrame", settings: PooledSettings) -> tuple[Sides | None, list[str]]:
    if settings.method == "bins":
        mine = sheet[sheet["condition"].isin(["sorted", "unsorted"])]
        if not (mine["condition"] == "sorted").any():
            raise DataError(
                "a sorted screen needs samples with the condition `sorted`",
                found=", ".join(sorted(set(sheet["condition"]))),
                code=codes.SCREEN_ARMS,
                fix="write sorted, and unsorted where there is one, in the column `condition`",
            )
        return None, mine["sample"].tolist()
    if settings.method == "nb" and settings.design:
        return None, sheet["sample"].tolist()
    if settings.day0:
        if settings.day0 not in set(sheet["sample"]):
            raise DataError(
                f"{settings.day0!r} is no sample of the sheet", code=codes.SCREEN_SAMPLES
            )
        rest = [s for s in sheet["sample"] if s != settings.day0]
        return Sides((settings.day0,), tuple(rest)), [settings.day0, *rest]
    sides = choose_sides(sheet, settings)
    return sides, sides.samples


def _control_guides(
    guides: NDArray[np.str_],
    genes: NDArray[np.str_],
    code: NDArray[np.int64],
    settings: PooledSettings,
    notes: list[str],
) -> Bools:
    """Guides named as controls, by themselves or by their gene; missing names are said."""
    mask = np.isin(guides, np.array(settings.control_guides or ("",)))
    if settings.control_guides:
        gone = sorted(set(settings.control_guides) - set(guides[mask]))
        if not mask.any():
            raise DataError(
                "none of the control guides is in the table",
                found=first_few(gone),
                fix="use the names of the first column",
                code=codes.SCREEN_CONTROLS,
            )
        if gone:
            notes.append(
                f"{codes.W_SCREEN_CONTROLS}: {len(gone)} of the control guides are not in "
                f"the table: {first_few(gone)}"
            )
    by_gene = np.isin(genes, np.array(settings.control_genes or ("",)))
    return np.asarray(mask | by_gene[code])


def _answers(frame: Frame, settings: PooledSettings, notes: list[str]) -> list[Answer]:
    method: Callable[[Frame, PooledSettings], list[Answer]] = METHODS[settings.method]
    if not settings.day0:
        return method(frame, settings)
    out = []
    for sample in frame.sheet["sample"][1:]:
        one = frame.only(settings.day0, str(sample))
        out += [a.named(str(sample)) for a in method(one, settings)]
    notes.append(f"{codes.W_SCREEN_REPLICATE}: every sample stands alone against {settings.day0}")
    return out


def _tables(counts: "GuideCounts", answers: list[Answer]) -> "dict[str, pd.DataFrame]":
    import pandas as pd

    genes = pd.concat([gene_table(a) for a in answers], ignore_index=True)
    guides = pd.concat([guide_table(a) for a in answers], ignore_index=True)
    return {
        "screen_genes": genes,
        "screen_guides": guides,
        "screen_ledger": ledger_table(counts.ledger, answers),
    }


def _known(
    frame: Frame,
    answers: list[Answer],
    tables: "dict[str, pd.DataFrame]",
    settings: PooledSettings,
    notes: list[str],
) -> None:
    """Add what known genes and chromosome arms say; only where one contrast is a fold change."""
    import pandas as pd

    first = answers[0]
    sets, curve = known_sets(first.effect, first.ranking, frame.essential, frame.nonessential)
    if len(sets):
        curve = curve.assign(gene=frame.genes[curve["gene"].to_numpy()])
        rows = first.calibration(frame.nonessential)
        sets = pd.concat([sets, pd.DataFrame(rows, columns=sets.columns)], ignore_index=True)
        sets = sets.astype({"value": "float64", "n": "int64"})
    elif settings.essential or settings.nonessential:
        notes.append(
            f"{codes.W_SCREEN_CONTROLS}: quality by known genes needs both lists, with "
            "genes of each in the table"
        )
    tables["screen_sets"] = SCREEN_SETS.check(sets)
    tables["screen_recall"] = curve
    arms, more = chromosome_arms([str(g) for g in frame.genes], first.effect)
    tables["screen_arms"] = arms
    if settings.method != "bins":
        notes += more


def _headline(tables: "dict[str, pd.DataFrame]", answers: list[Answer]) -> dict[str, Any]:
    same = tables["screen_replicates"]
    within = same.loc[same["same_condition"], "pearson"]
    sets = dict(zip(tables["screen_sets"]["measure"], tables["screen_sets"]["value"], strict=True))
    return {
        "samples": tables["screen_qc"],
        "replicate_pearson_min": float(within.min()) if len(within) else float("nan"),
        "sets": {str(k): float(v) for k, v in sets.items()},
        "null": answers[0].facts.get("null", ""),
        "ledger": tables["screen_ledger"],
    }
