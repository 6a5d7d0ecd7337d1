"""Results to sections to one offline HTML file.

:func:`imscope.report.payload.render` turns a :class:`imscope.report.inputs.ReportInput` into text.
"""
