"""Choices behind the subset test, fixed before the data are read."""

from dataclasses import dataclass

from imscope.core import codes
from imscope.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class SubsetSettings:
    """Settings of the subset test; the defaults are the documented procedure.

    Attributes
    ----------
    alpha
        Chance of a wrong split anywhere in the tree of one unit.
    max_cells
        Cells tested per unit; more are drawn at random and the result says so.
    genes
        Genes with the most variation beyond counting noise that are used.
    components
        Principal components of the deviance residuals.
    first_nulls, most_nulls
        Simulated populations per split: few where the answer is plain, many where it is close.
    min_cells, min_umi
        Below these a unit is not testable. Unit: cells, median UMI per cell.
    min_side
        Cells below which a side is not taken for a population.
    explained_auc
        A covariate that separates the sides this well explains the split.
    same_split
        Correlation of gene differences from which splits of two units count as the same.
    seed
        Of the draw of cells, the simulations and the halves of counts.
    """

    alpha: float = 0.05
    max_cells: int = 2_000
    genes: int = 500
    components: int = 10
    first_nulls: int = 10
    most_nulls: int = 50
    min_cells: int = 100
    min_umi: int = 1_000
    min_side: int = 15
    explained_auc: float = 0.85
    same_split: float = 0.4
    seed: int = 0

    @classmethod
    def for_runs(cls, seed: int = 0) -> "SubsetSettings":
        """Settings of a whole run: two to three seconds per unit, less power for small groups.

        Examples
        --------
        >>> SubsetSettings.for_runs().max_cells
        400
        """
        return cls(max_cells=400, genes=250, most_nulls=30, seed=seed)

    def __post_init__(self) -> None:
        wrong = [
            name
            for name, ok in (
                ("alpha", 0 < self.alpha < 0.5),
                ("max_cells", self.max_cells >= self.min_cells),
                ("genes", self.genes >= 50),
                ("components", 2 <= self.components < 50),
                ("first_nulls", self.first_nulls >= 5),
                ("most_nulls", self.most_nulls >= self.first_nulls),
                ("min_cells", self.min_cells >= 50),
                ("min_umi", self.min_umi >= 1),
                ("min_side", self.min_side >= 2),
                ("explained_auc", 0.5 < self.explained_auc <= 1),
                ("same_split", 0 < self.same_split <= 1),
                ("seed", self.seed >= 0),
            )
            if not ok
        ]
        if wrong:
            raise UsageError(
                "a setting of the subset test is out of range",
                found=", ".join(f"{name} = {getattr(self, name)}" for name in wrong),
                fix="see the documentation of SubsetSettings",
                code=codes.SUBSETS_OPTION,
            )
