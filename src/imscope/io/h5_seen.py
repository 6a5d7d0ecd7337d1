"""An HDF5 file that opens only what was inspected.

Every object is compared, when it is opened, with the addresses the inspection handed over; and no
dataset whose bytes lie in another file is opened, whatever way led to it.
"""

import os
from pathlib import Path
from typing import Any

import h5py

from imscope.core import codes
from imscope.core.errors import DataError

__all__ = ["SeenDataset", "SeenFile", "SeenGroup"]


class _Door:
    """What decides whether an object may be opened."""

    def __init__(self, path: Path, addresses: frozenset[int], fileno: int) -> None:
        self.path, self.addresses, self.fileno = path, addresses, fileno

    def admit(self, found: Any) -> Any:
        """Return the object as one of this module, or refuse it."""
        if isinstance(found, h5py.Datatype):
            raise DataError(
                f"{self.path}: {found.name or 'an object'} is a type without values",
                fix="write the file again with anndata",
                code=codes.H5_TYPE,
            )
        info = h5py.h5o.get_info(found.id)
        if info.addr not in self.addresses or info.fileno != self.fileno:
            raise DataError(
                f"{self.path}: {found.name or 'an object'} was not inspected",
                found="it lies in another file or no link leads to it",
                fix=codes.CODES[codes.H5_REFERENCE].fix,
                code=codes.H5_REFERENCE,
            )
        if isinstance(found, h5py.Dataset):
            plan = found.id.get_create_plist()
            if plan.get_external_count() or plan.get_layout() == h5py.h5d.VIRTUAL:
                raise DataError(
                    f"{self.path}: {found.name} keeps its values elsewhere",
                    fix="rewrite the file with all data inside it",
                    code=codes.H5_EXTERNAL_DATA,
                )
            return SeenDataset(found.id, self)
        return SeenGroup(found.id, self)


class SeenDataset(h5py.Dataset):  # type: ignore[misc]
    """A dataset that was inspected."""

    def __init__(self, identifier: Any, door: _Door) -> None:
        super().__init__(identifier)
        self._door = door

    def referred(self, name: str) -> Any:
        """Object that an attribute refers to, or None; one that was not inspected is refused."""
        if name not in self.attrs:
            return None
        reference = self.attrs[name]
        if not isinstance(reference, h5py.Reference) or not reference:
            return None
        target = h5py.h5r.dereference(reference, self.id)
        kinds = {h5py.h5i.DATASET: h5py.Dataset, h5py.h5i.GROUP: h5py.Group}
        kind = kinds.get(h5py.h5i.get_type(target))
        return None if kind is None else self._door.admit(kind(target))


class SeenGroup(h5py.Group):  # type: ignore[misc]
    """A group that was inspected; what is taken from it was inspected too."""

    def __init__(self, identifier: Any, door: _Door) -> None:
        super().__init__(identifier)
        self._door = door

    def __getitem__(self, name: Any) -> Any:
        """Open a member."""
        return self._door.admit(super().__getitem__(name))

    def get(self, name: Any, default: Any = None) -> Any:
        """Open a member, or give the default."""
        if name not in self:
            return default
        return self[name]


class SeenFile(h5py.File):  # type: ignore[misc]
    """A file opened for reading after its inspection.

    Parameters
    ----------
    path
        The file.
    addresses
        Where the inspected objects lie in it.
    """

    def __init__(self, path: Path, addresses: frozenset[int]) -> None:
        super().__init__(path, "r", locking=False)
        top = h5py.h5o.get_info(h5py.h5g.open(self.id, b"/"))
        self._door = _Door(path, addresses, int(top.fileno))

    def __getitem__(self, name: Any) -> Any:
        """Open a member."""
        return self._door.admit(super().__getitem__(name))

    def get(self, name: Any, default: Any = None) -> Any:
        """Open a member, or give the default."""
        if name not in self:
            return default
        return self[name]

    def identity(self) -> tuple[int, ...]:
        """What identifies the file that is open, not the one that now bears its name."""
        status = os.fstat(self.id.get_vfd_handle())
        return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
