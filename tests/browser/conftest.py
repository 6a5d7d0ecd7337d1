"""A real Chromium, offline, that records every request, message, dialog and policy violation."""

import os
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # fixture_report, also used to make pictures

CHROMIUM = os.environ.get("IMSCOPE_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    *("--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic"),
]
GRAPHICS = {"software": "--use-angle=swiftshader", "none": "--disable-3d-apis"}


def pytest_collection_modifyitems(items):
    missing = None
    if not find_spec("playwright"):
        missing = "playwright is not installed"
    elif not Path(CHROMIUM).exists():
        missing = f"no Chromium at {CHROMIUM}; set IMSCOPE_CHROMIUM"
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if missing:
                item.add_marker(pytest.mark.skip(reason=missing))


@dataclass
class Log:
    """What a page did that it should not have done, and what it asked for."""

    requests: list = field(default_factory=list)
    messages: list = field(default_factory=list)
    dialogs: list = field(default_factory=list)

    def check(self, address):
        inside = ("blob:", "data:")  # made by the page itself, no request leaves it
        assert [r for r in self.requests if not r.startswith(inside)] == [address]
        assert self.messages == []
        assert self.dialogs == []


@dataclass
class Shown:
    """An open page with its log."""

    page: object
    log: Log
    address: str

    def check(self):
        self.log.check(self.address)


@pytest.fixture(scope="session")
def browsers():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        made = {
            name: play.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, flag])
            for name, flag in GRAPHICS.items()
        }
        yield made
        for browser in made.values():
            browser.close()


@pytest.fixture
def show(browsers):
    """Open a file: ``show(path, graphics="none", scripts=True)``."""

    @contextmanager
    def opened(path, *, graphics="none", scripts=True):
        context = browsers[graphics].new_context(
            offline=True,
            java_script_enabled=scripts,
            viewport={"width": 1200, "height": 900},
            accept_downloads=True,
        )
        page = context.new_page()
        log = Log()
        page.on("request", lambda r: log.requests.append(r.url))
        page.on("console", lambda m: log.messages.append(f"{m.type}: {m.text}"))
        page.on("pageerror", lambda e: log.messages.append(f"error: {e}"))

        def refuse(dialog):
            log.dialogs.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", refuse)
        address = Path(path).as_uri()
        page.goto(address)
        if scripts and page.locator("#map").count():
            page.locator("canvas[data-frames]").wait_for(timeout=20_000)
        yield Shown(page, log, address)
        context.close()

    return opened


@pytest.fixture(scope="session")
def report_file(tmp_path_factory):
    """The synthetic report as a file, with the input it was made from."""
    from fixture_report import synthetic_report

    from imscope.report.payload import render

    report = synthetic_report()
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(report), encoding="utf-8")
    return path, report
