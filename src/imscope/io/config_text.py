"""YAML of unknown origin: bounded in size and depth, without anchors that multiply."""

from typing import Any

MAX_BYTES = 2 * 2**20
"""Bytes of a configuration file."""
MAX_DEPTH = 60


def read_yaml(text: str) -> Any:
    """Read a YAML document.

    Parameters
    ----------
    text
        Plain data: mappings, lists, numbers, text, dates.

    Raises
    ------
    ValueError
        No YAML, nested too deeply, or with anchors and aliases, which can stand for far more than
        the file holds.

    Examples
    --------
    >>> read_yaml("qc: {min_umi: 500}")
    {'qc': {'min_umi': 500}}
    """
    import yaml

    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError(f"an alias (*{event.anchor}); write the value out")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise ValueError(f"nested deeper than {MAX_DEPTH}")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
