"""Step: genes that mark each cluster."""

from imscope.core.result import Result
from imscope.core.schema import MARKERS
from imscope.core.views import select_rows
from imscope.engine.markers import marker_table, score_markers
from imscope.study.step import Had, Run, Step

TOP = 50
"""Markers kept for each cluster."""


def work_markers(run: Run, had: Had) -> Result:
    """Genes that mark each cluster."""
    labels = had["clusters"].array("labels")
    stats = score_markers(
        select_rows(run.cohort.source, run.rows(had)),
        had["components"].array("size_factors"),
        labels,
        n_groups=int(labels.max()) + 1,
        threads=run.threads,
    )
    return Result(tables={"markers": marker_table(stats, run.cohort.features, top=TOP)})


STEP = Step(
    "markers",
    "markers",
    work_markers,
    needs=("qc", "components", "clusters"),
    tables=(MARKERS,),
    share=1.1,
    rank=50,
)
