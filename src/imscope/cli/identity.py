"""`imscope identity`: what the cells are by panel, cycle, ageing, position and donor."""

from imscope.cli.shell import (
    ByOption,
    JsonOption,
    OutOption,
    PathArgument,
    SeedOption,
    ThreadsOption,
    UnitOption,
    emit,
    opened,
    write_cells,
)


def identity(
    path: PathArgument,
    by: ByOption = None,
    unit: UnitOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = None,
) -> None:
    """ISCT panel, cell cycle, senescence, HOX code, donor sex and donor match."""
    from imscope.analyses.identity import describe

    with opened(path, bulk=True) as cells:
        result = describe(cells, by=by, unit=unit, seed=seed, threads=threads)
    write_cells(result, out)
    emit(result.tables, as_json=as_json, notices=result.notices)
