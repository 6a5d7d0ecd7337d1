"""Hostile names in every slot do nothing, and come back as the text they are."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest
from fixture_report import synthetic_report

from imscope.report.inputs import PanelExpression, ReportInput
from imscope.report.payload import render

CALLS = (
    "alert(1)", "confirm(1)", "print()", "window.hit=1", "parent.hit=1", "import('x:1')",
    "fetch('http://127.0.0.1/')", "eval('alert(1)')", "document.write('hit')", "top.location='x:1'",
)  # fmt: skip
FORMS = (
    "<script>{}</script>", "</script><script>{}</script>", "<img src=x onerror={}>",
    "<svg onload={}>", "'\"><svg/onload={}>", "<iframe srcdoc='<script>{}</script>'></iframe>",
    "javascript:{}", "<a href=javascript:{}>x</a>", "<details open ontoggle={}>",
    "<style>@import 'http://127.0.0.1/{}';</style>", "{{{{constructor.constructor('{}')()}}}}",
    "${{{}}}", "<!--<script>{}", "]]><script>{}</script>", "&lt;script&gt;{}&lt;/script&gt;",
    "</title><script>{}</script>", "</style><script>{}</script>",
    "<math><mi xlink:href=\"data:x,{}\">",
    "\\u003cscript\\u003e{}", "</textarea><img src=x onerror={}>",
    "<base href='http://127.0.0.1/{}'>",
    "<meta http-equiv=refresh content='0;url=x:{}'>",
    "<form action='http://127.0.0.1/{}'><input autofocus>",
)  # fmt: skip
ODD = (
    "=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(1)", "\tx", "null", "undefined", "NaN", "__proto__",
    "constructor", "toString", "\u202egnirts", "e\u0301", "\U0001f9ec", "\u2028line", "\u2029para",
    "a\u0000b".replace("\u0000", "\ufffd"), "x" * 300, "%s%n{0}", "{{7*7}}", "{% raw %}",
    "a&b&amp;c",
)  # fmt: skip
PAYLOADS = tuple(form.format(call) for form in FORMS for call in CALLS) + ODD

SLOTS = 3
"""Payloads are dealt to three pages; each page puts its share into every slot."""


def _deal(share):
    """Name number i of a slot: a payload, made unique where names must be."""
    return lambda i: f"{share[i % len(share)]}#{i}"


def hostile_report(share):
    """Put hostile names into samples, clusters, genes, cells, factors, files, words and codes."""
    report = synthetic_report(400)
    name = _deal(share)
    per_cell = [i % len(share) for i in range(400)]
    cells = report.cells.assign(
        cell=[name(i) for i in range(400)],
        sample=[name(i) for i in per_cell],
        cluster=[name(i) for i in per_cell],
        donor=[name(i) for i in per_cell],
        batch=[name(i) for i in per_cell],
    )
    cells[share[0]] = [name(i) for i in per_cell]  # a hostile column of the sample sheet
    tables = {}
    for key, frame in report.tables.items():
        n = len(share)
        longer = pd.concat([frame] * (n // len(frame) + 1), ignore_index=True).iloc[:n]
        words = [c for c in longer.columns if not pd.api.types.is_numeric_dtype(longer[c])]
        words = [c for c in words if c not in ("unit", "metric")]
        longer = longer.assign(**{c: [name(i) for i in range(n)] for c in words})
        if key == "markers":
            longer = longer.assign(rank=1)
        tables[key] = longer
    panel = PanelExpression(
        tuple(name(i) for i in range(10)), report.panel.values, report.panel.maxima
    )
    results = dict(report.results) | {
        "title": share[0],
        "imscope_version": share[1],
        "answer": [name(i) for i in range(5)],
        "warnings": [{"code": p, "message": p, "sample": p} for p in share],
        "config": {p: p for p in share},
        "inputs": [{"path": p, "sha256": p, "bytes": 1} for p in share],
    }
    made = dict(report.provenance) | {
        "created": share[2],
        "run_stamp": share[3],
        "versions": {p: p for p in share},
        "seeds": dict.fromkeys(share, 1),
    }
    return ReportInput(results, tables, cells, panel, made)


def test_there_are_enough_payloads():
    assert len(PAYLOADS) >= 200
    assert len(set(PAYLOADS)) == len(PAYLOADS)


@pytest.mark.parametrize("part", range(SLOTS))
def test_hostile_names_do_nothing(show, tmp_path, part):
    share = PAYLOADS[part::SLOTS]
    path = tmp_path / "hostile.html"
    path.write_text(render(hostile_report(share)), encoding="utf-8")
    with show(path) as shown:
        page = shown.page
        for button in page.get_by_role("button", name="Interactive").all():
            button.click()
        for key in ("cluster", "donor", share[0]):
            page.locator("#map select").first.select_option(key)
        box = page.get_by_label("or gene")
        box.fill(f"{share[0]}#0")
        box.press("Enter")
        page.get_by_role("button", name="Select shown cells").click()
        for figure in page.locator("[data-figure=composition], [data-figure=heterogeneity]").all():
            live = figure.locator(".live").bounding_box()
            page.mouse.move(live["x"] + 320, live["y"] + 90)  # a tooltip with a name in it
        kinds = set(page.evaluate("[...document.querySelectorAll('*')].map(e => e.localName)"))
        assert not kinds & {"iframe", "img", "base", "form", "math", "object", "textarea", "embed"}
        assert page.locator("script").count() == 2
        assert page.locator("style").count() == 1
        on = "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).map(a => a.name)"
        assert not [a for a in page.evaluate(on) if a.startswith("on")]
        assert page.evaluate("[...document.links].every(a => a.protocol === 'file:')")
        assert page.evaluate("window.hit") is None
        assert page.evaluate("document.title").strip() == " ".join(share[0].split())
        texts = page.locator("[data-table=versions] tbody th").all_text_contents()
        assert texts == list(share)
        hosts = page.locator("[data-table=inputs] tbody th").all_text_contents()
        assert hosts == list(share)
        said = page.locator(".verdicts li > span:first-child").all_text_contents()
        assert said == [_deal(share)(i) for i in range(len(share))]
        samples = page.locator("[data-table=samples] tbody th").all_text_contents()
        assert samples == [_deal(share)(i) for i in range(len(share))]
        figure = page.locator("[data-figure=composition]")
        with page.expect_download() as waiting:
            figure.get_by_role("button", name="Save SVG").click()
        drawn = ET.fromstring(Path(waiting.value.path()).read_bytes())
        tags = {e.tag.rpartition("}")[2] for e in drawn.iter()}
        assert not tags & {"script", "iframe", "foreignObject", "image", "a", "set", "animate"}
        with page.expect_download() as waiting:
            page.get_by_role("button", name="cells (TSV)").click()
        lines = Path(waiting.value.path()).read_text(encoding="utf-8").split("\n")
        assert len(lines) >= 400
        assert not [x for x in lines if x.startswith(("=", "+", "@", "-"))]
        shown.check()
