"""Import alone."""

import importlib
import sys
from functools import partial

from harness import Case, Program, main


def load(name: str, _: str) -> dict:
    importlib.import_module(name)
    return {"modules": len(sys.modules)}


CASE = Case(
    "Import",
    ("-",),
    {
        "imscope": Program(partial(load, "imscope"), ("imscope",), own=True),
        "brisc": Program(partial(load, "brisc"), ("brisc",)),
        "scanpy": Program(partial(load, "scanpy"), ("scanpy",)),
    },
    goal="`import imscope` at most 0.5 CPU s.",
)

if __name__ == "__main__":
    main(CASE)
