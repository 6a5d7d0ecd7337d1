"""Headline numbers of the demonstration beside the truth its cohort was simulated with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from imscope.core.errors import UsageError
from imscope.study.lots import lots_of

AMBIENT_TOLERANCE = 0.01
"""Absolute error of an ambient share, which is reported without an interval."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One number beside its truth, which must lie from ``low`` to ``high``.

    The ends are those of the 95 % interval the run reports, wherever it reports one.
    """

    question: str
    subject: str
    found: float
    truth: float
    low: float
    high: float

    @property
    def agrees(self) -> bool:
        """Whether the truth lies inside; with an end missing it does not."""
        return self.low <= self.truth <= self.high

    @property
    def words(self) -> str:
        """One line of words."""
        head = "agrees" if self.agrees else "MISS"
        return (
            f"{head}: {self.question} of {self.subject}: found {self.found:.4g} "
            f"({self.low:.4g} to {self.high:.4g}), truth {self.truth:.4g}"
        )


def check_demo(tables: Mapping[str, pd.DataFrame], truth: Path) -> pd.DataFrame:
    """Compare the headline numbers of a demonstration with its truth tables.

    Parameters
    ----------
    tables
        Tables of the run by name.
    truth
        Folder ``truth`` of the simulated cohort.

    Returns
    -------
    compared
        One row per number: ``question``, ``subject``, ``found``, ``truth``, ``agrees``, ``words``.

    Raises
    ------
    UsageError
        The folder holds no truth tables.
    """
    try:
        samples = pd.read_csv(truth / "samples.tsv", sep="\t")
        components = pd.read_csv(truth / "components.tsv", sep="\t")
    except FileNotFoundError as error:
        raise UsageError(
            "there is no truth to compare with",
            found=f"no {Path(str(error.filename)).name} in {truth}",
            fix="run imscope demo without a folder of other data",
        ) from error
    rows = [*_of_lots(tables, samples), *_of_claims(tables["claims"], components)]
    return pd.DataFrame(
        {
            "question": [r.question for r in rows],
            "subject": [r.subject for r in rows],
            "found": [r.found for r in rows],
            "truth": [r.truth for r in rows],
            "agrees": [r.agrees for r in rows],
            "words": [r.words for r in rows],
        }
    )


def _of_lots(tables: Mapping[str, pd.DataFrame], truth: pd.DataFrame) -> Iterator[Compared]:
    """Numbers of every lot; in the demonstration a lot is one sample."""
    named = lots_of(tables["samples"]).set_index("lot_name")["sample"].astype(str)
    exact = {str(row["sample"]): row for row in truth.to_dict("records")}
    cycle, senescence = tables["cycle_phases"], tables["senescence"]
    cycle = cycle[cycle["phase"] == "S+G2M"]
    states = float(sum(str(name).startswith("subset_") for name in truth.columns))
    subsets = tables["subset_calls"].set_index("group")["n_subsets"]
    for row in tables["lots"].to_dict("records"):
        lot = str(row["lot"])
        sample = str(named[lot])
        true = exact[sample]
        bcv = 100 * float(true["hi2_library"]) ** 0.5
        ends = float(row["bcv_low"]), float(row["bcv_high"])
        yield Compared("biological CV (%)", lot, float(row["bcv_percent"]), bcv, *ends)
        soup = float(row["ambient_frac"])
        ends = soup - AMBIENT_TOLERANCE, soup + AMBIENT_TOLERANCE
        yield Compared("ambient share", lot, soup, float(true["ambient_frac"]), *ends)
        yield _share("share in S or G2/M", lot, cycle, sample, float(true["cycling_frac"]))
        yield _share("senescent share", lot, senescence, sample, float(true["senescent_frac"]))
        called = float(row["residual_called"])
        yield Compared("pluripotent cells called", lot, called, 0.0, called, called)
        n = float(subsets.get(lot, float("nan")))
        yield Compared("populations", lot, n, states, n, n)


def _share(question: str, lot: str, table: pd.DataFrame, sample: str, truth: float) -> Compared:
    """A share of cells with the interval of its table."""
    row = table[table["group"].astype(str) == sample].iloc[0]
    return Compared(question, lot, float(row["frac"]), truth, float(row["low"]), float(row["high"]))


def _of_claims(claims: pd.DataFrame, components: pd.DataFrame) -> Iterator[Compared]:
    """Ratios of variances between the groups."""
    variance = {
        (str(row["source_class"]), str(row["level"])): float(row["variance"])
        for row in components.to_dict("records")
    }
    for name, level, what in (("A", "cell", "within lots"), ("B", "unit", "among lots")):
        for row in claims[claims["claim"] == name].to_dict("records"):
            one, other = str(row["test_group"]), str(row["reference_group"])
            true = variance[(one, level)] / variance[(other, level)]
            ends = float(row["low"]), float(row["high"])
            question, about = f"variance ratio {what}", f"{one} over {other}"
            yield Compared(question, about, float(row["ratio"]), true, *ends)
