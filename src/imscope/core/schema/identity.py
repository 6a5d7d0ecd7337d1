"""Tables of identity, cycle and ageing."""

from imscope.core.schema.declare import table

CYCLE_PHASES = table(
    "cycle_phases",
    "Cell-cycle phase: share of the cells of each group in each phase.",
    """
    group | text | | group of cells
    phase | text | | G1 (with resting cells), S, G2M, or S and G2M together
    frac | number | fraction | share of the cells called in this phase
    low | number | fraction | lower end of the 95 % interval
    high | number | fraction | upper end of the 95 % interval
    n_cells | integer | cells | cells of the group
    n_units | integer | units | replicate units of the group
    basis | text | | whether the interval is over units or over cells only
    status | text | | ok or not estimable
    reason | text | | why not; empty when ok
    """,
)
SENESCENCE = table(
    "senescence",
    "Senescent cells: arrest, SASP, low cycle and low LMNB1 are all needed.",
    """
    group | text | | group of cells
    frac | number | fraction | share of cells that meet all four conditions
    low | number | fraction | lower end of the 95 % interval
    high | number | fraction | upper end of the 95 % interval
    n_cells | integer | cells | cells of the group
    n_units | integer | units | replicate units of the group
    basis | text | | whether the interval is over units or over cells only
    arrest_frac | number | fraction | share of cells with raised arrest genes
    sasp_frac | number | fraction | share of cells with raised SenMayo genes
    resting_frac | number | fraction | share of cells not in S, G2 or M
    low_lmnb1_frac | number | fraction | share of cells with less LMNB1 than expected
    chance_frac | number | fraction | share that would meet all four if they were independent
    lmnb1_ratio | number | ratio | LMNB1 rate of cells that meet the other three over resting ones
    relative_to | text | | cells the thresholds come from
    status | text | | ok, open (LMNB1 does not confirm the call) or not estimable
    reason | text | | why not ok; empty when ok
    """,
)
SENESCENCE_PROFILES = table(
    "senescence_profiles",
    "Senescence of whole profiles (pseudobulk or bulk) against reference profiles.",
    """
    group | text | | profile
    arrest_z | number | | arrest genes against matched random sets
    sasp_z | number | | SenMayo genes against matched random sets
    cycle_z | number | | G2/M genes against matched random sets
    lmnb1_log2_fc | number | log2 | LMNB1 against the reference profiles
    call | text | | senescent, not senescent, reference or not estimable
    reason | text | | conditions that are met and those that are not
    """,
)
ISCT_PANEL = table(
    "isct_panel",
    "ISCT panel: from protein where it was measured, else a surrogate from RNA.",
    """
    group | text | | group of cells
    antigen | text | | name on the surface
    symbol | text | | gene
    rule | text | | positive (>= 95 % of cells) or negative (<= 2 %)
    source | text | | protein, or RNA surrogate
    frac | number | fraction | cells above the background (protein) or with a count (RNA)
    low | number | fraction | lower end of the 95 % interval over cells
    high | number | fraction | upper end of the 95 % interval over cells
    expected_seen | number | fraction | RNA: cells that would show a count if all were alike
    per_10k | number | per 10,000 | mean share of the counts
    n_cells | integer | cells | cells of the group
    verdict | text | | meets, fails or open; RNA: consistent, against or not estimable
    status | text | | ok or not estimable
    reason | text | | why not; empty when ok
    """,
)
HOX_CODE = table(
    "hox_code",
    "HOX position code: presence of each HOX gene in the pseudobulk of a group.",
    """
    group | text | | group of cells
    code | text | | 1 present, 0 absent, ? undecided, in the order of the gene set
    present | text | | genes that are present
    n_present | integer | genes | genes present
    n_decided | integer | genes | genes decided
    nearest | text | | other group with the most similar code
    similarity | number | fraction | Jaccard index over genes decided in both
    status | text | | ok or not estimable
    reason | text | | why not; empty when ok
    """,
)
DONOR_SEX = table(
    "donor_sex",
    "Sex of the donor from XIST and Y genes, beside the sheet.",
    """
    group | text | | group of cells
    xist_per_million | number | per million | counts of XIST
    y_per_million | number | per million | counts of the Y genes
    n_y_genes | integer | genes | Y genes in the matrix
    call | text | | male, female, no Y, mixed or not estimable
    sheet | text | | sex in the sample sheet
    agreement | text | | agrees, contradicts or not compared
    reason | text | | in words
    """,
)
DONOR_MATCH = table(
    "donor_match",
    "Pairs of samples: do genes that people have or lack agree.",
    """
    first | text | | sample
    second | text | | sample
    same_donor | boolean | | whether the sheet gives both the same donor
    n_compared | integer | genes | genes decided in both
    n_different | integer | genes | present in one and absent in the other
    genes | text | | the genes that differ
    verdict | text | | agrees, contradicts, or not compared
    reason | text | | in words
    """,
)
