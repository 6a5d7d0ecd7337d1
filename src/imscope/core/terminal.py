"""Text that goes to a terminal: whatever a terminal would obey is shown, never sent."""

import re
from typing import Any, TextIO

_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_OWN = re.compile("\x1b\\[(?:[0-9;]*m|[0-9]*[ABCDGK]|[0-2]?K|\\?25[hl])|\r")
"""What our own tables and progress bars send: colours, moves of the cursor, erasing of a line."""


def printable(text: object) -> str:
    r"""Replace control characters, direction overrides and half characters by their escapes.

    Line ends and tabs stay.

    Parameters
    ----------
    text
        Anything; names from files above all.

    Examples
    --------
    >>> printable("lot \x1b]0;mine\x07 A")
    'lot \\x1b]0;mine\\x07 A'
    >>> printable("CD73+\tCD90+")
    'CD73+\tCD90+'
    """
    return _OBEYED.sub(_escape, str(text))


def _escape(found: "re.Match[str]") -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


class PrintableStream:
    """A text stream that passes on printable text only.

    Parameters
    ----------
    stream
        Where the text goes. If it is a terminal, colours and moves of our own tables and progress
        bars may pass; a name that could hold them is made printable before it gets there.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write printable text."""
        if not isinstance(text, str):
            raise TypeError(f"text is written here, not {type(text).__name__}")
        if not self._stream.isatty():
            self._stream.write(printable(text))
            return len(text)
        last = 0
        for own in _OWN.finditer(text):
            self._stream.write(printable(text[last : own.start()]) + own[0])
            last = own.end()
        self._stream.write(printable(text[last:]))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several pieces."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the stream's."""
        return getattr(self._stream, name)
