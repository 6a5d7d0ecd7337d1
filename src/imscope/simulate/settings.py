"""What a simulated cohort consists of: its knobs and its samples."""

from dataclasses import dataclass

from imscope.core.errors import UsageError

_AMOUNTS = (
    *("depth_spread", "depth_between", "imsc_within", "imsc_among", "private"),
    *("class_effect", "unit_effect", "run_effect", "batch_effect", "seed"),
)
_SHARES = (
    *("cycling", "ambient", "troubled_ambient", "ambient_blood", "doublets"),
    *("troubled_doublets", "damaged"),
)


@dataclass(frozen=True)
class CohortSettings:
    """Knobs of :func:`imscope.simulate.simulate_cohort`.

    Attributes
    ----------
    imsc_lots, primary_donors
        Replicate units per arm. All iMSC lots come from one clone of one donor.
    runs
        Samples per unit, each its own culture run with its own passage and batch.
    batches
        Technical batches; units of both arms are spread over them.
    passages
        Passages that samples take in turn.
    cells
        Good cells per sample. Doublets and damaged cells come on top.
    genes
        Genes, from 1,000 to 5,000.
    depth, depth_spread, depth_between
        Median UMI per cell, standard deviation of log depth among cells and among samples.
    imsc_within, imsc_among
        Size of differences among cells of a lot, and among lots, relative to primary samples
        (amplitude: a variance falls with its square). At 1 the arms have equal heterogeneity.
    private
        Standard deviation of each gene's own log noise in primary cells.
    class_effect, unit_effect, run_effect, batch_effect
        Standard deviation of log differences between source classes, units, runs and batches.
    subset_frac, subset_concentration
        Mean share of the subsets matrix, contractile, progenitor and immune, and how closely
        samples keep to it.
    cycling, senescence_passage
        Share of dividing cells; passage at which half of the cells are senescent.
    ambient, doublets, damaged
        Share of counts from ambient RNA; doublets and damaged cells per good cell.
    ambient_blood
        Share of the ambient RNA that comes from broken red blood cells, none of which is among the
        cells; the rest is the mean of the cells.
    empty_droplets
        Droplets without a cell in the unfiltered matrix of each sample (0: no such matrix).
    troubled_lot, troubled_ambient, troubled_doublets
        The number of one iMSC lot (0: none) prepared badly, and its ambient share and doublets.
    seed
        Same seed, same cohort.
    """

    imsc_lots: int = 4
    primary_donors: int = 4
    runs: int = 1
    batches: int = 2
    passages: tuple[int, ...] = (4, 6)
    cells: int = 650
    genes: int = 3500
    depth: float = 5000.0
    depth_spread: float = 0.3
    depth_between: float = 0.12
    imsc_within: float = 0.7
    imsc_among: float = 0.5
    private: float = 0.25
    class_effect: float = 0.25
    unit_effect: float = 0.2
    run_effect: float = 0.08
    batch_effect: float = 0.08
    subset_frac: tuple[float, float, float, float] = (0.5, 0.2, 0.18, 0.12)
    subset_concentration: float = 60.0
    cycling: float = 0.25
    senescence_passage: float = 10.0
    ambient: float = 0.03
    ambient_blood: float = 0.02
    empty_droplets: int = 2500
    doublets: float = 0.03
    damaged: float = 0.03
    troubled_lot: int = 4
    troubled_ambient: float = 0.1
    troubled_doublets: float = 0.1
    seed: int = 20210907

    def __post_init__(self) -> None:
        """Refuse values that make no cohort."""
        for name, ok, rule in (
            ("imsc_lots", self.imsc_lots >= 0, "0 or more"),
            ("primary_donors", self.primary_donors >= 0, "0 or more"),
            ("imsc_lots", self.imsc_lots + self.primary_donors > 0, "at least one unit in all"),
            ("runs", self.runs >= 1, "1 or more"),
            ("batches", self.batches >= 1, "1 or more"),
            ("passages", len(self.passages) > 0, "at least one passage"),
            ("empty_droplets", self.empty_droplets >= 0, "0 or more"),
            ("cells", self.cells >= 20, "20 or more"),
            ("depth", self.depth >= 100, "100 or more"),
            ("subset_frac", min(self.subset_frac) > 0, "all above 0"),
            ("subset_concentration", self.subset_concentration > 0, "above 0"),
            *((name, getattr(self, name) >= 0, "0 or more") for name in _AMOUNTS),
            *((n, 0 <= getattr(self, n) < 1, "from 0 to below 1") for n in _SHARES),
        ):
            if not ok:
                raise UsageError(
                    f"a cohort cannot be simulated with this value of {name}",
                    found=f"{name} = {getattr(self, name)}",
                    fix=rule,
                )

    def spread(self, source_class: str) -> tuple[float, float]:
        """Relative size of differences within and among units of one source class."""
        return (self.imsc_within, self.imsc_among) if source_class == "iMSC" else (1.0, 1.0)


@dataclass(frozen=True)
class SampleDesign:
    """Design of one simulated sample, as the sample sheet gives it."""

    sample: str
    source_class: str
    source_tissue: str
    donor: str
    line: str
    clone: str
    lot: str
    batch: str
    passage: int
    sex: str
    ambient: float
    doublets: float


def cohort_design(settings: CohortSettings) -> list[SampleDesign]:
    """List the samples of a cohort in the order of its sample sheet.

    Examples
    --------
    >>> [d.sample for d in cohort_design(CohortSettings(imsc_lots=2, primary_donors=1))]
    ['iMSC_L1', 'iMSC_L2', 'MSC_D1']
    """
    out = []
    for i in range(settings.imsc_lots):
        troubled = i + 1 == settings.troubled_lot
        for run in range(settings.runs):
            out.append(
                SampleDesign(
                    sample=_name(f"iMSC_L{i + 1}", run, settings.runs),
                    source_class="iMSC",
                    source_tissue="iPSC",
                    donor="D0",
                    line="IPS1",
                    clone="C1",
                    lot=f"L{i + 1}",
                    batch=f"B{(i + run) % settings.batches + 1}",
                    passage=_passage(i, run, settings),
                    sex="female",
                    ambient=settings.troubled_ambient if troubled else settings.ambient,
                    doublets=settings.troubled_doublets if troubled else settings.doublets,
                )
            )
    for i in range(settings.primary_donors):
        for run in range(settings.runs):
            out.append(
                SampleDesign(
                    sample=_name(f"MSC_D{i + 1}", run, settings.runs),
                    source_class="primary_MSC",
                    source_tissue="bone_marrow",
                    donor=f"D{i + 1}",
                    line="",
                    clone="",
                    lot=f"P{i + 1}",
                    batch=f"B{(i + run) % settings.batches + 1}",
                    passage=_passage(i, run, settings),
                    sex="female" if i % 2 else "male",
                    ambient=settings.ambient,
                    doublets=settings.doublets,
                )
            )
    return out


def _name(unit: str, run: int, runs: int) -> str:
    return unit if runs == 1 else f"{unit}_r{run + 1}"


def _passage(unit: int, run: int, settings: CohortSettings) -> int:
    return settings.passages[(unit // settings.batches + run) % len(settings.passages)]
