"""A frozen reference profile: genes and weights that do not depend on the lots of a run."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imscope.analyses.heterogeneity.universe import Universe
from imscope.core import codes
from imscope.core.errors import DataError, MethodError

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "imscope-reference-profile-1"


@dataclass(frozen=True, slots=True)
class Floor:
    """HI2 that the technique alone makes on one platform.

    Attributes
    ----------
    hi2, low, high
        The floor and its 95 % interval over blocks of wells or cells.
    words
        Where it comes from.
    """

    hi2: float
    low: float
    high: float
    words: str

    @property
    def sentence(self) -> str:
        """The floor as one sentence."""
        return (
            f"technical floor HI2 {self.hi2:.4f} ({self.low:.4f} to {self.high:.4f}), {self.words}"
        )


@dataclass(frozen=True, slots=True)
class Weights:
    """Genes and weights of one platform, chemistry and pipeline.

    Attributes
    ----------
    genes, share
        Feature ids of the universe, and the mean share of each in the profile's samples.
    left_out
        Those of them that the second version leaves out (cell cycle and dissociation).
    note
        What a reader must know of the choice of genes.
    floor
        Technical floor (hi2, low, high, words), or nothing.
    """

    genes: tuple[str, ...]
    share: tuple[float, ...]
    left_out: tuple[str, ...]
    note: str = ""
    floor: tuple[float, float, float, str] | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """Genes, weights and cleaning lists, frozen.

    Attributes
    ----------
    name
        As the user called it.
    listed
        Feature ids that may make the denominator of a share.
    weights
        By platform, chemistry and pipeline, joined by ``/``.
    unit
        Column of the independent units.
    made_from
        Samples and units behind it, and how they were chosen.
    settings_hash
        Of the settings it was made with.
    """

    name: str
    listed: tuple[str, ...]
    weights: dict[str, Weights]
    unit: str
    made_from: dict[str, Any] = field(default_factory=dict)
    settings_hash: str = ""

    @property
    def digest(self) -> str:
        """Hash of everything numbers depend on."""
        content = {k: v for k, v in asdict(self).items() if k not in ("name", "made_from")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def lists(self, features: "pd.DataFrame") -> NDArray[np.bool_]:
        """Which features of a matrix the profile lists.

        Raises
        ------
        MethodError
            The matrix lacks genes of the universe: then shares are of other wholes.
        """
        ids = features["feature_id"].astype(str)
        wanted = {g for w in self.weights.values() for g in w.genes}
        missing = sorted(wanted - set(ids))
        if missing:
            raise MethodError(
                f"the matrix lacks genes of the reference profile {self.name!r}",
                found=f"{len(missing):,} of {len(wanted):,} are missing, the first is {missing[0]}",
                fix="use a matrix of the same reference genome and gene list",
                code=codes.HETEROGENEITY_PROFILE,
            )
        return np.asarray(ids.isin(self.listed), dtype=bool)

    def universe(self, platform: str, features: "pd.DataFrame") -> Universe:
        """Genes and weights of one platform over the kept features of a matrix."""
        own = self._of(platform)
        ids = features["feature_id"].astype(str)
        share = ids.map(dict(zip(own.genes, own.share, strict=True))).fillna(0.0)
        genes = ids.isin(own.genes).to_numpy()
        without = genes & ~ids.isin(own.left_out).to_numpy()
        return Universe(share.to_numpy().astype(np.float64), genes, without, own.note)

    def floor(self, platform: str) -> Floor | None:
        """Technical floor of one platform, where the profile has one."""
        made = self._of(platform).floor
        return None if made is None else Floor(*made)

    def _of(self, platform: str) -> Weights:
        if platform not in self.weights:
            raise MethodError(
                f"the reference profile {self.name!r} is of another platform",
                found=f"{platform}; the profile knows {', '.join(sorted(self.weights))}",
                fix="freeze a profile from runs of this platform, chemistry and pipeline",
                code=codes.HETEROGENEITY_PROFILE,
            )
        return self.weights[platform]


def write_profile(profile: Profile, path: Path) -> None:
    """Write a profile as JSON, whole or not at all.

    Parameters
    ----------
    profile
        From :func:`freeze_profile`.
    path
        The file, made anew.
    """
    from imscope.io.atomic import write_text

    content = {"format": FORMAT, "hash": profile.digest} | asdict(profile)
    write_text(path, json.dumps(content, indent=1, sort_keys=True) + "\n")


def read_profile(path: Path) -> Profile:
    """Read a profile and check it against its own hash.

    Parameters
    ----------
    path
        File made by :func:`write_profile`.

    Returns
    -------
    profile
        Genes, weights and scales, as frozen.

    Raises
    ------
    DataError
        The file is missing, no profile, or was changed.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise ValueError("of another format")
        stated = str(content.pop("hash"))
        weights = {str(k): _weights(w) for k, w in content.pop("weights").items()}
        listed = tuple(content.pop("listed"))
        made = Profile(weights=weights, listed=listed, **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"cannot read the reference profile {path}",
            found=str(error),
            fix="give a file that `imscope heterogeneity profile` wrote",
            code=codes.HETEROGENEITY_PROFILE,
        ) from None
    if made.digest != stated:
        raise DataError(
            f"the reference profile {path} was changed after it was frozen",
            found=f"hash {made.digest[:12]}, {stated[:12]} is stated",
            fix="use the file as it was written",
            code=codes.HETEROGENEITY_PROFILE,
        )
    return made


def _weights(content: dict[str, Any]) -> Weights:
    floor = content.get("floor")
    return Weights(
        tuple(content["genes"]),
        tuple(float(v) for v in content["share"]),
        tuple(content["left_out"]),
        str(content["note"]),
        None if floor is None else (float(floor[0]), float(floor[1]), float(floor[2]), floor[3]),
    )
