"""Walk an HDF5 file without following any link; run as a program in a process of its own.

``python -I -S h5_inspect.py SITE_PACKAGES FILE`` prints one JSON object: ``{"code": ""}`` for a
good file, else code, place and what was found. It imports nothing of imscope. Once the file is
open, no further file can be opened: the limit on open files is set to those already there, so that
even a mistake of the walk below could not reach a byte outside the file.
"""

import codecs
import json
import os
import resource
import sys
from typing import Any

MAX_OBJECTS = 100_000
MAX_DEPTH = 48
ALWAYS_CHECKED = 64 * 2**20  # bytes; smaller datasets may compress as well as they like
RATIO = {"deflate": 1_100, "other": 50_000}
BUILT_IN = {1: "deflate", 2: "shuffle", 3: "fletcher32", 5: "nbit", 6: "scaleoffset", 32000: "lzf"}
PLUGINS = {32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32015: "zstd", 32026: "blosc2"}


class Refused(Exception):  # noqa: N818  carries a finding, not a failure of this program
    """The file must not be opened."""

    def __init__(self, code: str, place: str, found: str) -> None:
        self.finding = {"code": code, "place": place, "found": found}
        super().__init__(code)


def limit_self() -> None:
    """Bound memory, processor time, output; called before the file is opened."""
    for what, amount in (
        (resource.RLIMIT_AS, 2 << 30),
        (resource.RLIMIT_CPU, 60),
        (resource.RLIMIT_FSIZE, 1 << 20),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        soft = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(what, (soft, hard))


def close_the_door() -> None:
    """Let no further file be opened by this process."""
    for name in ("ascii", "latin-1", "utf-8", "idna"):
        codecs.lookup(name)  # Python loads these from files on first use
    spare = os.open("/dev/null", os.O_RDONLY)  # the lowest free number
    os.close(spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare, spare))


def walk(h5py: Any, root: Any) -> None:
    """Check every link and object below the root group."""
    seen: set[tuple[int, int]] = set()
    count = 0
    stack = [(root, "/", frozenset([address(h5py, root)]), 0)]
    while stack:
        group, path, above, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise Refused("E-H5-CYCLE", path, f"groups nested deeper than {MAX_DEPTH}")
        for name in group:
            count += 1
            place = path.rstrip("/") + "/" + name
            if count > MAX_OBJECTS:
                raise Refused("E-H5-SIZE", place, f"more than {MAX_OBJECTS} objects")
            kind = link_kind(h5py, group, name)
            if kind == "external":
                link = group.get(name, getlink=True)
                raise Refused("E-H5-EXTERNAL-LINK", place, f"link to {link.filename!r}")
            if kind == "user":
                raise Refused("E-H5-USER-LINK", place, "a link of a user-defined type")
            if kind == "soft":
                check_soft(h5py, group, name, place, above)
                continue
            child = group.get(name)
            if isinstance(child, h5py.Datatype):
                continue
            where = address(h5py, child)
            if where in above:
                raise Refused("E-H5-CYCLE", place, "the group contains itself")
            if where in seen and isinstance(child, h5py.Dataset):
                continue
            seen.add(where)
            if isinstance(child, h5py.Group):
                stack.append((child, place, above | {where}, depth + 1))
            else:
                check_dataset(h5py, child, place)


def link_kind(h5py: Any, group: Any, name: str) -> str:
    """`hard`, `soft`, `external` or `user`, read from the link itself."""
    kind = group.id.links.get_info(name.encode("utf-8", "surrogateescape")).type
    if kind == h5py.h5l.TYPE_HARD:
        return "hard"
    if kind == h5py.h5l.TYPE_SOFT:
        return "soft"
    return "external" if kind == h5py.h5l.TYPE_EXTERNAL else "user"


def check_soft(h5py: Any, group: Any, name: str, place: str, above: frozenset[Any]) -> None:
    """Follow a soft link by hand: every step must be a hard or a good soft link of this file."""
    here, todo, steps = group, group.get(name, getlink=True).path.split("/"), 0
    if group.get(name, getlink=True).path.startswith("/"):
        here = group.file["/"]
    while todo:
        part = todo.pop(0)
        steps += 1
        if steps > 64:
            raise Refused("E-H5-SOFT-LINK", place, "soft links lead in a circle")
        if part in ("", "."):
            continue
        link = (
            here.get(part, getlink=True)
            if isinstance(here, h5py.Group) and part in names(here)
            else None
        )
        if link is None:
            raise Refused("E-H5-SOFT-LINK", place, f"leads to {part!r}, which is not there")
        if isinstance(link, h5py.SoftLink):
            todo = link.path.split("/") + todo
            here = here.file["/"] if link.path.startswith("/") else here
        elif isinstance(link, h5py.HardLink):
            here = here.get(part)
        else:
            raise Refused("E-H5-EXTERNAL-LINK", place, "a soft link runs through an external one")
    if isinstance(here, h5py.Group) and address(h5py, here) in above:
        raise Refused("E-H5-CYCLE", place, "a soft link leads back to a group above it")


