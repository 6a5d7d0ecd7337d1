"""Documented example plans that ship with the planner."""

from importlib.resources import files

import yaml

from imscope.core.errors import UsageError
from imscope.core.names import did_you_mean
from imscope.decisions.manufacture import codes
from imscope.decisions.manufacture.plan_file import Plan, read_plan

TEMPLATES = {
    "academic-marrow": "marrow of one donor, three planar passages, one bag per dose",
    "cord-bank": "cord tissue, four planar passages, frozen doses",
    "imsc-wcb": "iMSC from a working cell bank, aggregates, then five planar passages",
    "cymerus-like": "iPSC, mesenchymoangioblasts, short expansion of MSC, one master clone",
    "c-stem-like": "iPSC expanded in capsules in a bioreactor, then MSC on microcarriers",
}
"""Names of the templates and what each shows. None is a record of anybody's process."""


def template_text(name: str) -> str:
    """Text of a template.

    Parameters
    ----------
    name
        One of :data:`TEMPLATES`.

    Raises
    ------
    UsageError
        There is no such template.

    Examples
    --------
    >>> template_text("cord-bank").splitlines()[0][:1]
    '#'
    """
    if name not in TEMPLATES:
        raise UsageError(
            f"there is no template {name!r}",
            found=", ".join(TEMPLATES),
            fix=did_you_mean(name, TEMPLATES, "see `imscope manufacture template --list`"),
            code=codes.PLAN_FILE,
        )
    place = files("imscope.decisions.manufacture") / "templates" / f"{name}.yaml"
    return place.read_text(encoding="utf-8")


def read_template(name: str) -> Plan:
    """Read a template as a plan.

    Parameters
    ----------
    name
        One of :data:`TEMPLATES`.

    Examples
    --------
    >>> read_template("imsc-wcb").sections["process"]["source"]["kind"]
    'ipsc_wcb'
    """
    return read_plan(yaml.safe_load(template_text(name)))
