"""Compiled kernels: numba on first call, cached on disk, safe for processes that start together.

A kernel has exactly one signature. So a cache file holds one compiled body, and processes that
compile at the same moment (each under a lock) can only ever write the same thing. Importing this
module does not import numba.
"""

import os
import platform
import sys
import threading
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from types import FunctionType
from typing import Any

_LOCK = threading.RLock()  # numba's settings and compiler are global to the process
KERNELS: list["Kernel"] = []
"""Every kernel declared so far, in order; `imscope doctor` compiles them all to time it."""


class Kernel:
    """A function that is compiled for one signature on its first call.

    Parameters
    ----------
    function
        Plain Python, kept as ``py_func`` so that tests and coverage can run it.
    signature
        Numba signature text with explicit types, such as ``"void(i8[::1], i4[::1], f8[:, ::1])"``.
    options
        Further options to ``numba.njit``. Never ``fastmath``: NaN must survive.
    """

    def __init__(self, function: Callable[..., Any], signature: str, options: dict[str, Any]):
        update_wrapper(self, function)
        self.py_func = function
        self.signature = signature
        self._options = options
        self._compiled: Any = None
        KERNELS.append(self)

    def __call__(self, *args: Any) -> Any:
        """Run the compiled body."""
        if self._compiled is None:
            self.compile()
        return self._compiled(*args)

    def compile(self) -> Any:
        """Compile, or load from the cache, and return numba's dispatcher."""
        with _LOCK:
            if self._compiled is None:
                self._compiled = self._build()
        return self._compiled

    def _build(self) -> Any:
        import numba
        from filelock import FileLock

        function = _with_compiled_names(self.py_func)
        folder = cache_folder()
        if folder is None:
            return numba.njit(self.signature, nogil=True, **self._options)(function)
        name = f"{self.py_func.__module__}.{self.py_func.__qualname__}"
        before = numba.config.CACHE_DIR
        with FileLock(folder / f"{name}.lock"):
            numba.config.CACHE_DIR = str(folder)
            make = numba.njit(self.signature, nogil=True, cache=True, **self._options)
            try:
                return make(function)
            except numba.core.errors.NumbaError:
                raise
            except Exception:  # noqa: BLE001  an unreadable cache file fails in many ways
                for damaged in folder.rglob(f"*.{self.py_func.__qualname__}-*.nb[ci]"):
                    damaged.unlink(missing_ok=True)
                return make(function)
            finally:
                numba.config.CACHE_DIR = before


def njit(signature: str, **options: Any) -> Callable[[Callable[..., Any]], Kernel]:
    """Declare a kernel with its one signature; see :class:`Kernel`.

    Examples
    --------
    >>> @njit("i8(i8)")
    ... def double(x):
    ...     return 2 * x
    >>> double.py_func(4)
    8
    """
    return lambda function: Kernel(function, signature, options)


class Popcount:
    """Bits set in an unsigned 64-bit word; inside a kernel one processor instruction.

    Examples
    --------
    >>> popcount(7)
    3
    """

    _compiled: Any = None

    def __call__(self, word: int) -> int:
        """Count in plain Python, for tests and coverage."""
        return int(word).bit_count()

    def compile(self) -> Any:
        """Numba's own object, which kernels that name ``popcount`` are given."""
        with _LOCK:
            if self._compiled is None:
                self._compiled = self._build()
        return self._compiled

    def _build(self) -> Any:
        from llvmlite import ir
        from numba import types
        from numba.extending import intrinsic

        @intrinsic  # type: ignore[untyped-decorator]
        def count_bits(typingctx: Any, word: Any) -> Any:  # noqa: ARG001  numba asks for the name
            def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
                wide = ir.IntType(64)
                kind = ir.FunctionType(wide, [wide])
                name = "llvm.ctpop.i64"
                body = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
                return builder.call(body, args)

            return types.int64(types.uint64), code

        return count_bits


popcount = Popcount()
"""The one instance; see :class:`Popcount`."""


def cache_folder() -> Path | None:
    """Folder of compiled kernels: per user, imscope version, Python, numba and processor.

    ``IMSCOPE_KERNEL_CACHE`` names another place; the value ``off`` compiles without a cache.
    Returns ``None`` when there is no cache or the folder cannot be written.
    """
    import numba

    from imscope import __version__

    wish = os.environ.get("IMSCOPE_KERNEL_CACHE", "")
    if wish == "off":
        return None
    if wish:
        root = Path(wish)
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        root = Path(base) / "imscope" / "kernels"
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    folder = root / f"{__version__}-{python}-numba{numba.__version__}-{_processor()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def _processor() -> str:
    import llvmlite.binding as llvm

    name = llvm.get_host_cpu_name() or platform.processor() or "unknown"
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in f"{platform.machine()}-{name}")


def _with_compiled_names(function: Callable[..., Any]) -> Callable[..., Any]:
    """Copy a function so that the kernels it calls by name are numba's own objects."""
    if not isinstance(function, FunctionType):
        return function
    names = function.__code__.co_names
    known = (Kernel, Popcount)
    used = {n: v for n in names if isinstance(v := function.__globals__.get(n), known)}
    if not used:
        return function
    names_seen = {**function.__globals__, **{n: k.compile() for n, k in used.items()}}
    copy = FunctionType(
        function.__code__,
        names_seen,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
    return copy
