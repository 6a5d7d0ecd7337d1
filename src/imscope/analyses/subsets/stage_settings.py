"""Settings of stage calls."""

from dataclasses import dataclass

from imscope.core import codes
from imscope.core.errors import UsageError


@dataclass(frozen=True)
class StageSettings:
    """Settings of :func:`imscope.subsets.call_stages`.

    Attributes
    ----------
    min_coverage
        Share of a stage's core genes that must be in the matrix for the stage to be scored.
    min_posterior
        Posterior below which a cell is called ``unknown``.
    ambient_frac
        Ambient share of the counts taken where the sample's own is not known. The profile is then
        the mean of the sample's cells.
    bulk_umi
        Depth from which a row is taken as a pseudobulk, which has no ambient term.
    updates
        Rounds in which the rates of genes that are on are learned from the cells.
    learning_cells
        Cells, spread evenly over the rows, from which they are learned.
    level
        Level of intervals.
    """

    min_coverage: float = 0.5
    min_posterior: float = 0.5
    ambient_frac: float = 0.03
    bulk_umi: float = 300_000.0
    updates: int = 3
    learning_cells: int = 6_000
    level: float = 0.95

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name, ok, rule in (
            ("min_coverage", 0 < self.min_coverage <= 1, "above 0, at most 1"),
            ("min_posterior", 0 < self.min_posterior < 1, "between 0 and 1"),
            ("ambient_frac", 0 <= self.ambient_frac < 1, "from 0 to below 1"),
            ("bulk_umi", self.bulk_umi > 0, "above 0"),
            ("updates", self.updates >= 0, "0 or more"),
            ("learning_cells", self.learning_cells >= 100, "100 or more"),
            ("level", 0 < self.level < 1, "between 0 and 1"),
        ):
            if not ok:
                raise UsageError(
                    f"stages cannot be called with this value of {name}",
                    found=f"{name} = {getattr(self, name)}",
                    fix=rule,
                    code=codes.SUBSETS_OPTION,
                )
