"""Local inverse Simpson's index of a label with two values, search for neighbours included.

Sides: imscope, fastlisi (GPL: a separate program, never imported by imscope).
"""

import sys

import numpy as np
from _case import parse, peak_mb, read_coordinates, report, timed


def main(argv):
    """Run one side."""
    args = parse(argv, ["imscope", "fastlisi"])
    points = read_coordinates(args.data, args.coordinates)
    labels = np.random.default_rng(0).integers(0, 2, len(points)).astype(np.int32)
    labels[points[:, 0] > np.median(points[:, 0])] = 0
    if args.side == "imscope":
        from imscope.engine.mixing import compute_lisi

        found, clock = timed(
            lambda: compute_lisi(points, labels, threads=args.threads), args.repeats
        )
    else:
        from fastlisi import compute_lisi_from_codes

        codes = labels[None, :]
        found, clock = timed(
            lambda: compute_lisi_from_codes(
                points.astype(np.float64), codes, n_threads=args.threads
            ),
            args.repeats,
        )
    clock |= peak_mb()
    report("lisi", args.side, args.side, clock, {"mean": float(np.mean(found))})


if __name__ == "__main__":
    main(sys.argv[1:])
