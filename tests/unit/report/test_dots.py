import re

import pandas as pd

from imscope.report.dots import DotRow, dots
from imscope.report.sections.composition import unit_shares

ROW = DotRow("cluster 0", {"a": [("L1", 10.0), ("L2", 30.0)], "b": [("L3", float("nan"))]})


def draw(rows=(ROW,), groups=("a", "b")):
    return str(dots(rows, groups, title="t", axis_title="share (%)", simulated=False))


def test_each_unit_is_one_dot_and_each_group_one_mean():
    picture = draw()
    places = [float(x) for x in re.findall(r'<circle cx="([0-9.]+)"[^>]*fill-opacity', picture)]
    means = [float(x) for x in re.findall(r'<line x1="([0-9.]+)"[^>]*stroke-width="2.5"', picture)]
    assert len(places) == 2
    assert len(means) == 1
    assert abs(means[0] - sum(places) / 2) < 0.02


def test_dots_name_their_unit_and_hostile_names_stay_text():
    row = DotRow("<b>", {"a": [("</title><script>", 1.0)]})
    picture = draw([row])
    assert "<script>" not in picture
    assert "&lt;/title&gt;&lt;script&gt; (a), &lt;b&gt;: 1" in picture


def test_shares_pool_the_samples_of_a_unit_and_leave_out_those_without():
    clusters = pd.DataFrame(
        {
            "cluster": ["0", "1"] * 4,
            "sample": ["s1", "s1", "s2", "s2", "s3", "s3", "s4", "s4"],
            "n_cells": [10, 30, 30, 10, 5, 5, 9, 1],
        }
    )
    samples = pd.DataFrame(
        {
            "sample": ["s1", "s2", "s3", "s4"],
            "arm": ["x", "x", "y", None],
            "lot": ["L1", "L1", "L2", "L3"],
        }
    )
    shares = unit_shares(clusters, samples, group="arm", unit="lot").set_index(["unit", "cluster"])
    assert shares["frac"].to_dict() == {
        ("L1", "0"): 0.5, ("L1", "1"): 0.5, ("L2", "0"): 0.5, ("L2", "1"): 0.5
    }  # fmt: skip
    assert shares["n_cells"].sum() == 90


def test_the_unit_may_be_the_sample_itself():
    clusters = pd.DataFrame({"cluster": ["0"], "sample": ["s1"], "n_cells": [4]})
    samples = pd.DataFrame({"sample": ["s1"], "arm": ["x"]})
    assert unit_shares(clusters, samples, group="arm", unit="sample")["frac"].tolist() == [1.0]
