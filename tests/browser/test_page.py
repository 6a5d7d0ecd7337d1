"""The page as a reader meets it: with and without scripts, with and without a graphics card."""

import csv
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.mark.parametrize("graphics", ["software", "none"])
def test_loads_without_a_request_or_a_message(show, report_file, graphics):
    path, _ = report_file
    with show(path, graphics=graphics) as shown:
        page = shown.page
        for button in page.get_by_role("button", name="Interactive").all():
            button.click()
        assert page.locator(".live svg").count() == 6
        page.mouse.move(600, 400)
        colours = page.evaluate(
            """() => { const c = document.querySelector('canvas'); const p = c.getContext('2d')
            .getImageData(0, 0, c.width, c.height).data; const s = new Set();
            for (let i = 0; i < p.length; i += 4) s.add((p[i]<<16)|(p[i+1]<<8)|p[i+2]);
            return s.size; }"""
        )
        assert colours == 7  # six samples on white
        shown.check()


def test_the_same_pixels_with_and_without_a_graphics_card(show, report_file):
    path, _ = report_file
    pictures = []
    for graphics in ("software", "none"):
        with show(path, graphics=graphics) as shown:
            pictures.append(shown.page.evaluate("document.querySelector('canvas').toDataURL()"))
    assert pictures[0] == pictures[1]


def test_text_tables_and_verdicts_without_scripts(show, report_file):
    path, report = report_file
    with show(path, scripts=False) as shown:
        page = shown.page
        words = page.locator("body").inner_text()
        for sentence in report.results["answer"]:
            assert sentence in words
        for verdict in ("differ less", "not decided", "not tested"):
            assert page.locator(".verdicts .badge", has_text=verdict).is_visible()
        assert "SIMULATED DATA" in words
        assert page.locator("figure svg").count() == 6
        assert all(drawn.is_visible() for drawn in page.locator("figure svg").all())
        assert page.locator("[data-table=markers] tbody tr").count() == 100
        assert page.get_by_role("button").count() == 0  # no control that does nothing
        shown.check()


def test_every_printed_page_says_simulated(show, report_file):
    path, _ = report_file
    with show(path) as shown:
        page = shown.page
        page.emulate_media(media="print")
        assert page.locator(".simulated").is_visible()
        assert page.evaluate("getComputedStyle(document.body).page") == "simulated"
        rules = page.evaluate(
            "[...document.styleSheets[0].cssRules].filter(r => r.cssText.startsWith('@page'))"
            ".map(r => r.cssText)"
        )
        assert any("simulated" in r and "SIMULATED DATA" in r and "top-center" in r for r in rules)
        assert not page.locator("nav").is_visible()


def _saved(page, click):
    with page.expect_download() as waiting:
        click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def test_every_figure_saves_as_svg_png_and_tsv(show, report_file):
    path, report = report_file
    with show(path) as shown:
        page = shown.page
        for figure in page.locator("figure").all():
            key = figure.get_attribute("data-figure")
            press = figure.get_by_role
            name, svg = _saved(page, press("button", name="Save SVG").click)
            assert name == f"{key}.svg"
            drawn = ET.fromstring(svg)
            assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
            assert "SIMULATED DATA" in "".join(drawn.itertext())
            name, png = _saved(page, press("button", name="Save PNG").click)
            assert name == f"{key}.png"
            assert png.startswith(b"\x89PNG")
            assert len(png) > 3000
            name, tsv = _saved(page, press("button", name="Save TSV").click)
            assert name == f"{key}.tsv"
            assert len(tsv.splitlines()) > 6
        name, tsv = _saved(
            page, page.locator("[data-figure=heterogeneity]").get_by_text("Save TSV").click
        )
        rows = list(csv.DictReader(io.StringIO(tsv.decode()), delimiter="\t"))
        want = report.tables["heterogeneity_index"]
        assert {r["group"]: float(r["hi2"]) for r in rows if r["hi2"]} == {
            r["group"]: r["hi2"] for r in want.dropna(subset="hi2").to_dict("records")
        }
        shown.check()


def test_a_live_figure_can_be_saved_too(show, report_file):
    path, _ = report_file
    with show(path) as shown:
        figure = shown.page.locator("[data-figure=composition]")
        figure.get_by_role("button", name="Interactive").click()
        _, svg = _saved(shown.page, figure.get_by_role("button", name="Save SVG").click)
        words = "".join(ET.fromstring(svg).itertext())
        assert "share of the sample" in words
        assert "SIMULATED DATA" in words
        shown.check()


def test_markers_sort_and_filter(show, report_file):
    path, report = report_file
    markers = report.tables["markers"]
    shown_rows = markers[markers["rank"] <= 20]
    with show(path) as shown:
        shown.page.locator("details.fold:has([data-table=markers]) > summary").first.click()
        box = shown.page.locator("[data-table=markers]")
        box.get_by_role("button", name="AUC").click()
        first = [float(c) for c in box.locator("tbody tr td:nth-child(6)").all_inner_texts()]
        assert first == sorted(first)
        box.get_by_role("button", name="AUC").click()
        assert box.locator("th[aria-sort=descending]").inner_text().startswith("AUC")
        last = [float(c) for c in box.locator("tbody tr td:nth-child(6)").all_inner_texts()]
        assert last == sorted(last, reverse=True)
        box.get_by_role("searchbox").fill("THY1")
        want = int((shown_rows["symbol"] == "THY1").sum())
        assert box.locator("tbody tr:visible").count() == want > 0
        shown.check()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in web/")
@pytest.mark.parametrize("live", [False, True])
def test_no_serious_barrier(show, report_file, live):
    path, _ = report_file
    with show(path) as shown:
        page = shown.page
        if live:
            for button in page.get_by_role("button", name="Interactive").all():
                button.click()
            page.get_by_role("button", name="Select shown cells").click()
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        bad = [
            (v["id"], v["impact"], [n["html"][:120] for n in v["nodes"][:3]])
            for v in found["violations"]
            if v["impact"] in ("serious", "critical")
        ]
        assert bad == []
        assert len(found["passes"]) > 15


def test_everything_can_be_reached_by_keyboard(show, report_file):
    path, _ = report_file
    with show(path) as shown:
        page = shown.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        canvas = page.locator("canvas").first
        canvas.focus()
        before = canvas.get_attribute("data-view")
        for key in ("ArrowLeft", "+"):
            page.keyboard.press(key)
        page.wait_for_timeout(100)
        assert canvas.get_attribute("data-view") != before
        page.keyboard.press("0")
        page.wait_for_timeout(100)
        assert canvas.get_attribute("data-view") == before
        legend = page.locator(".legend button").first
        legend.focus()
        page.keyboard.press("Enter")
        assert legend.get_attribute("aria-pressed") == "false"
        shown.check()
