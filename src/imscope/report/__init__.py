"""Results to sections to one offline HTML file.

:func:`imscope.report.payload.render` turns a :class:`imscope.report.inputs.ReportInput` into text.
"""

from typing import TYPE_CHECKING, Any

from imscope.core.rooms import load_name

if TYPE_CHECKING:
    from imscope.report.inputs import PanelExpression, ReportInput
    from imscope.report.payload import render
    from imscope.report.write import write_report

_HOMES = {
    "PanelExpression": "inputs",
    "ReportInput": "inputs",
    "render": "payload",
    "write_report": "write",
}

__all__ = ["PanelExpression", "ReportInput", "render", "write_report"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return load_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
