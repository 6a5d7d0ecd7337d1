"""Drive the command line as a user would."""

import os
import subprocess
import sys
from pathlib import Path


def command(*arguments, **extra):
    """Run ``imscope`` as a user would, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "imscope", *map(str, arguments)],
        env=os.environ | {k: str(v) for k, v in extra.items()},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def tables_of(folder: Path) -> dict[str, bytes]:
    """Content of every file whose bytes may not depend on how the run went."""
    names = [*sorted((folder / "tables").iterdir()), folder / "results.json", folder / "cells.h5ad"]
    return {p.name: p.read_bytes() for p in names}
