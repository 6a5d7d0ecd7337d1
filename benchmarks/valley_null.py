"""Print the table of chances in `imscope.analyses.subsets.valley`.

python benchmarks/valley_null.py
"""

import numpy as np

from imscope.analyses.subsets.valley import NULL_SIZES, NULL_TAILS, steepest

DRAWS = (20_000, 20_000, 12_000, 6_000, 3_000, 1_200)


def main() -> None:
    rows = []
    for n, draws in zip(NULL_SIZES, DRAWS, strict=True):
        rng = np.random.default_rng([n, 5])
        found = [steepest(rng.random(n)) for _ in range(draws)]
        rows.append(np.quantile(found, 1 - np.array(NULL_TAILS)))
    for row in np.maximum.accumulate(rows, axis=0):
        print("    (" + ", ".join(f"{v:.3f}" for v in row) + "),")


if __name__ == "__main__":
    main()
