"""AnnData and MuData in zarr folders (format 2 and 3), inspected as plain files before use."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imscope.core import codes
from imscope.core.errors import DataError, ImscopeError
from imscope.io.raw import RawCounts
from imscope.io.zarr_check import inspect_zarr


def read_zarr(path: Path, *, expression: bool, max_bytes: int) -> RawCounts:
    """Inspect a zarr folder, then read names and find the counts.

    Raises
    ------
    DataError
        The store is unsafe, incomplete or damaged, or holds no counts.
    """
    from imscope.io.h5ad import read_annotated, read_mudata

    seen = inspect_zarr(path)
    import zarr

    from imscope.io.zarr_seen import SeenStore

    with _zarr_errors(path):
        top = zarr.open_group(SeenStore(path, seen), mode="r", use_consolidated=False)
        read = read_mudata if "mod" in top and "X" not in top else read_annotated
        raw = read(
            top,
            path,
            expression=expression,
            guard=lambda: _zarr_errors(path),
            max_bytes=max_bytes,
            kind="zarr",
        )
    raw.notices.extend(seen.notices)
    return raw


@contextmanager
def _zarr_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except ImscopeError:
        raise
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else ""
        raise DataError(
            f"{path} is damaged",
            found=f"{type(error).__name__}: {text[:300]}",
            fix="copy it again and compare checksums",
            code=codes.ZARR_META,
        ) from error
