"""Walk an HDF5 file without following any link; run as a program in a process of its own.

``python -I -S h5_inspect.py SITE_PACKAGES FILE`` prints one JSON object: ``{"code": ""}`` with the
addresses of all objects seen for a good file, else code, place and what was found. It imports
nothing of imscope but the file beside it. Once the file is open, no further file can be opened: the
limit on open files is set to those already there, so that even a mistake of the walk below could
not reach a byte outside the file.

An object reference leads where no link leads. So the walk notes every object it has checked; a
reference that a reader would follow must lead to one of them, and the reader opens no other.
"""

import codecs
import importlib.util
import json
import os
import resource
import sys
from typing import Any

_beside = importlib.util.spec_from_file_location(
    "h5_storage", os.path.join(os.path.dirname(os.path.abspath(__file__)), "h5_storage.py")
)
if _beside is None or _beside.loader is None:
    raise ImportError("h5_storage.py is missing")
storage = importlib.util.module_from_spec(_beside)
sys.modules["h5_storage"] = storage
_beside.loader.exec_module(storage)
Refused = storage.Refused

MAX_OBJECTS = 100_000
MAX_DEPTH = 48
MAX_ATTRIBUTES = 200_000
FOLLOWED = (b"categories",)
"""Names of attributes whose references a reader follows."""


def limit_self(size: int) -> None:
    """Bound memory, processor time, output; called before the file of that size is opened.

    The library can turn in circles on a damaged file; a good one of 50 MB needs less than a second.
    """
    for what, amount in (
        (resource.RLIMIT_AS, 1 << 30),
        (resource.RLIMIT_CPU, 6 + size // (50 << 20)),
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


class Walk:
    """One walk over every link and object of a file."""

    def __init__(self, h5py: Any, handle: Any, *, plugins: bool) -> None:
        descriptor = handle.id.get_vfd_handle()
        self.h5py, self.root, self.plugins = h5py, handle["/"], plugins
        self.budget = storage.Budget(descriptor, os.fstat(descriptor).st_size)
        self.seen: set[tuple[int, int]] = set()
        self.followed: list[tuple[str, Any]] = []
        self.objects = self.attributes = 0

    def run(self) -> list[int]:
        """Check everything; return the addresses of the groups and datasets seen."""
        top = address(self.h5py, self.root)
        self.seen.add(top)
        self.check_attributes(self.root, "/")
        stack = [(self.root, "/", frozenset([top]), 0)]
        while stack:
            group, path, above, depth = stack.pop()
            if depth > MAX_DEPTH:
                raise Refused("E-H5-CYCLE", path, f"groups nested deeper than {MAX_DEPTH}")
            for name in group:
                child, place = self.step(group, name, path, above)
                if child is not None:
                    where = address(self.h5py, child)
                    stack.append((child, place, above | {where}, depth + 1))
        for place, reference in self.followed:
            self.check_reference(place, reference)
        return sorted(where[1] for where in self.seen)

    def step(self, group: Any, name: str, path: str, above: frozenset[Any]) -> tuple[Any, str]:
        """Check one link and what it leads to; return a group still to be walked, or None."""
        h5py = self.h5py
        self.objects += 1
        place = path.rstrip("/") + "/" + name
        if self.objects > MAX_OBJECTS:
            raise Refused("E-H5-SIZE", place, f"more than {MAX_OBJECTS} objects")
        kind = link_kind(h5py, group, name)
        if kind == "external":
            link = group.get(name, getlink=True)
            raise Refused("E-H5-EXTERNAL-LINK", place, f"link to {link.filename!r}")
        if kind == "user":
            raise Refused("E-H5-USER-LINK", place, "a link of a user-defined type")
        if kind == "soft":
            check_soft(h5py, group, name, place, above)
            return None, place
        child = group.get(name)
        if isinstance(child, h5py.Datatype):
            return None, place
        where = address(h5py, child)
        if where in above:
            raise Refused("E-H5-CYCLE", place, "the group contains itself")
        if where in self.seen and isinstance(child, h5py.Dataset):
            return None, place
        known = where in self.seen
        self.seen.add(where)
        if not known:
            self.check_attributes(child, place)
        if isinstance(child, h5py.Group):
            return child, place
        storage.check_dataset(h5py, child, place, self.budget, plugins=self.plugins)
        return None, place

    def check_attributes(self, thing: Any, place: str) -> None:
        """Bound what the attributes of an object hold; note references a reader follows."""
        h5py = self.h5py
        count = h5py.h5a.get_num_attrs(thing.id)
        self.attributes += count
        if self.attributes > MAX_ATTRIBUTES:
            raise Refused("E-H5-SIZE", place, f"more than {MAX_ATTRIBUTES} attributes")
        for k in range(count):
            attribute = h5py.h5a.open(thing.id, index=k)
            dtype = attribute.dtype
            values = 1
            for n in attribute.shape:
                values *= n
            self.budget.add_logical(place, values * dtype.itemsize)
            if h5py.check_ref_dtype(dtype) is not None:
                if attribute.name in FOLLOWED:
                    name = attribute.name.decode()
                    self.followed.append((place, (thing, name)))
            elif storage.has_objects(dtype):
                if values > 4_000_000:
                    raise Refused("E-H5-SIZE", place, f"an attribute of {values:,} texts")
                held = thing.attrs[attribute.name]
                if isinstance(held, h5py.Empty):
                    continue
                if hasattr(held, "dtype"):
                    self.budget.add_text(place, storage.object_bytes(held))
                else:
                    self.budget.add_text(place, storage.OBJECT + len(str(held)))

    def check_reference(self, place: str, held: tuple[Any, str]) -> None:
        """A reference a reader follows leads to something this walk has checked."""
        thing, name = held
        reference = thing.attrs[name]
        if not isinstance(reference, self.h5py.Reference):
            raise Refused("E-H5-REFERENCE", place, f"{name!r} holds several references")
        if not reference:
            return
        target = self.h5py.h5r.dereference(reference, thing.id)
        info = self.h5py.h5o.get_info(target)
        if (info.fileno, info.addr) not in self.seen:
            raise Refused("E-H5-REFERENCE", place, f"{name!r} leads to an object no link leads to")


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


def main() -> None:
    """Inspect one file and print the finding."""
    sys.path.append(sys.argv[1])
    import h5py

    plugins = True
    try:
        import hdf5plugin  # noqa: F401  registers its filters; nothing is loaded by the library
    except ImportError:
        plugins = False
    path = sys.argv[2]
    limit_self(os.path.getsize(path))
    finding: dict[str, Any] = {"code": "", "place": "", "found": ""}
    try:
        handle = h5py.File(path, "r", locking=False)
    except (OSError, RuntimeError, ValueError) as error:
        text = str(error).splitlines()[0][:300] if str(error) else ""
        print(json.dumps({"code": "E-H5-DAMAGED", "place": "/", "found": text}))
        return
    try:
        close_the_door()
        finding["addresses"] = Walk(h5py, handle, plugins=plugins).run()
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
