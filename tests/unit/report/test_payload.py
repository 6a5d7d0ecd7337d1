"""The rendered page: policy, escaping, completeness without scripts."""

import base64
import hashlib
import importlib.util
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from imscope.core.errors import DataError
from imscope.core.schema import CELLS, TABLES
from imscope.report.inputs import PanelExpression, ReportInput
from imscope.report.payload import asset, content_policy, find_builders, render


def _fixture_module():
    path = Path(__file__).parents[2] / "browser" / "fixture_report.py"
    spec = importlib.util.spec_from_file_location("fixture_report", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FIXTURE = _fixture_module()


@pytest.fixture(scope="module")
def report():
    return FIXTURE.synthetic_report(600)


@pytest.fixture(scope="module")
def page(report):
    return render(report)


class Outline(HTMLParser):
    """Elements with their attributes, and the text of scripts and styles."""

    def __init__(self):
        super().__init__()
        self.elements, self.raw, self._open = [], {}, None
        self.words = []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._open = tag + (dict(attrs).get("id") or "")
        else:
            self._open = None

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open:
            self.raw[self._open] = self.raw.get(self._open, "") + data
        else:
            self.words.append(data)


def outline(html):
    made = Outline()
    made.feed(html)
    made.close()
    return made


def page_json(html):
    return json.loads(outline(html).raw["scriptimscope-data"])


def unpack(packed, dtype):
    return np.frombuffer(zlib.decompress(base64.b64decode(packed)), dtype=dtype)


def test_the_policy_names_the_script_and_the_style_that_are_there(page):
    parsed = outline(page)
    policy = next(a["content"] for t, a in parsed.elements if a.get("http-equiv"))
    for raw, kind in ((parsed.raw["script"], "script-src"), (parsed.raw["style"], "style-src")):
        want = base64.b64encode(hashlib.sha256(raw.encode()).digest()).decode()
        assert f"{kind} 'sha256-{want}'" in policy
    assert policy.startswith("default-src 'none'; ")
    for rule in ("font-src 'none'", "connect-src 'none'", "base-uri 'none'", "form-action 'none'"):
        assert rule in policy
    assert "unsafe" not in policy


def test_the_policy_follows_the_assets():
    assert content_policy("a", "b") != content_policy("a ", "b") != content_policy("a ", "c")


def test_nothing_points_outside_and_nothing_is_styled_or_scripted_in_line(page):
    for tag, attributes in outline(page).elements:
        assert tag not in {"link", "iframe", "img", "base", "form", "object", "embed"}
        assert "style" not in attributes
        assert not [a for a in attributes if a.startswith("on")]
        for name in ("src", "href", "action", "data"):
            assert attributes.get(name, "#").startswith("#")
    assert not re.search(r"url\(|@import", asset("report.css"))


def test_the_same_input_gives_the_same_text(report, page):
    assert render(report) == page


def test_every_section_has_a_place_in_the_contents(report, page):
    parsed = outline(page)
    ids = [a["id"] for t, a in parsed.elements if t == "section"]
    links = [a["href"] for t, a in parsed.elements if t == "a"]
    assert len(ids) == sum(build(report) is not None for build in find_builders().values())
    assert all(f"#{name}" in links for name in ids)
    assert len(set(ids)) == len(ids)


def test_verdicts_numbers_and_reasons_stand_in_the_html(report, page):
    words = " ".join(outline(page).words)
    for sentence in report.results["answer"]:
        assert sentence in words
    for row in report.tables["claims"].to_dict("records"):
        assert row["verdict"] in words
        assert row["reason"] in words
    assert "0.460 (0.330 to 0.640)" in words
    assert "not estimable" in words
    assert "For looking only, not evidence" in words
    assert "p, descriptive" in words
    for item in report.results["inputs"]:
        assert item["sha256"] in words


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_data_say_so_and_only_they(simulated):
    html = render(FIXTURE.synthetic_report(120, simulated=simulated))
    parsed = outline(html)
    words = " ".join(parsed.words)
    assert ("SIMULATED DATA" in words) is simulated
    heads = sum(t == "h2" for t, _ in parsed.elements)
    tags = sum(a.get("class") == "sim-tag" for _, a in parsed.elements)
    figures = sum(t == "figure" for t, _ in parsed.elements)
    assert tags == (heads + figures if simulated else 0)


EXPLAINED = (
    *("samples", "qc_limits", "qc_ledger", "design_levels", "design_tests"),
    *("heterogeneity_index", "heterogeneity_levels", "claims", "clusters", "markers", "cells"),
)  # every report needs them; the sections of other tables are left out without them


@pytest.mark.parametrize("gone", [*EXPLAINED, "everything"])
def test_a_missing_table_is_explained(report, gone):
    kept = {} if gone == "everything" else {k: v for k, v in report.tables.items() if k != gone}
    cells = report.cells.iloc[:0] if gone in ("cells", "everything") else report.cells
    results = {k: v for k, v in report.results.items() if k not in ("claims", "headline")}
    html = render(ReportInput(results, kept, cells, None, report.provenance))
    names = set(EXPLAINED) - {"cells"} if gone == "everything" else {gone}
    for name in names:
        assert f"Not shown: the table {name} was not made in this run." in html


def test_a_reason_given_by_the_run_is_used(report):
    results = dict(report.results) | {"skipped": {"markers": "only one cluster"}}
    tables = {k: v for k, v in report.tables.items() if k != "markers"}
    html = render(ReportInput(results, tables, report.cells, None, {}))
    assert "Not shown: only one cluster" in html


def test_a_report_of_nothing_still_renders():
    empty = pd.DataFrame({c.name: [] for c in CELLS.columns})
    html = render(ReportInput({}, {}, empty))
    assert page_json(html)["cells"] is None
    assert "The run gave no warnings." in html


def test_the_decomposition_appears_with_its_table(report):
    levels = pd.DataFrame(
        {
            "programme": ["all genes"] * 3,
            "level": ["donor", "batch", "cell"],
            "hi2": [0.067, -0.001, 0.184],
            "low": [0.02, -0.01, 0.15],
            "high": [0.11, 0.01, 0.21],
            "share": [0.267, -0.004, 0.733],
            "n_groups": [6, 18, 1440],
            "status": ["ok", "not above zero", "ok"],
        }
    )
    tables = dict(report.tables) | {"heterogeneity_levels": levels}
    html = render(ReportInput(report.results, tables, report.cells))
    assert 'id="decomposition"' in html
    assert "not above zero" in html
    assert "0.0670 (0.0200 to 0.110)" in html
    assert page_json(html)["tables"]["heterogeneity_levels"]["rows"][1][2] == -0.001


def test_packed_cells_open_to_what_went_in(report, page):
    packed = page_json(page)["cells"]
    cells = report.cells
    for i, axis in enumerate(("umap_1", "umap_2")):
        codes = unpack(packed[("x", "y")[i]], "<u2").astype(float)
        back = packed["low"][i] + codes / 65535 * packed["span"][i]
        np.testing.assert_allclose(back, cells[axis], atol=packed["span"][i] / 131070 * 1.0001)
    names = json.loads(zlib.decompress(base64.b64decode(packed["names"])))
    assert names == cells["cell"].tolist()
    fields = {f["key"]: f for f in packed["fields"]}
    assert list(fields)[:2] == ["sample", "cluster"]
    sample = fields["sample"]
    codes = unpack(sample["data"], "u1")
    assert [sample["levels"][c] for c in codes] == cells["sample"].tolist()
    assert sample["levels"] == list(FIXTURE.SAMPLES)
    assert "not given" in fields["lot"]["levels"]
    assert fields["passage"]["kind"] == "class"
    umi = fields["n_umi"]
    values = umi["low"] + unpack(umi["data"], "<u2") / 65534 * umi["span"]
    np.testing.assert_allclose(values, cells["n_umi"], atol=umi["span"] / 131068 * 1.0001)
    gene = packed["genes"][3]
    assert gene["name"] == report.panel.genes[3]
    np.testing.assert_array_equal(unpack(gene["data"], "u1"), report.panel.values[3])


def test_categories_and_flags_are_classes(report):
    cells = report.cells.assign(is_reference=report.cells["batch"] == "B1")
    cells = cells.astype({"sample": "category", "cluster": "category", "lot": "category"})
    tables = dict(report.tables)
    tables["clusters"] = tables["clusters"].astype({"sample": "category", "cluster": "category"})
    html = render(ReportInput(report.results, tables, cells))
    plain = page_json(render(ReportInput(report.results, report.tables, report.cells)))
    fields = {f["key"]: f for f in page_json(html)["cells"]["fields"]}
    assert fields["is_reference"]["levels"] == ["False", "True"]
    before = {f["key"]: f for f in plain["cells"]["fields"]}
    assert all(fields[k] == before[k] for k in ("sample", "cluster", "lot"))


def test_values_that_are_missing_are_marked(report):
    cells = report.cells.copy()
    cells.loc[cells.index[:5], "mito_frac"] = np.nan
    html = render(ReportInput(report.results, {}, cells))
    fields = {f["key"]: f for f in page_json(html)["cells"]["fields"]}
    codes = unpack(fields["mito_frac"]["data"], "<u2")
    assert (codes[:5] == 65535).all()
    assert (codes[5:] < 65535).all()


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u2028\"'&amp;"


def test_hostile_names_stay_text_everywhere(report):
    def hurt(frame):
        text = frame.select_dtypes(exclude="number").columns
        return frame.assign(
            **{c: frame[c].astype(object).map(lambda v: f"{v}{HOSTILE}") for c in text}
        )

    tables = {k: hurt(v) for k, v in report.tables.items()}
    results = dict(report.results) | {
        "title": HOSTILE,
        "imscope_version": HOSTILE,
        "answer": [HOSTILE],
        "warnings": [{"code": HOSTILE, "message": HOSTILE, "sample": HOSTILE}],
        "config": {HOSTILE: HOSTILE},
        "inputs": [{"path": HOSTILE, "sha256": HOSTILE, "bytes": 1}],
        "skipped": {HOSTILE: HOSTILE},
    }
    panel = PanelExpression(
        tuple(HOSTILE + g for g in report.panel.genes), report.panel.values, report.panel.maxima
    )
    made = dict(report.provenance) | {
        "created": HOSTILE,
        "run_stamp": HOSTILE,
        "versions": {HOSTILE: HOSTILE},
    }
    clean, hurt_page = (
        outline(render(r))
        for r in (report, ReportInput(results, tables, hurt(report.cells), panel, made))
    )
    kinds = {t for t, _ in clean.elements}
    assert {t for t, _ in hurt_page.elements} <= kinds | {"g"}  # long names carry a tooltip
    assert sum(t == "script" for t, _ in hurt_page.elements) == 2
    assert not any(a for _, at in hurt_page.elements for a in at if a.startswith("on"))
    assert HOSTILE in hurt_page.words
    data = hurt_page.raw["scriptimscope-data"]
    assert not re.search("[<>&\u2028\u2029]", data)
    assert json.loads(data)["title"] == HOSTILE


def test_a_panel_of_other_cells_is_refused(report):
    with pytest.raises(DataError, match="differ in their number of cells"):
        ReportInput(report.results, {}, report.cells.iloc[:10], report.panel)


def test_a_panel_without_its_maxima_is_refused(report):
    with pytest.raises(DataError, match="10 names, 3 maxima"):
        PanelExpression(report.panel.genes, report.panel.values, report.panel.maxima[:3])


def test_cells_without_a_declared_column_are_refused(report):
    with pytest.raises(DataError, match="n_umi"):
        render(ReportInput(report.results, {}, report.cells.drop(columns="n_umi")))


def test_the_fixture_keeps_the_declared_tables(report):
    for name, frame in report.tables.items():
        TABLES[name].check(frame)
    CELLS.check(report.cells)


def test_stacked_bars_carry_the_intervals_of_every_gene_set(report):
    levels = pd.DataFrame(
        {
            "programme": np.repeat(["all", "hypoxia"], 2),
            "level": ["donor", "cell"] * 2,
            "hi2": [0.05, 0.15, 0.02, 0.02],
            "low": [0.02, 0.12, np.nan, 0.01],
            "high": [0.08, 0.18, np.nan, 0.03],
            "share": [0.25, 0.75, 0.5, 0.5],
            "n_groups": [6, 600, 6, 600],
            "status": ["ok", "ok", "ok; no interval: only 2 of 6 groups inform it", "ok"],
        }
    )
    html = render(ReportInput(report.results, {"heterogeneity_levels": levels}, report.cells))
    assert html.count('class="whisker"') == 3
    assert "all, donor: 25.0 % (95 % interval 10.0 to 40.0)" in html
    assert "hypoxia, cell: 50.0 % (95 % interval 25.0 to 75.0)" in html


def test_carriers_ratios_and_programmes_are_shown(report):
    tables = dict(report.tables)
    tables["heterogeneity_genes"] = pd.DataFrame(
        {
            "group": "L01",
            "rank": range(1, 101),
            "feature_id": [f"E{k}" for k in range(100)],
            "symbol": [f"SYM{k}" for k in range(100)],
            "hi2": 0.001,
            "share": 0.004,
            "share_so_far": np.arange(1, 101) * 0.004,
        }
    )
    tables["heterogeneity_relative"] = pd.DataFrame(
        {"group": ["L01"], "reference": ["line"], "ratio": [0.8], "low": [0.7], "high": [0.9],
         "status": ["ok"]}
    )  # fmt: skip
    html = render(ReportInput(report.results, tables, report.cells))
    assert "SYM0, SYM1" in html
    assert "SYM10" not in html.split("held by 10 genes")[1].split("</table>")[0]
    assert "over that of the reference" in html
    assert "0.800 (0.700 to 0.900)" in html
