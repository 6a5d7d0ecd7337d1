"""Step: nearest neighbours on the components, and their graph."""

from imscope.core.result import Result
from imscope.engine.neighbours import find_neighbours, neighbour_graph
from imscope.study.blocks import block_codes
from imscope.study.step import Had, Run, Step


def work_neighbours(run: Run, had: Had) -> Result:
    """Neighbours on the components (aligned over batches only if asked for) and their graph."""
    path = run.config.path
    coordinates = had["components"].array("coordinates")
    if path.align:
        from imscope.engine.align import align_batches

        codes = run.cohort.codes[had["components"].array("rows")]
        batches, _ = block_codes(run, codes)
        coordinates = align_batches(coordinates, batches, seed=run.config.seed).coordinates
    found = find_neighbours(
        coordinates,
        k=path.n_neighbours,
        recall_target=path.recall,
        seed=run.config.seed,
        threads=run.threads,
    )
    graph = neighbour_graph(found, kind="snn")
    return Result(
        arrays={
            "indices": found.indices,
            "distances": found.distances,
            "used_coordinates": coordinates,
            "graph_indptr": graph.indptr,
            "graph_indices": graph.indices,
            "graph_data": graph.data,
        },
        facts={
            "recall": found.recall,
            "recall_n": found.recall_n,
            "method": found.method,
            "aligned": path.align,
        },
    )


STEP = Step(
    "neighbours",
    "neighbours",
    work_neighbours,
    needs=("components",),
    settings=lambda run: run.settings(run.config.path, sheet=True),
    share=0.5,
    rank=30,
)
