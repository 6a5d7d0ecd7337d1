"""Templates of disease axes: readout, positive control and direction, each with its source."""

from dataclasses import dataclass

from imscope.core import codes
from imscope.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class DiseaseAxis:
    """A disease whose patient cells are compared with the isogenic corrected line."""

    name: str
    disease: str
    gene: str
    readout: str
    direction: str
    positive_control: str
    doi: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What the axis means, in one sentence."""
        return (
            f"{self.name} ({self.disease}, {self.gene}): {self.readout}; rescue means "
            f"{self.direction}; positive control {self.positive_control} "
            f"(doi:{', doi:'.join(self.doi)})"
        )


AXES = {
    "FOP": DiseaseAxis(
        "FOP",
        "fibrodysplasia ossificans progressiva",
        "ACVR1 R206H",
        "activin-A-driven chondrogenesis of patient iMSC and mTOR signalling",
        "less chondrogenic and osteogenic differentiation under activin A",
        "rapamycin",
        ("10.1172/JCI93521", "10.1016/j.stemcr.2018.10.007"),
    ),
    "HGPS": DiseaseAxis(
        "HGPS",
        "Hutchinson-Gilford progeria",
        "LMNA c.1824C>T",
        "premature osteogenic differentiation of iMSC, read by alkaline phosphatase",
        "alkaline phosphatase toward that of unaffected cells",
        "all-trans retinoic acid",
        ("10.1038/srep34798",),
    ),
}


def disease_axis(name: str) -> DiseaseAxis:
    """Find a template by name.

    Parameters
    ----------
    name
        ``FOP`` or ``HGPS``.

    Raises
    ------
    UsageError
        There is no such template.

    Examples
    --------
    >>> disease_axis("fop").positive_control
    'rapamycin'
    """
    found = AXES.get(name.upper())
    if found is None:
        raise UsageError(
            f"there is no disease axis {name!r}", fix=", ".join(AXES), code=codes.SCREEN_OPTION
        )
    return found
