"""Results to sections to one offline HTML file.

:func:`imscope.report.payload.render` turns a :class:`imscope.report.inputs.ReportInput` into text.
"""

from typing import TYPE_CHECKING

from imscope.core.rooms import open_room

if TYPE_CHECKING:
    from imscope.report.inputs import PanelExpression as PanelExpression
    from imscope.report.inputs import ReportInput as ReportInput
    from imscope.report.payload import render as render
    from imscope.report.write import write_report as write_report
else:
    __all__, __getattr__, __dir__ = open_room(__name__)
