"""Compilation of every kernel of the default run on a machine that has compiled none."""

import os
import pkgutil
import sys
import tempfile
import time
from importlib import import_module

from _case import parse, peak_mb, report

ROOMS = ("imscope.engine", "imscope.io", "imscope.analyses")


def main(argv):
    """Compile into an empty folder; the import is not counted."""
    parse(argv, ["imscope"])
    with tempfile.TemporaryDirectory() as empty:
        os.environ["IMSCOPE_KERNEL_CACHE"] = empty
        for room in ROOMS:
            package = import_module(room)
            for module in pkgutil.walk_packages(package.__path__, f"{room}."):
                import_module(module.name)
        import numba  # noqa: F401

        from imscope.core.jit import KERNELS

        cpu, wall = time.process_time(), time.perf_counter()
        for kernel in KERNELS:
            kernel.compile()
        clock = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    report("cold_compile", "imscope", "imscope", clock | peak_mb(), {"kernels": len(KERNELS)})


if __name__ == "__main__":
    main(sys.argv[1:])
