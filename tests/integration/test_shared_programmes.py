"""Programme scores on public data in which the answer is known."""

import os
from pathlib import Path

import numpy as np
import pytest

from imscope.analyses.subsets import ProgrammeSettings, score_programmes
from imscope.io.counts import read_counts

ROOT = Path(os.environ.get("IMSCOPE_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not ROOT.is_dir(), reason="the shared data are not here (IMSCOPE_SHARED_DATA)"
    ),
]


def table(path, **settings):
    with read_counts(ROOT / path) as counts:
        return score_programmes(
            counts.source, counts.features, counts.obs, settings=ProgrammeSettings(**settings)
        ).table


def test_interferon_ranks_first_in_stimulated_blood_cells():
    found = table("pbmc_ifnb_stimulation/pbmc_ctrl_vs_ifnb.h5ad", by="condition")
    mine = found[found["group"] == "stim_IFNb"].set_index("programme")
    assert mine["rank"].eq(1).idxmax() == "interferon_signature"
    assert mine.loc["interferon_signature", "effect"] > 2
    # donors were pooled before sequencing: no units, so no p value
    assert "NOT TESTABLE" in mine.loc["interferon_signature", "status"]
    assert np.isnan(mine.loc["interferon_signature", "p_value"])


def test_pluripotency_and_matrix_tell_ipsc_from_imsc():
    found = table(
        "ipsc_to_imsc_to_osteogenic/pseudobulk_by_stage.h5ad",
        by="stage", unit="line", test="iMSC", reference="iPSC",
    )  # fmt: skip
    mine = found[found["group"] == "iMSC"].set_index("programme")
    assert mine.loc["residual_psc_msc_safe", "effect"] < -5
    assert mine.loc["ecm_core", "effect"] > 2
    assert (mine.loc[["residual_psc_msc_safe", "ecm_core"], "q_value"] < 0.05).all()


def test_quiescent_fibroblasts_are_not_called_senescent():
    from imscope.analyses.identity.senescence import score_profiles
    from imscope.engine.pseudobulk import sum_units

    path = ROOT / "fibroblast_replicative_ageing_bulk" / "growing_quiescent_senescent.h5ad"
    with read_counts(path) as counts:
        condition = counts.obs["condition"].astype(str).to_numpy()
        sums = sum_units(counts.source, np.arange(len(condition)), len(condition))
        found = score_profiles(
            sums, counts.features, list(counts.obs.index), reference=condition == "growing"
        )
    call = {c: set(found["call"][condition == c]) for c in set(condition)}
    assert call == {
        "growing": {"reference"},
        "quiescence": {"not senescent"},
        "senescence": {"senescent"},
        "deep senescence": {"senescent"},
    }


def test_donor_sex_agrees_with_the_sheet_for_every_line():
    from imscope.analyses.identity import describe_identity
    from imscope.analyses.identity.compute import IdentitySettings

    path = ROOT / "ipsc_to_imsc_to_osteogenic" / "pseudobulk_by_stage.h5ad"
    with read_counts(path) as counts:
        made = describe_identity(
            counts.source, counts.features, counts.obs, settings=IdentitySettings(by="batch")
        )
    assert made.sex["agreement"].tolist() == ["agrees"] * 5
    assert set(made.sex["call"]) == {"male", "female"}
    assert made.cycle["status"].str.startswith("not estimable: 15 cells").all()
