"""Gene ranks of a genome-wide pooled screen (71,090 guides, four samples), files in and out.

Needs the shared data: `IMSCOPE_SHARED_DATA`. The peer is run as its own program.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from harness import Case, Program, main

DATA = Path(os.environ.get("IMSCOPE_SHARED_DATA", "")) / "screens/hap1_tkov3_fitness/counts.tsv.gz"
CONTROL, TREATMENT = "HAP1_T0", ("HAP1_T18A", "HAP1_T18B", "HAP1_T18C")


def _counts() -> Path:
    if not DATA.exists():
        raise SystemExit("the shared screens are not here: set IMSCOPE_SHARED_DATA")
    return DATA


def run_imscope(_: str) -> dict[str, object]:
    """Counts to gene and guide summaries."""
    import pandas as pd

    from imscope.analyses.screens import PooledSettings, analyse_pooled
    from imscope.analyses.screens.compatible import write_summaries
    from imscope.io.guide_counts import read_guide_counts

    samples = [CONTROL, *TREATMENT]
    conditions = ["control", *["treatment"] * len(TREATMENT)]
    sheet = pd.DataFrame({"sample": samples, "condition": conditions})
    got = analyse_pooled(read_guide_counts(_counts()), sheet, settings=PooledSettings(method="rra"))
    with tempfile.TemporaryDirectory() as folder:
        write_summaries(Path(folder), got.tables)
    return {"genes": len(got.genes), "smallest_p": float(got.genes["p_depleted"].min())}


def run_mageck2(_: str) -> dict[str, object]:
    """The peer on the same counts, unpacked."""
    import gzip
    import sys

    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "counts.tsv"
        plain.write_bytes(gzip.decompress(_counts().read_bytes()))
        program = str(Path(sys.executable).parent / "mageck2")
        words = ["test", "-k", str(plain), "-t", ",".join(TREATMENT), "-c", CONTROL, "-n", "peer"]
        place = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        subprocess.run([program, *words], cwd=folder, check=True, capture_output=True, env=place)
        rows = (Path(folder) / "peer.gene_summary.txt").read_text().splitlines()
    return {"genes": len(rows) - 1}


CASE = Case(
    "Gene ranks of a genome-wide screen",
    ("-",),
    {
        "imscope": Program(run_imscope, ("imscope",), own=True),
        "mageck2": Program(run_mageck2, ("mageck2",)),
    },
    "at most 0.1 of mageck2.",
    1,
)

if __name__ == "__main__":
    main(CASE)
