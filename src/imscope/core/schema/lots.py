"""The table of lots: every question of the run answered once per lot."""

from imscope.core.schema.declare import table

LOT_STATUS = {
    "ok": "measured, and inside its limit",
    "check": "outside its limit: look before use",
    "open": "measured, but the data do not decide",
    "measured": "measured; no limit applies",
    "not tested": "this run gives no value",
}
"""The one vocabulary of status words, each with its meaning."""

LOTS = table(
    "lots",
    "One row per lot: every headline number with a status word.",
    """
    lot | text | | lot of the sample sheet; a sample without lot stands for itself
    source | text | | source class of the sample sheet
    n_samples | integer | samples | samples of the lot
    n_cells | integer | cells | cells kept after quality control
    cells_status | text | | status word
    median_umi | number | UMI | median UMI per kept cell; of several samples, the lowest
    depth_status | text | | status word
    bcv_percent | number | % | biological CV; of several samples, the largest
    bcv_low | number | % | lower end of its 95 % interval
    bcv_high | number | % | upper end of its 95 % interval
    bcv_place | text | | place among the comparable reference lots, by the value alone
    bcv_status | text | | status word; check: above all reference lots
    identity | text | | surface markers of MSC: how many agree, of how many asked
    identity_status | text | | status word; ok only when all were judged and none is against
    subsets | text | | number of populations found, and their shape
    subsets_status | text | | status word
    s_g2m_frac | number | fraction | cells in S or G2/M phase
    s_g2m_status | text | | status word
    senescent_frac | number | fraction | cells with all signs of senescence
    senescent_status | text | | status word
    residual_called | integer | cells | cells called pluripotent
    residual_upper | number | fraction | upper 95 % bound of their share, largest sample
    residual_lod | number | fraction | limit of detection; of several samples, the largest
    residual_status | text | | status word; ok only with a measured limit of blank
    karyotype | text | | gains and losses found, and how many regions were tested
    karyotype_status | text | | status word
    ambient_frac | number | fraction | ambient RNA; of several samples, the largest
    ambient_status | text | | status word
    n_warnings | integer | warnings | warnings that name the lot or one of its samples
    warnings_status | text | | status word
    """,
    labels={"n_samples": "samples", "n_cells": "cells", "bcv_place": "place of the CV"},
    merge={"bcv_percent": ("bcv_low", "bcv_high")},
)
