"""Take the pictures of the report for README and documentation.

python tools/picture.py demo-out/run/report.html        writes docs/images/*.png

The report must be that of `imscope demo`: it is labelled as simulated, and so are the pictures.
Needs a Chromium, named by IMSCOPE_CHROMIUM or found on the path.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

IMAGES = Path(__file__).parent.parent / "docs" / "images"
FLAGS = ("--no-sandbox", "--headless", "--use-angle=swiftshader", "--hide-scrollbars")
WIDTH = 1280
MAX_BYTES = 400_000


def take(report: Path, folder: Path) -> list[Path]:
    """Photograph the top of the page, and its map and heterogeneity."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("IMSCOPE_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        raise SystemExit("no Chromium was found; set IMSCOPE_CHROMIUM")
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=list(FLAGS))
        context = browser.new_context(offline=True, viewport={"width": WIDTH, "height": 860})
        page = context.new_page()
        page.goto(report.absolute().as_uri())
        if "simulated" not in page.inner_text("body").lower():
            raise SystemExit(f"{report} is not labelled as simulated")
        page.locator("canvas[data-frames]").wait_for(timeout=20_000)
        top = folder / "report.png"
        page.screenshot(path=top, clip=_upper(500))
        page.evaluate("document.querySelector('#heterogeneity').scrollIntoView()")
        middle = folder / "heterogeneity.png"
        page.screenshot(path=middle, clip=_upper(680))
        page.evaluate("document.querySelector('#map').scrollIntoView({block: 'center'})")
        cells = folder / "map.png"
        page.screenshot(path=cells, clip=_upper(780))
        browser.close()
    return [top, cells, middle]


def _upper(height: int) -> dict[str, int]:
    return {"x": 0, "y": 0, "width": WIDTH, "height": height}


def main() -> int:
    """Take the pictures and see that they are small enough for the repository."""
    parser = argparse.ArgumentParser(description="Take the pictures of the report.")
    parser.add_argument("report", type=Path)
    parser.add_argument("--out", type=Path, default=IMAGES)
    asked = parser.parse_args()
    large = 0
    for path in take(asked.report, asked.out):
        size = path.stat().st_size
        large += size > MAX_BYTES
        print(f"{path}: {size / 1000:.0f} kB")
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main())
