"""Read and check the configuration of a run.

An unknown key is an error that names the nearest known one, because a misspelt setting that is
silently ignored decides a result nobody asked for.
"""

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pydantic

from imscope.core import codes
from imscope.core.errors import UsageError
from imscope.core.names import did_you_mean
from imscope.study.config import RunConfig
from imscope.study.plan import find_steps


@cache
def run_config_model() -> type[RunConfig]:
    """The configuration with the sections that steps declare themselves, each under its name."""
    own: dict[str, Any] = {
        s.name: (s.section, s.section())
        for s in find_steps()
        if s.section is not None and s.name not in RunConfig.model_fields
    }
    return pydantic.create_model("RunConfig", __base__=RunConfig, **own) if own else RunConfig


def run_config_schema() -> dict[str, Any]:
    """JSON Schema of the run configuration.

    Examples
    --------
    >>> run_config_schema()["title"]
    'RunConfig'
    """
    return run_config_model().model_json_schema()


def read_config(path: Path | None) -> RunConfig:
    """Read a configuration file (YAML, TOML or JSON by its ending), or give the defaults.

    Parameters
    ----------
    path
        YAML, TOML or JSON; ``None`` for the defaults.

    Raises
    ------
    UsageError
        The file is missing or not readable, a key is unknown or a value is out of range.

    Examples
    --------
    >>> read_config(None).path.n_components
    50
    """
    return parse_config(None if path is None else _load(path), source=str(path))


def parse_config(content: object, *, source: str = "configuration") -> RunConfig:
    """Check a configuration given as nested dictionaries.

    Parameters
    ----------
    content
        Sections by name, each a dictionary of settings; ``None`` for the defaults.
    source
        What an error calls the configuration.

    Raises
    ------
    UsageError
        With the first problem, the nearest known key where one is misspelt.

    Examples
    --------
    >>> parse_config({"path": {"resolution": 2}}).path.resolution
    2.0
    """
    try:
        return run_config_model().model_validate({} if content is None else content)
    except pydantic.ValidationError as error:
        raise _explain(error, source) from None


def _load(path: Path) -> object:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".json":
            return json.loads(text)
        if path.suffix == ".toml":
            return tomllib.loads(text)
        if path.suffix in {".yaml", ".yml"}:
            import yaml

            return yaml.safe_load(text)
    except OSError as error:
        problem = f"cannot read the configuration {path}"
        raise UsageError(problem, found=error.strerror or str(error)) from None
    except ValueError as error:  # JSON, TOML and text encoding errors
        raise _unreadable(path, error) from None
    except Exception as error:
        if type(error).__module__.startswith("yaml"):
            raise _unreadable(path, error) from None
        raise
    raise UsageError(
        f"the configuration {path} has an ending imscope does not know",
        found=path.suffix or "no ending",
        fix="use .yaml, .toml or .json",
        code=codes.CONFIG_VALUE,
    )


def _unreadable(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"the configuration {path} is not valid {path.suffix[1:].upper()}",
        found=" ".join(str(error).split())[:200],
        fix="correct the file at the place named",
        code=codes.CONFIG_VALUE,
    )


def _explain(error: pydantic.ValidationError, source: str) -> UsageError:
    problems = error.errors()
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    place = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        known = _known_keys(first["loc"][:-1])
        fix = did_you_mean(first["loc"][-1], known, f"known keys here: {', '.join(known)}")
        return UsageError(
            f"{source} has the unknown key {place!r}{more}", fix=fix, code=codes.CONFIG_KEY
        )
    return UsageError(
        f"{source} has a wrong value for {place!r}{more}"
        if place
        else f"{source} is not a mapping",
        found=repr(first.get("input"))[:120],
        fix=first["msg"],
        code=codes.CONFIG_VALUE,
    )


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model: Any = run_config_model()
    for part in location:
        model = model.model_fields[str(part)].annotation
    return list(model.model_fields)
