"""Errors a user can act on: what is wrong, what was found, what to do, and a stable code."""


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


def _rebuild(
    kind: type[ImscopeError], problem: str, found: str, fix: str, code: str
) -> ImscopeError:
    return kind(problem, found=found, fix=fix, code=code)
