"""Import of the package, the whole process. Sides: imscope, brisc, scanpy."""

import sys
import time
from importlib import import_module

from _case import parse, peak_mb, report


def main(argv):
    """Import one package."""
    args = parse(argv, ["imscope", "brisc", "scanpy"])
    cpu, wall = time.process_time(), time.perf_counter()
    import_module(args.side)
    clock = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    report("import_time", args.side, args.side, clock | peak_mb(), {"modules": len(sys.modules)})


if __name__ == "__main__":
    main(sys.argv[1:])
