"""Stage calls: simulated day series, the day of the peak, real pseudobulks."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

from imscope.analyses.subsets.stage_calls import PAIR, StageCalls, call_stages
from imscope.analyses.subsets.window import mesenchymoangioblast_window
from imscope.core.blocks import BlockSource, MemoryBlocks
from imscope.core.cells import Cells
from imscope.core.views import concat_blocks
from imscope.simulate import TimecourseSettings, simulate_timecourse
from validation.common import Row, Study, met, number, percent

ROOT = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
SETTINGS = {
    "as the demo": {},
    "half the depth": {"depth": 2_500.0},
    "twice the depth": {"depth": 10_000.0},
    "weak markers": {"marker_level": 3.0},
    "strong, unequal markers": {"marker_level": 8.0, "marker_spread": 0.8},
    "10 % ambient RNA": {"ambient": 0.1, "pluripotent_soup": 0.05},
    "noisy cells, unlike lots": {"private": 0.5, "lot_effect": 0.3},
    "many doublets": {"doublets": 0.12},
}


def _series(**knobs: object) -> tuple[BlockSource, pd.DataFrame, pd.DataFrame]:
    made = simulate_timecourse(TimecourseSettings(empty_droplets=0, **knobs))  # type: ignore[arg-type]
    source = concat_blocks([MemoryBlocks.from_csr(s.counts) for s in made.samples.values()])
    cells = pd.concat(
        [s.cells.assign(sample=k) for k, s in made.samples.items()], ignore_index=True
    )
    return source, made.features, cells.merge(made.sheet, on="sample")


def _accuracy(cells: pd.DataFrame, calls: StageCalls) -> tuple[pd.Series, float]:
    """Share right by stage, and share of cells whose answer is a pair that holds the truth."""
    good = (cells["state"] == "good").to_numpy()
    truth, called = cells["stage"].to_numpy()[good], calls.cells["stage"].to_numpy()[good]
    paired = [t in c.split(PAIR) and PAIR in c for t, c in zip(truth, called, strict=True)]
    return pd.Series(truth == called).groupby(truth).mean(), float(np.mean(paired))


def accuracy(quick: bool) -> list[Row]:
    out = []
    for k, (name, knobs) in enumerate(SETTINGS.items()):
        if quick and k > 0:
            break
        source, features, cells = _series(
            seed=7_000 + k, lots=1 if quick else 2, cells=60 if quick else 150, genes=2_000,
            spike_frac=0.02, off_target=0.02, **knobs,
        )  # fmt: skip
        recall, paired = _accuracy(cells, call_stages(Cells(source, features, cells), threads=1))
        value = float(recall.mean())
        worst = recall.idxmin()
        out.append(
            Row(
                name,
                f"balanced accuracy over {len(recall)} stages",
                "0.95 or more",
                number(value, 3),
                met(value >= 0.95),
                f"least: {worst} {percent(float(recall.min()))}; in pairs: {percent(paired)}",
            )
        )
    return out


def peaks(quick: bool) -> list[Row]:
    error, covered = [], []
    days = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    for k, peak in enumerate((2.0, 1.7, 2.3, 2.5, 3.0, 3.4)):
        if quick and k > 1:
            break
        for repeat in range(1 if quick else 4):
            source, features, cells = _series(
                seed=8_000 + 10 * k + repeat, lots=2, cells=80, genes=1_500, days=days,
                peak_day=peak, depth=4_000.0 if repeat % 2 else 8_000.0,
            )  # fmt: skip
            calls = call_stages(Cells(source, features, cells), threads=1)
            check = mesenchymoangioblast_window(calls, cells["day"]).checks.iloc[0]
            error.append(abs(float(check["peak_day"]) - peak))
            covered.append(float(check["low"]) <= peak <= float(check["high"]))
    worst = float(np.max(error))
    return [
        Row(
            f"{len(error)} day series, peak from day 1.7 to 3.4, sampled daily",
            "largest error of the peak day",
            "0.5 days or less",
            f"{worst:.2f} days",
            met(worst <= 0.5),
            f"mean error {np.mean(error):.2f} days; its interval is over cells, not over the days "
            f"in between, and holds the truth in {percent(float(np.mean(covered)))}",
        )
    ]


def real() -> list[Row]:
    path = ROOT / "ipsc_to_imsc_to_osteogenic" / "pseudobulk_by_stage.h5ad"
    if not path.exists():
        return [Row("iPSC, iMSC, osteogenic pseudobulks", "rows told apart", "all 15", "not run")]
    import anndata as ad

    rows = ad.read_h5ad(path)
    source = MemoryBlocks.from_csr(sp.csr_array(rows.X))
    features = pd.DataFrame({"symbol": rows.var_names})
    obs = rows.obs.assign(sample=rows.obs_names.astype(str))
    called = call_stages(Cells(source, features, obs), threads=1).cells["stage"].to_numpy()
    told = rows.obs["stage"].to_numpy().astype(str)
    early = int((called[told == "iPSC"] == "pluripotent").sum())
    middle = int(np.isin(called[told == "iMSC"], ["msc", "msc_contractile"]).sum())
    total = early + middle
    known = int(np.isin(told, ["iPSC", "iMSC"]).sum())
    return [
        Row(
            "15 pseudobulk rows of four human lines, Housman 2022",
            "rows told apart",
            f"all {known}",
            f"{total} of {known}",
            met(total == known),
            f"{early} iPSC called pluripotent, {middle} iMSC called msc or msc_contractile",
        )
    ]


def run(quick: bool) -> list[Row]:
    return [*accuracy(quick), *peaks(quick), *real()]


STUDY = Study(
    "stages",
    "Stage calls",
    "Day series with other seeds, depths and loadings than any the model was built on. The simulator "
    "has marker lists and noise of its own, which the model does not know.",
    run,
)
