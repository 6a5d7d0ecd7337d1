"""Compilation of every kernel of the default run on a machine that has compiled none."""

import os
import sys
import tempfile
import time

from _case import parse, peak_mb, report

ROOMS = (
    *("imscope.engine.standard", "imscope.engine.doublets", "imscope.engine.ambient"),
    *("imscope.engine.embed", "imscope.engine.markers", "imscope.engine.mixing"),
    *("imscope.io.counts", "imscope.study.run"),
)


def main(argv):
    """Compile into an empty folder; the import is not counted."""
    parse(argv, ["imscope"])
    with tempfile.TemporaryDirectory() as empty:
        os.environ["IMSCOPE_KERNEL_CACHE"] = empty
        from importlib import import_module

        for room in ROOMS:
            import_module(room)
        import numba  # noqa: F401

        from imscope.core.jit import KERNELS

        cpu, wall = time.process_time(), time.perf_counter()
        for kernel in KERNELS:
            kernel.compile()
        clock = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    report("cold_compile", "imscope", "imscope", clock | peak_mb(), {"kernels": len(KERNELS)})


if __name__ == "__main__":
    main(sys.argv[1:])
