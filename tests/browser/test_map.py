"""The map of cells: what is selected, shown, read out and saved, against the cells themselves."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from fixture_report import synthetic_report

from imscope.report.payload import render

FRAME_MS = 50.0


def inside(polygon, x, y):
    """Textbook even-odd rule, one ray to the right per point."""
    out = np.zeros(len(x), dtype=bool)
    for (ax, ay), (bx, by) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        crosses = (ay > y) != (by > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = ax + (y - ay) * (bx - ax) / (by - ay)
        out ^= crosses & (x < at)
    return out


def near_edge(polygon, x, y, reach):
    """Points within ``reach`` of the line, which rounding may put on either side."""
    out = np.zeros(len(x), dtype=bool)
    p = np.column_stack([x, y])
    for a, b in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        a, b = np.array(a), np.array(b)
        t = np.clip(((p - a) @ (b - a)) / max(float((b - a) @ (b - a)), 1e-12), 0, 1)
        out |= np.linalg.norm(p - (a + t[:, None] * (b - a)), axis=1) < reach
    return out


def to_data(page, points):
    """Screen to data coordinates, from the view the map publishes."""
    canvas = page.locator("canvas").first
    box, view = canvas.bounding_box(), json.loads(canvas.get_attribute("data-view"))
    wide, high = (int(canvas.get_attribute(side)) for side in ("width", "height"))
    out = []
    for px, py in points:
        dx = ((px - box["x"]) / box["width"] - 0.5) * wide / view["k"]
        dy = ((py - box["y"]) / box["height"] - 0.5) * high / view["k"]
        out.append((view["cx"] + dx, view["cy"] - dy))
    return out


def draw_lasso(page, shape):
    """Draw a closed line, points as shares of the canvas; returns it on the screen."""
    page.get_by_role("button", name="Lasso").click()
    canvas = page.locator("canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    points = [
        (round(box["x"] + u * box["width"]), round(box["y"] + v * box["height"])) for u, v in shape
    ]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    page.mouse.up()
    return points


def saved_cells(page):
    with page.expect_download() as waiting:
        page.get_by_role("button", name="cells (TSV)").click()
    words = Path(waiting.value.path()).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(words), delimiter="\t"))


CONCAVE = [(0.25, 0.2), (0.8, 0.15), (0.75, 0.9), (0.5, 0.45), (0.3, 0.85)]
CROSSED = [(0.2, 0.2), (0.8, 0.8), (0.8, 0.2), (0.2, 0.8)]


@pytest.mark.parametrize("shape", [CONCAVE, CROSSED], ids=["concave", "crossed"])
@pytest.mark.parametrize("zoomed", [False, True])
def test_the_lasso_selects_exactly_the_cells_inside(show, report_file, shape, zoomed):
    path, report = report_file
    cells = report.cells
    with show(path) as shown:
        page = shown.page
        if zoomed:
            page.get_by_role("button", name="Zoom in").click()
            page.wait_for_timeout(60)
        polygon = to_data(page, draw_lasso(page, shape))
        x, y = cells["umap_1"].to_numpy(), cells["umap_2"].to_numpy()
        want = inside(polygon, x, y)
        unsure = near_edge(polygon, x, y, 2e-3)
        rows = saved_cells(page)
        got = cells["cell"].isin([r["cell"] for r in rows]).to_numpy()
        assert 200 < want.sum() < 4800
        np.testing.assert_array_equal(got[~unsure], want[~unsure])
        assert unsure.sum() < 30
        status = page.locator(".status").inner_text()
        assert status == f"{got.sum():,} of 5,000 cells selected"
        for key, table in zip(
            ("sample", "cluster"), page.locator(".tallies table").all(), strict=True
        ):
            counts = cells.loc[got, key].value_counts()
            seen = {
                r.locator("th").inner_text(): int(
                    r.locator("td").first.inner_text().replace(",", "")
                )
                for r in table.locator("tbody tr").all()
            }
            assert seen == counts.to_dict()
        shown.check()


def test_hidden_classes_are_neither_selected_nor_saved(show, report_file):
    path, report = report_file
    with show(path) as shown:
        page = shown.page
        page.locator(".legend button", has_text="BM_D1").click()
        draw_lasso(page, [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)])
        rows = saved_cells(page)
        want = report.cells.loc[report.cells["sample"] != "BM_D1", "cell"]
        assert [r["cell"] for r in rows] == want.tolist()
        shown.check()


def test_the_cell_list_carries_the_colouring(show, report_file):
    path, report = report_file
    cells = report.cells.set_index("cell")
    with show(path) as shown:
        page = shown.page
        page.locator("#map select").first.select_option("mito_frac")
        page.locator(".legend h3", has_text="mitochondrial").wait_for()
        rows = saved_cells(page)
        assert len(rows) == 5000
        got = np.array([float(r["mitochondrial"]) for r in rows])
        want = cells.loc[[r["cell"] for r in rows], "mito_frac"].to_numpy()
        np.testing.assert_allclose(got, want, rtol=6e-3, atol=1e-5)
        assert [r["cluster"] for r in rows] == cells["cluster"].tolist()


def test_a_gene_colours_the_map(show, report_file):
    path, report = report_file
    with show(path) as shown:
        page = shown.page
        before = page.evaluate("document.querySelector('canvas').toDataURL()")
        box = page.get_by_label("or gene")
        box.fill("MCAM")
        box.press("Enter")
        page.locator(".legend h3", has_text="MCAM").wait_for()
        page.wait_for_timeout(100)
        assert page.evaluate("document.querySelector('canvas').toDataURL()") != before
        rows = saved_cells(page)
        gene = report.panel.genes.index("MCAM")
        want = report.panel.values[gene] / 255 * report.panel.maxima[gene]
        np.testing.assert_allclose([float(r["MCAM"]) for r in rows], want, rtol=6e-3, atol=1e-3)
        box.fill("NOSUCHGENE")
        box.press("Enter")
        assert "no gene NOSUCHGENE" in page.locator(".status").inner_text()
        shown.check()


def test_hover_names_the_cell(show, report_file):
    path, report = report_file
    cell = report.cells.iloc[report.cells["umap_1"].argmax()]
    with show(path) as shown:
        page = shown.page
        canvas = page.locator("canvas").first
        canvas.scroll_into_view_if_needed()
        box, view = canvas.bounding_box(), json.loads(canvas.get_attribute("data-view"))
        k = view["k"] / view["ratio"]
        page.mouse.move(
            box["x"] + box["width"] / 2 + (cell["umap_1"] - view["cx"]) * k,
            box["y"] + box["height"] / 2 - (cell["umap_2"] - view["cy"]) * k,
        )
        words = page.locator(".readout").inner_text()
        assert words.startswith(
            f"{cell['cell']} · sample {cell['sample']} · cluster {cell['cluster']}"
        )


def test_the_picture_is_saved_with_its_legend(show, report_file):
    path, _ = report_file
    with show(path) as shown:
        page = shown.page
        tools = page.locator("#map")
        with page.expect_download() as waiting:
            tools.get_by_role("button", name="Save SVG").click()
        words = Path(waiting.value.path()).read_text(encoding="utf-8")
        for part in ("data:image/png;base64,", "BM_D3 (", "SIMULATED DATA", "For looking only"):
            assert part in words
        with page.expect_download() as waiting:
            tools.get_by_role("button", name="Save PNG").click()
        assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")
        shown.check()


def test_density_counts_every_cell(show, report_file):
    path, _ = report_file
    with show(path) as shown:
        page = shown.page
        page.get_by_label("density").check()
        page.wait_for_timeout(100)
        assert int(page.locator(".ends span").last.inner_text()) > 5
        shown.check()


def test_a_hundred_thousand_cells_load_and_move_quickly(show, tmp_path, record_property):
    report = synthetic_report(100_000)
    path = tmp_path / "large.html"
    path.write_text(render(report), encoding="utf-8")
    with show(path) as shown:
        page = shown.page
        canvas = page.locator("canvas").first
        loaded = page.evaluate("performance.now()")
        frames = []
        for _ in range(9):
            page.get_by_role("button", name="Zoom in").click()
            page.wait_for_timeout(50)
            frames.append(float(canvas.get_attribute("data-frame-ms")))
        middle = float(np.median(frames))
        record_property("frame_ms_median", middle)
        record_property("loaded_ms", loaded)
        record_property("file_mb", path.stat().st_size / 1e6)
        print(f"100k cells: {loaded:.0f} ms to the first picture, {middle:.1f} ms per frame")
        assert middle < FRAME_MS
        assert loaded < 8000
        shown.check()
