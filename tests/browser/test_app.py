"""A walk through the local app in a real browser: list, report, compare, sheet, run."""

import json
import re
import subprocess
import sys

import pytest

pytest.importorskip("uvicorn", reason="the serve extra is not installed")


@pytest.fixture
def app(tmp_path, report_file):
    """A served folder with two runs; gives the start link."""
    path, _ = report_file
    for name, least in (("one", 500), ("two", 800)):
        folder = tmp_path / name
        (folder / "provenance").mkdir(parents=True)
        headline = [{"level": "sample", "group": "s1", "hi2": 0.05, "hi2_low": 0.04,
                     "hi2_high": 0.06, "comparability_key": "k"}]  # fmt: skip
        results = {
            "schema_version": "1.2", "title": f"Run {name} <b>", "samples": [{"sample": "s1"}],
            "headline": headline, "config": {"qc": {"min_umi": least}}, "verdicts": [],
            "answer": ["A sentence."],
        }  # fmt: skip
        (folder / "results.json").write_text(json.dumps(results))
        (folder / "provenance" / "run.json").write_text('{"created": "2026-01-01"}')
        (folder / "report.html").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "imscope", "serve", str(tmp_path), "--port", "0", "--no-browser"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    line = process.stderr.readline()
    yield re.search(r"http://\S+", line)[0], tmp_path
    process.terminate()
    process.wait(timeout=60)


def test_a_walk_through_the_app(browsers, app):
    link, root = app
    context = browsers["none"].new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    said, wrong, asked = [], [], []
    page.on("console", lambda m: said.append(m.text))
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.on("request", lambda r: asked.append(r.url))
    page.goto(link)
    home = page.url
    assert page.get_by_role("heading", level=1).inner_text().startswith("Runs in")
    page.get_by_label("Search").fill("two")
    assert page.locator("#runs tbody tr:visible").count() == 1
    page.get_by_role("link", name="two", exact=True).click()
    assert "Run two <b>" in page.get_by_role("heading", level=1).inner_text()
    frame = page.frame_locator("iframe")
    frame.locator("canvas[data-frames]").first.wait_for(timeout=20_000)  # its own script runs
    page.get_by_role("link", name="Compare with another run").click()
    page.get_by_label("Second").select_option(label="one")
    page.get_by_role("button", name="Compare").click()
    assert page.get_by_text("qc.min_umi").is_visible()
    page.get_by_role("link", name="Sample sheets").click()
    page.get_by_label("Name").fill("mine.csv")
    page.get_by_role("button", name="Write it").click()
    page.locator("textarea").fill("sample,path\na,nowhere.h5\n")
    page.get_by_text("E-FILE-MISSING").or_(page.get_by_text("nowhere.h5 (")).or_(
        page.locator("#found li")
    ).first.wait_for(timeout=20_000)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for(timeout=20_000)
    assert (root / "mine.csv").read_text() == "sample,path\na,nowhere.h5\n"
    page.get_by_label("Run folder").fill("third")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/jobs/third", timeout=20_000)
    page.locator("#state", has_text="failed").wait_for(timeout=60_000)
    assert "error:" in page.locator("#log").inner_text()
    assert wrong == []
    assert [s for s in said if "Content Security" in s or "Refused" in s] == []
    assert all(u.startswith((home, "blob:", "data:")) for u in asked if not u.startswith(link))
    context.close()


def test_the_lists_read_with_scripts_off(browsers, app):
    link, _ = app
    context = browsers["none"].new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(link)
    assert page.locator("#runs tbody tr").count() == 2
    context.close()