def names(group: Any) -> set[str]:
    """Names of the links in a group."""
    return set(group)


def address(h5py: Any, thing: Any) -> tuple[int, int]:
    """Where in the file the object lies."""
    info = h5py.h5o.get_info(thing.id)
    return (info.fileno, info.addr)


def check_dataset(h5py: Any, data: Any, place: str) -> None:
    """Refuse storage elsewhere, foreign filters, absurd sizes and parts never written."""
    plan = data.id.get_create_plist()
    if plan.get_external_count():
        raise Refused("E-H5-EXTERNAL-DATA", place, f"stored in {plan.get_external(0)[0]!r}")
    layout = plan.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        raise Refused("E-H5-VIRTUAL", place, "a virtual dataset")
    filters = [plan.get_filter(k)[0] for k in range(plan.get_nfilters())]
    unknown = [f for f in filters if f not in BUILT_IN and f not in PLUGINS]
    if unknown:
        raise Refused("E-H5-FILTER", place, f"filter number {unknown[0]}")
    if data.shape is None:
        return
    values = 1
    for n in data.shape:
        values *= n
    size, stored = values * data.dtype.itemsize, data.id.get_storage_size()
    if not values:
        return
    ratio = RATIO["other"] if set(filters) & set(PLUGINS) else RATIO["deflate"]
    room = os.fstat(data.file.id.get_vfd_handle()).st_size
    if size > ALWAYS_CHECKED and (not filters or size > ratio * max(stored, 1)) and size > room:
        raise Refused("E-H5-SIZE", place, f"shape {data.shape} but {stored} bytes stored")
    if stored == 0 and layout != h5py.h5d.COMPACT:
        raise Refused("E-H5-CHUNK", place, f"shape {data.shape} but nothing stored")
    if layout == h5py.h5d.CHUNKED:
        expected = 1
        for n, c in zip(data.shape, data.chunks):  # noqa: B905  same length by definition
            expected *= -(-n // c)
        there = data.id.get_num_chunks()
        if there < expected:
            raise Refused("E-H5-CHUNK", place, f"{there} of {expected} chunks are there")
    probe(h5py, data, filters)


def probe(h5py: Any, data: Any, filters: list[int]) -> None:
    """Read text and the first and last piece here, where a crash of the library does no harm."""
    if any(f in PLUGINS for f in filters):
        return
    if h5py.check_string_dtype(data.dtype) is not None or data.dtype.kind == "O":
        if data.size <= 2_000_000:
            data[()]
    elif data.shape and data.dtype.kind in "biuf":
        wide = max(1, 65_536 // max(1, data.size // data.shape[0]))
        data[:wide]
        data[-wide:]


def main() -> None:
    """Inspect one file and print the finding."""
    sys.path.append(sys.argv[1])
    import h5py

    for name in ("ascii", "latin-1", "utf-8", "idna"):
        codecs.lookup(name)  # loaded from a file on first use, which is not possible later
    path = sys.argv[2]
    limit_self()
    finding = {"code": "", "place": "", "found": ""}
    try:
        handle = h5py.File(path, "r", locking=False)
    except (OSError, RuntimeError, ValueError) as error:
        text = str(error).splitlines()[0][:300] if str(error) else ""
        print(json.dumps({"code": "E-H5-DAMAGED", "place": "/", "found": text}))
        return
    try:
        close_the_door()
        walk(h5py, handle["/"])
    except Refused as refused:
        finding = refused.finding
    except MemoryError:
        finding = {"code": "E-H5-SIZE", "place": "", "found": "more memory than the limit"}
    except Exception as error:  # noqa: BLE001  whatever the library makes of damage
        found = f"{type(error).__name__}: {str(error).splitlines()[0][:300] if str(error) else ''}"
        finding = {"code": "E-H5-DAMAGED", "place": "", "found": found}
    sys.stdout.write(json.dumps(finding) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
