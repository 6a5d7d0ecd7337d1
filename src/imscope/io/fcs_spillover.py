"""The spillover matrix in the header of a flow cytometry file."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.io.notice import Notice, first_few

MAX_CHANNELS = 2_000
MAX_CONDITION = 1e6
"""Condition number above which a spillover matrix only adds noise."""
_SPILLOVER = ("$SPILLOVER", "SPILLOVER", "$SPILL", "SPILL")


@dataclass(frozen=True, eq=False)
class Spillover:
    """Spillover matrix of the header.

    Attributes
    ----------
    channels
        Names of the channels, in the order of rows and columns.
    matrix
        Shape ``(n, n)``: row = fluorochrome, column = detector that sees it. Unit: fraction of the
        fluorochrome's own detector.
    """

    channels: tuple[str, ...]
    matrix: NDArray[np.float64]


def read_spillover(
    words: dict[str, str], names: list[str], path: Path, notices: list[Notice]
) -> Spillover | None:
    """Read the matrix; None, with a notice, where there is none.

    Parameters
    ----------
    words
        Keyword in capitals to value.
    names
        Channels of the file.
    path
        File, for messages.
    notices
        What must be told is added here, such as channels of the matrix the file lacks.

    Raises
    ------
    DataError
        The matrix is damaged or cannot be inverted.
    """
    found = [k for k in _SPILLOVER if words.get(k, "").strip()]
    if not found:
        old = ", ".join(k for k in ("$COMP", "COMP", "$DFC1TO2") if k in words)
        notices.append(
            Notice(
                codes.W_FCS_SPILLOVER,
                f"only {old} of the old kind is there" if old else "there is no spillover matrix",
            )
        )
        return None
    if len({words[k].replace(" ", "") for k in found}) > 1:
        raise _bad_spillover(path, f"{first_few(found)} differ")
    parts = [p.strip() for p in words[found[0]].split(",")]
    n = int(parts[0]) if re.fullmatch(r"[0-9]{1,4}", parts[0]) else 0
    if 1 <= n <= MAX_CHANNELS and [p for p in parts[1:] if p] == parts[1 : n + 1]:
        notices.append(
            Notice(codes.W_FCS_SPILLOVER, f"{found[0]} names {n} channels and no coefficient")
        )
        return None
    if not 1 <= n <= MAX_CHANNELS or len(parts) != 1 + n + n * n:
        raise _bad_spillover(
            path,
            f"it says {parts[0][:20]!r} channels of {len(names)} and has {len(parts):,} fields",
        )
    channels = _spillover_channels(parts[1 : n + 1], names, path)
    keep = [k for k, c in enumerate(channels) if c in names]
    try:
        values = np.array([float(p) for p in parts[n + 1 :]], dtype=np.float64).reshape(n, n)
    except ValueError as error:
        raise _bad_spillover(path, f"a coefficient is not a number: {error}") from error
    if not np.isfinite(values).all() or np.abs(values).max() > 1e4 or (np.diag(values) <= 0).any():
        raise _bad_spillover(path, "coefficients are not finite, or zero on the diagonal")
    if len(keep) < n:
        lost = [c for c in channels if c not in names]
        notices.append(
            Notice(
                codes.W_FCS_SPILLOVER,
                f"{found[0]} names {len(lost)} channels the file does not have "
                f"({first_few(lost)}); the matrix of the other {len(keep)} is used, without the "
                "light of those",
            )
        )
        channels = [channels[k] for k in keep]
        values = values[np.ix_(keep, keep)]
    values = values / np.diag(values)[:, None]
    condition = float(np.linalg.cond(values))
    if not condition < MAX_CONDITION:
        raise _bad_spillover(path, f"it cannot be inverted (condition number {condition:.3g})")
    return Spillover(tuple(channels), values)


def _spillover_channels(given: list[str], names: list[str], path: Path) -> list[str]:
    """Names as given, or numbers of channels, which some programs write."""
    if all(g not in names for g in given) and all(g.isdigit() for g in given):
        numbers = [int(g) for g in given]
        if all(1 <= k <= len(names) for k in numbers):
            given = [names[k - 1] for k in numbers]
    unknown = [g for g in given if g not in names]
    if len(unknown) > len(given) - 2 or len(set(given)) < len(given):
        raise _bad_spillover(
            path,
            f"unknown channels {first_few(unknown)}" if unknown else "a channel stands twice",
        )
    return given


def _bad_spillover(path: Path, found: str) -> DataError:
    return DataError(
        f"{path}: the spillover matrix cannot be used",
        found=found,
        fix="correct it, or read without compensation",
        code=codes.FCS_SPILLOVER,
    )
