"""One offline HTML file from one report input.

The page carries a content policy that allows its one script and its one style sheet by checksum
and nothing else: no request, no evaluation of text, no frame, no form.
"""

import base64
import hashlib
from collections.abc import Callable, Collection
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from imscope.core.rooms import find_modules
from imscope.core.schema import CELLS
from imscope.report.encode import page_data, safe_json
from imscope.report.inputs import PanelExpression, ReportInput
from imscope.report.section import Section
from imscope.report.views import TableView

__all__ = ["PanelExpression", "ReportInput", "content_policy", "render"]

TONES = {
    "SUPERIOR": "good", "EQUIVALENT": "good", "TESTABLE": "good", "pass": "good", "ok": "good",
    "meets": "good", "agrees": "good", "fails": "bad", "contradicts": "bad", "open": "open",
    "against": "open", "consistent": "none", "not compared": "none",
    "INFERIOR": "bad", "fail": "bad",
    "INCONCLUSIVE": "open", "NOT TESTABLE": "none", "not_evaluated": "none",
    "DESCRIPTIVE": "none", "DESCRIPTIVE ONLY": "none",
}  # fmt: skip


def render(report: ReportInput, *, only: Collection[str] = ()) -> str:
    """Write the report: one HTML file that needs nothing beside it.

    Text, tables, drawings and verdicts are in the HTML itself, so that they read and print with
    scripts off. The same input gives the same text.

    Parameters
    ----------
    report
        Results, tables, cells, panel and provenance.
    only
        Names of the sections to write, such as ``gates``; all of them by default.

    Returns
    -------
    html
        The whole file.

    Raises
    ------
    DataError
        The cells, when there are any, lack a declared column.

    Examples
    --------
    >>> import pandas as pd
    >>> from imscope.core.schema import CELLS
    >>> empty = pd.DataFrame({c.name: [] for c in CELLS.columns})
    >>> page = render(ReportInput({"title": "Lots <A>", "answer": ["One."]}, {}, empty))
    >>> "Lots &lt;A&gt;" in page, "<A>" in page
    (True, False)
    """
    if len(report.cells):
        CELLS.check(report.cells)
    wanted = [(n, build) for n, build in find_builders().items() if not only or n in only]
    sections = [s for s in (build(report) for _, build in wanted) if s is not None]
    script, style = asset("report.js"), asset("report.css")
    data = page_data(report, [f for s in sections for f in s.figures], list(_tables(sections)))
    return environment().get_template("page.html.j2").render(
        report=report,
        results=report.results,
        title=str(report.results.get("title") or "imscope report"),
        sections=sections,
        policy=content_policy(script, style),
        script=Markup(script),  # noqa: S704
        style=Markup(style),  # noqa: S704
        data=safe_json(data),
    )  # fmt: skip


def find_builders() -> dict[str, Callable[[ReportInput], Section | None]]:
    """Builders of all sections in reading order, by name; one that gives nothing is left out.

    A section is a module of :mod:`imscope.report.sections` with a function ``build`` and its
    ``PLACE`` in the page.

    Examples
    --------
    >>> list(find_builders())[:2]
    ['lots', 'answer']
    """
    found = {m.__name__.rpartition(".")[2]: m for m in find_modules("imscope.report.sections")}
    order = sorted(found, key=lambda name: (found[name].PLACE, name))
    return {name: found[name].build for name in order}


def content_policy(script: str, style: str) -> str:
    """Write the content policy that allows exactly this script and this style sheet."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_checksum(script)}'",
            f"style-src '{_checksum(style)}'",
            "img-src data: blob:",
            "font-src 'none'",
            "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def asset(name: str) -> str:
    """Read a built file of the front end."""
    return resources.files("imscope.report").joinpath("assets", name).read_text(encoding="utf-8")


def environment() -> Environment:
    """Templates with everything escaped and every missing name an error."""
    made = Environment(
        loader=PackageLoader("imscope.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["tone"] = tone
    return made


def tone(verdict: str) -> str:
    """Class of a verdict's badge, from its first words; a good one with a caveat is open.

    Examples
    --------
    >>> tone("SUPERIOR"), tone("not estimable: one unit"), tone("ok: rates assumed")
    ('good', 'none', 'open')
    """
    head, _, caveat = verdict.partition(": ")
    return "open" if caveat and TONES.get(head) == "good" else TONES.get(head, "none")


def _checksum(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")


def _tables(sections: list[Section]) -> list[tuple[str, TableView]]:
    return [
        (value.name, value)
        for section in sections
        for value in section.context.values()
        if isinstance(value, TableView)
    ]
