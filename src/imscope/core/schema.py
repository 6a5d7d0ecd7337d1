"""Tables in which the parts of imscope meet: every column declared once, checked at the door.

The same declaration makes the docs page (`docs/reference/tables.md`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imscope.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["text", "integer", "number", "boolean"]

DESIGN_FACTORS = (
    "source_class",
    "source_tissue",
    "donor",
    "line",
    "clone",
    "lot",
    "batch",
    "passage",
    "population_doublings",
    "day",
    "condition",
    "platform",
    "library",
    "is_reference",
    "pair",
    "sex",
    "donor_age",
    "collected_at",
    "operator",
)
"""Optional sample sheet columns the analyses know by name."""

SOURCE_CLASSES = ("iMSC", "primary_MSC", "iPSC", "intermediate", "reference_line", "other")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, kind, unit and meaning."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One declared table. Columns beyond those declared are allowed only if ``open_ended``."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    open_ended: bool = False

    @property
    def names(self) -> list[str]:
        """Names of the required columns, in order."""
        return [c.name for c in self.columns if not c.optional]

    def check(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """Return the frame with declared columns first, or say what is wrong with it.

        Raises
        ------
        DataError
            A declared column is missing, has the wrong kind, or an undeclared one is there.
        """
        missing = [n for n in self.names if n not in frame.columns]
        known = [c.name for c in self.columns]
        extra = [str(n) for n in frame.columns if n not in known]
        if missing or (extra and not self.open_ended):
            raise DataError(
                f"table {self.name!r} does not have its declared columns",
                found=f"missing: {missing}; not declared: {extra}",
                fix="see docs/reference/tables.md",
            )
        wrong = [
            f"{c.name} should be {c.kind}, is {frame[c.name].dtype}"
            for c in self.columns
            if c.name in frame.columns and len(frame) and not _fits(frame[c.name], c.kind)
        ]
        if wrong:
            raise DataError(
                f"table {self.name!r} has columns of the wrong kind", found="; ".join(wrong)
            )
        return frame[[n for n in known if n in frame.columns] + extra]


def _fits(column: "pd.Series", kind: Kind) -> bool:
    from pandas.api import types

    if kind == "number":
        return bool(types.is_numeric_dtype(column)) and not types.is_bool_dtype(column)
    if kind == "integer":
        return bool(types.is_integer_dtype(column))
    if kind == "boolean":
        return bool(types.is_bool_dtype(column))
    return bool(
        types.is_string_dtype(column)
        or types.is_object_dtype(column)
        or isinstance(column.dtype, types.CategoricalDtype)
    )


def _columns(rows: Iterable[str]) -> tuple[Column, ...]:
    """Read ``name | kind | unit | meaning`` lines; a trailing ``?`` on the name means optional."""
    out = []
    for row in rows:
        name, kind, unit, meaning = (part.strip() for part in row.split("|"))
        optional = name.endswith("?")
        out.append(Column(name.rstrip("?"), kind, unit, meaning, optional))  # type: ignore[arg-type]
    return tuple(out)


def _table(name: str, meaning: str, rows: str, *, open_ended: bool = False) -> Table:
    lines = [line for line in rows.strip().splitlines() if line.strip()]
    return Table(name, meaning, _columns(lines), open_ended)


SAMPLES = _table(
    "samples",
    "One row per sample of the sheet, with its design and what quality control left of it.",
    """
    sample | text | | unique name of the sample
    n_cells_in | integer | cells | cells in the file
    n_cells | integer | cells | cells kept
    median_umi | number | UMI | median UMI per kept cell
    median_genes | number | genes | median genes detected per kept cell
    mito_frac | number | fraction | median mitochondrial share of the kept cells
    doublet_frac | number | fraction | share of cells called doublets; empty when not estimated
    doublet_status | text | | ok, or why doublets could not be told
    ambient_frac | number | fraction | share of counts from ambient RNA; empty when not estimated
    ambient_status | text | | how the ambient share was found, or why not
    comparability_key | text | | platform, chemistry, pipeline and gene universe in one text
    """,
    open_ended=True,
)
QC_LIMITS = _table(
    "qc_limits",
    "Limits applied per sample and metric.",
    """
    sample | text | | sample
    metric | text | | quality metric
    low | number | as metric | cells below are removed; empty when there is no lower limit
    high | number | as metric | cells above are removed; empty when there is no upper limit
    median | number | as metric | median over the cells of the sample
    mad | number | as metric | median absolute deviation, scaled to the normal
    reason | text | | which rule set the limit: MAD, floor, ceiling or configuration
    """,
)
QC_LEDGER = _table(
    "qc_ledger",
    "Cells and genes lost to each rule, in the order the rules were applied.",
    """
    sample | text | | sample; `all` for genes
    unit | text | | cells or genes
    rule | text | | the rule
    n_before | integer | count | present before the rule
    n_lost | integer | count | removed by the rule, not counted by an earlier one
    n_flagged | integer | count | would be removed by this rule alone
    n_after | integer | count | present after the rule
    """,
)
DESIGN_LEVELS = _table(
    "design_levels",
    "Factors of the sample sheet: levels and replication.",
    """
    factor | text | | column of the sample sheet
    n_levels | integer | levels | distinct values
    levels | text | | the values, comma separated
    samples_per_level | text | samples | smallest to largest
    confounded_with | text | | factors that cannot be told apart from this one
    """,
)
DESIGN_TESTS = _table(
    "design_tests",
    "What this design can and cannot test.",
    """
    question | text | | in words
    status | text | | TESTABLE, DESCRIPTIVE ONLY or NOT TESTABLE
    n_test | integer | units | replicate units in the smaller arm
    reason | text | | why
    """,
)
HETEROGENEITY_INDEX = _table(
    "heterogeneity_index",
    "Noise-corrected heterogeneity per sample, lot and group.",
    """
    level? | text | | sample, lot, platform pool or the grouping column
    group | text | | name of the sample, lot or group
    n_cells | integer | cells | cells used
    n_units | integer | units | replicate units inside the group
    median_umi | number | UMI | median UMI per cell over the genes kept
    hi2 | number | | noise-corrected inertia of all cells of the group
    hi2_low | number | | lower end of the 95 % interval
    hi2_high | number | | upper end of the 95 % interval
    hi2_within? | number | | mean of the units' own hi2, weighted by cells
    bcv_percent | number | % | biological coefficient of variation, 100 sqrt(hi2)
    bcv_low? | number | % | lower end of the 95 % interval
    bcv_high? | number | % | upper end of the 95 % interval
    hi_c | number | | coordinated heterogeneity, sqrt(tr S^2)
    hi_c_low? | number | | lower end of the 95 % interval over cells
    hi_c_high? | number | | upper end of the 95 % interval over cells
    programmes | number | programmes | effective number of coordinated programmes
    hi2_without_cycle? | number | | hi2 without cell-cycle and dissociation genes
    hi2_above_floor? | number | | hi2 less the technical floor; empty when no floor is given
    interval? | text | | what the interval is over: units or blocks of cells
    comparability_key? | text | | platform, chemistry, pipeline and gene universe
    status | text | | ok, not estimable, not comparable: with the reason
    warnings | text | | codes and words, semicolon separated
    """,
)
HETEROGENEITY_LEVELS = _table(
    "heterogeneity_levels",
    "Heterogeneity that each level of the design adds; the levels of a programme add up.",
    """
    programme | text | | `all` genes of the universe, or the name of a gene set
    level | text | | level, coarse to fine; the last is `cell`; `a=b` where two cannot be told apart
    hi2 | number | | component; may be below zero
    low | number | | lower end of the 95 % interval; empty when there are too few groups
    high | number | | upper end of the 95 % interval
    share | number | fraction | component over the sum of all levels
    n_groups | integer | groups | groups at this level
    status | text | | ok or not above zero; why there is no interval
    """,
)
HETEROGENEITY_GENES = _table(
    "heterogeneity_genes",
    "Genes that carry the heterogeneity of each group, the strongest first.",
    """
    group | text | | name of the group
    rank | integer | | 1 adds most
    feature_id | text | | stable gene id
    symbol | text | | gene symbol
    hi2 | number | | what the gene adds to hi2; may be below zero
    share | number | fraction | of the group's hi2
    share_so_far | number | fraction | of this gene and all before it
    """,
)
HETEROGENEITY_PROGRAMMES = _table(
    "heterogeneity_programmes",
    "Heterogeneity of each group restricted to the genes of a programme.",
    """
    group | text | | name of the group
    programme | text | | name of the gene set
    n_genes | integer | genes | genes of the set in the universe
    hi2 | number | | sum over these genes; may be below zero
    low | number | | lower end of the 95 % interval over blocks of cells
    high | number | | upper end of the 95 % interval
    share | number | fraction | of the group's hi2; gene sets overlap
    """,
)
HETEROGENEITY_RELATIVE = _table(
    "heterogeneity_relative",
    "Heterogeneity of each group over that of the reference samples of the same platform.",
    """
    group | text | | name of the group
    reference | text | | reference samples
    ratio | number | | hi2 of the group over hi2 of the reference
    low | number | | lower end of the 95 % interval over blocks of cells
    high | number | | upper end of the 95 % interval
    status | text | | ok, or why there is no ratio
    """,
)
CLAIMS = _table(
    "claims",
    "What is claimed of the groups, with verdict and reason.",
    """
    claim | text | | A: cells within a lot; B: lots among one another; C: drift; D: description
    test_group | text | | group the claim is about
    reference_group | text | | group it is compared with
    ratio | number | | ratio of the statistic, test over reference
    low | number | | lower end of the 95 % interval
    high | number | | upper end of the 95 % interval
    p_value | number | probability | one-sided, Holm-adjusted where several claims are tested
    p_equivalence | number | probability | larger of the two one-sided tests
    n_test | integer | units | replicate units in the test group
    n_reference | integer | units | replicate units in the reference group
    verdict | text | | SUPERIOR, EQUIVALENT, INCONCLUSIVE, INFERIOR, NOT TESTABLE or DESCRIPTIVE
    reason | text | | one plain sentence
    p_raw? | number | probability | one-sided, before adjustment
    ratio_unmatched? | number | | the ratio without matching the depth
    method? | text | | how the probability was found
    settings_hash? | text | | hash of the settings, margin included
    """,
)
CLUSTERS = _table(
    "clusters",
    "Clusters: size and share per sample.",
    """
    cluster | text | | cluster number
    sample | text | | sample
    n_cells | integer | cells | cells of the sample in the cluster
    frac | number | fraction | share of the sample's cells
    """,
)
MARKERS = _table(
    "markers",
    "Genes that mark each cluster against all other cells (descriptive: cells are not replicates).",
    """
    cluster | text | | cluster number
    rank | integer | | 1 is the best marker
    feature_id | text | | stable gene id
    symbol | text | | gene symbol
    log2_fc | number | log2 | difference of mean normalised expression
    auc | number | probability | that a cell of the cluster exceeds one outside
    frac_in | number | fraction | cells of the cluster in which the gene is seen
    frac_out | number | fraction | other cells in which the gene is seen
    p_value | number | probability | tie-corrected rank-sum test over cells, two-sided
    q_value | number | probability | Benjamini-Hochberg over genes and clusters
    """,
)
CELLS = _table(
    "cells",
    "One row per kept cell.",
    """
    cell | text | | unique name, sample and barcode
    sample | text | | sample
    cluster | text | | cluster number
    n_umi | integer | UMI | total UMI
    n_genes | integer | genes | genes detected
    mito_frac | number | fraction | mitochondrial share; empty when the file holds no such gene
    doublet_score | number | | simulated-doublet neighbour share
    umap_1 | number | | first coordinate, for looking only
    umap_2 | number | | second coordinate, for looking only
    """,
    open_ended=True,
)
SUBSET_SPLITS = _table(
    "subset_splits",
    "Splits of the tree of cells of each unit that were tested against one simulated population.",
    """
    group | text | | the unit whose cells are split
    node | text | | place in the tree: `root`, then 0 or 1 for each side taken
    n_cells | integer | cells | cells below the node
    n_smaller | integer | cells | cells on the smaller side
    statistic | number | fraction | share of the sum of squares that lies between the sides
    null_mean | number | fraction | its mean over the simulated populations
    null_sd | number | fraction | its standard deviation over the simulated populations
    n_nulls | integer | simulations | populations simulated
    p_value | number | probability | one-sided, normal tail widened for the number of simulations
    alpha_node | number | probability | level the p value is held against
    thinning | text | | how counts were split in two halves: binomial or negative binomial
    auc_half | number | probability | separation of the sides on counts the sides were not found on
    p_half | number | probability | of that separation, one-sided
    n_units_seen | integer | units | units with a split along the same genes, with this one
    explained_by | text | | covariate that separates the sides by itself; empty when none does
    explained_auc | number | probability | separation by the strongest covariate
    genes | text | | genes with the largest difference between the sides
    status | text | | split, one population, or why a split is not counted
    """,
)
SUBSET_CALLS = _table(
    "subset_calls",
    "More than one population? One verdict per unit.",
    """
    group | text | | the unit
    n_cells | integer | cells | cells of the unit
    n_used | integer | cells | cells tested, after drawing at random down to the cap
    median_umi | number | UMI | median UMI per cell
    n_subsets | integer | subsets | populations found; 0 when not testable
    shape | text | | discrete, continuous or NOT TESTABLE
    sharing | text | | coordinated (together), private (each on its own), none or NOT TESTABLE
    p_split | number | probability | of the first split
    p_shared | number | probability | of the leading component against genes that vary on their own
    p_excess | number | probability | of variation beyond counting noise
    replication | text | | whether another unit shows the split
    verdict | text | | the two words together
    reason | text | | one plain sentence
    """,
)
COMPOSITION = _table(
    "composition",
    "Effective number of subsets per unit (Hill numbers), brought to equal coverage.",
    """
    group | text | | the unit
    order | integer | | 0 counts subsets, 1 weighs by frequency, 2 follows the common ones
    n_cells | integer | cells | cells counted
    coverage | number | fraction | estimated share of the population whose subsets were seen
    observed | number | subsets | Hill number of the cells as counted
    at_coverage | number | fraction | coverage all units are brought to
    cells_at_coverage | number | cells | cells that reach it
    hill | number | subsets | Hill number at that coverage
    low | number | subsets | lower end of the 95 % interval over cells
    high | number | subsets | upper end of the 95 % interval over cells
    basis | text | | whether the subsets are significant or clusters of an algorithm
    status | text | | ok, or not estimable: with the reason
    """,
)
DIFFERENTIAL_ABUNDANCE = _table(
    "differential_abundance",
    "Difference in the share of each subset; the unit is the replicate.",
    """
    cluster | text | | subset or cluster
    contrast | text | | what is compared
    mean_share | number | fraction | mean share over the units
    effect | number | as scale | difference of means, or slope
    low | number | as scale | lower end of the 95 % interval
    high | number | as scale | upper end of the 95 % interval
    scale | text | | logit, arcsine or log_ratio
    p_value | number | probability | moderated t or F over all contrasts of the subset
    q_value | number | probability | Benjamini-Hochberg over subsets
    p_likelihood | number | probability | beta-binomial likelihood ratio, small-sample reference
    q_likelihood | number | probability | Benjamini-Hochberg over subsets
    n_units | integer | units | units used
    units_per_arm | text | units | units in each group, in sorted order
    status | text | | ok, not estimable or NOT TESTABLE: with the reason
    """,
)

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        SAMPLES,
        QC_LIMITS,
        QC_LEDGER,
        DESIGN_LEVELS,
        DESIGN_TESTS,
        HETEROGENEITY_INDEX,
        HETEROGENEITY_LEVELS,
        HETEROGENEITY_GENES,
        HETEROGENEITY_PROGRAMMES,
        HETEROGENEITY_RELATIVE,
        CLAIMS,
        CLUSTERS,
        MARKERS,
        CELLS,
        SUBSET_SPLITS,
        SUBSET_CALLS,
        COMPOSITION,
        DIFFERENTIAL_ABUNDANCE,
    )
}
"""Every declared table by name."""
