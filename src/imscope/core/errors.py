"""Errors a user can act on: what is wrong, what was found, what to do, and a stable code.

Exit classes: 0 done, 1 data or method, 2 usage, 3 a criterion failed, 4 environment (disk, memory,
permission), 5 internal.
"""

import errno

ENVIRONMENT = frozenset(
    {
        "E-WRITE-FAILED", "E-FILE-READ", "E-FILE-MEMORY", "E-DISK-FULL", "E-PERMISSION",
        "E-MEMORY", "E-FILES-OPEN", "E-DISK-FAULT", "E-SYSTEM",
    }
)  # fmt: skip
"""Codes of what the machine refuses: exit class 4 whichever error carries them."""


class ImscopeError(Exception):
    """A problem the user can act on.

    Parameters
    ----------
    problem
        One sentence: what is wrong.
    found
        What was seen, with a count and the first example.
    fix
        The next step, as a command or a sentence.
    code
        A stable code from :mod:`imscope.core.codes`, such as ``E-MTX-INDEX``.
    """

    exit_code = 1

    def __init__(self, problem: str, *, found: str = "", fix: str = "", code: str = "") -> None:
        self.problem, self.found, self.fix, self.code = problem, found, fix, code
        if code in ENVIRONMENT:
            self.exit_code = 4
        rest = [f"  {k}: {v}" for k, v in (("found", found), ("fix", fix), ("code", code)) if v]
        super().__init__("\n".join([problem, *rest]))

    def __reduce__(self) -> tuple[object, ...]:
        # keyword arguments survive the trip back from a child process
        return (_rebuild, (type(self), self.problem, self.found, self.fix, self.code))


class DataError(ImscopeError, ValueError):
    """Input does not meet the contract of the function."""


class MethodError(ImscopeError, ValueError):
    """The data are in order but the method cannot answer on them."""


class UsageError(ImscopeError, ValueError):
    """The command line, sample sheet path or configuration was used wrongly."""

    exit_code = 2


class MachineError(ImscopeError):
    """The machine refuses: no space, no right, no memory, a fault of the disk."""

    exit_code = 4


class InternalError(ImscopeError):
    """A fault of imscope itself."""

    exit_code = 5


_REASONS = {
    errno.ENOSPC: ("E-DISK-FULL", "the disk is full", "make room, then start again"),
    errno.EDQUOT: ("E-DISK-FULL", "your share of the disk is used up", "make room, start again"),
    errno.EFBIG: ("E-DISK-FULL", "a file reached the allowed size", "raise the limit (ulimit -f)"),
    errno.EACCES: ("E-PERMISSION", "access is denied", "check the rights of file and folder"),
    errno.EPERM: ("E-PERMISSION", "access is denied", "check the rights of file and folder"),
    errno.EROFS: ("E-PERMISSION", "the disk is read-only", "name a place that can be written"),
    errno.ENOMEM: ("E-MEMORY", "memory is used up", "close programs, or use a larger machine"),
    errno.EMFILE: ("E-FILES-OPEN", "too many files are open", "raise the limit (ulimit -n)"),
    errno.ENFILE: ("E-FILES-OPEN", "too many files are open", "close other programs"),
    errno.EIO: ("E-DISK-FAULT", "the disk reports a fault", "check the disk; copy its data away"),
}


def machine_error(error: OSError | MemoryError) -> MachineError:
    """Say what the machine refused.

    Examples
    --------
    >>> import errno
    >>> machine_error(OSError(errno.ENOSPC, "No space left on device", "out/a.tsv")).code
    'E-DISK-FULL'
    """
    if isinstance(error, MemoryError):
        code, problem, fix = _REASONS[errno.ENOMEM]
        return MachineError(problem, fix=fix, code=code)
    code, problem, fix = _REASONS.get(
        error.errno or 0,
        ("E-SYSTEM", "the operating system refused", "see what was found, then start again"),
    )
    where = f"{error.filename}: " if error.filename else ""
    return MachineError(problem, found=f"{where}{error.strerror or error}", fix=fix, code=code)


def _rebuild(
    kind: type[ImscopeError], problem: str, found: str, fix: str, code: str
) -> ImscopeError:
    return kind(problem, found=found, fix=fix, code=code)
