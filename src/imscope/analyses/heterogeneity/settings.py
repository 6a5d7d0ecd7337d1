"""Choices behind the index, fixed before the data are read and hashed into every result."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

from imscope.analyses.heterogeneity.coordinated import Method
from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.stats.contrast import ALPHA


@dataclass(frozen=True, slots=True)
class HeterogeneitySettings:
    """Settings of the heterogeneity analyses; the defaults are the documented procedure.

    Attributes
    ----------
    replicate_unit
        Column that names the independent units (lots, donors); by default as
        :func:`imscope.core.cells.unit_column` finds it.
    min_per_10k
        A gene is in the universe when its mean share times 10,000 reaches this.
    min_median_umi
        Below this median depth nothing is estimated. Unit: UMI.
    matched_depth_floor
        Smallest depth to which comparisons thin the counts. Unit: UMI.
    min_cells
        Fewer cells are not estimated.
    blocks
        Blocks of cells inside each sample, for the interval of a single sample.
    bootstrap
        Bootstrap replicates.
    coordinated_cells
        Largest number of cells per group for coordinated heterogeneity.
    coordinated_method
        ``closed`` (deterministic) or ``split`` (random halves, for comparison).
    margin_low, margin_high
        Equivalence margin on the ratio of two indices.
    confidence
        Of every interval but that of a claim, which is the one of its test.
    alpha
        Level of each one-sided test; the interval of a claim leaves as much out on each side.
    adjustment
        ``sequence``: claims are tested in ``claim_order`` at full level, each only when all before
        it are shown; ``holm``: Holm's method over all claims that can be tested.
    claim_order
        Order fixed before the data.
    ambient_warn, ambient_difference
        Ambient share that warns, and difference between arms that forbids a comparison.
    technical_floor
        HI2 of a technical control (pool wells, spike-ins) at matched depth, on this platform.
    without_sets
        Gene sets left out of the second version of the index.
    seed
        Of the blocks, the bootstrap and the choice of cells.
    """

    replicate_unit: str | None = None
    min_per_10k: float = 0.5
    min_median_umi: int = 1_000
    matched_depth_floor: int = 1_500
    min_cells: int = 25
    blocks: int = 20
    bootstrap: int = 1_000
    coordinated_cells: int = 2_000
    coordinated_method: Method = "closed"
    margin_low: float = 0.80
    margin_high: float = 1.25
    confidence: float = 0.95
    alpha: float = ALPHA
    adjustment: Literal["sequence", "holm"] = "sequence"
    claim_order: tuple[str, ...] = ("A", "B", "C")
    ambient_warn: float = 0.05
    ambient_difference: float = 0.03
    technical_floor: float | None = None
    without_sets: tuple[str, ...] = ("cc_s", "cc_g2m", "dissociation_stress")
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = [
            name
            for name, ok in (
                ("min_per_10k", self.min_per_10k >= 0),
                ("min_median_umi", self.min_median_umi >= 1),
                ("min_cells", self.min_cells >= 4),
                ("blocks", self.blocks >= 3),
                ("bootstrap", self.bootstrap >= 100),
                ("coordinated_cells", self.coordinated_cells >= 100),
                ("margin_low", 0 < self.margin_low < 1),
                ("margin_high", self.margin_high > 1),
                ("confidence", 0.5 <= self.confidence < 1),
                ("alpha", 0 < self.alpha <= 0.2),
                ("adjustment", self.adjustment in ("sequence", "holm")),
                ("claim_order", sorted(self.claim_order) == ["A", "B", "C"]),
                ("ambient_warn", 0 <= self.ambient_warn <= 1),
                ("technical_floor", self.technical_floor is None or self.technical_floor >= 0),
            )
            if not ok
        ]
        if wrong:
            raise UsageError(
                f"heterogeneity setting {wrong[0]!r} is out of range",
                found=f"{wrong[0]} = {getattr(self, wrong[0])}",
                code=codes.CONFIG_VALUE,
            )

    @property
    def digest(self) -> str:
        """Hash of all settings: a margin changed after the data were seen shows as another hash.

        Examples
        --------
        >>> HeterogeneitySettings().digest == HeterogeneitySettings(margin_low=0.7).digest
        False
        """
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
