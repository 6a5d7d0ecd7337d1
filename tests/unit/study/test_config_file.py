import json

import pytest

from imscope.core.errors import UsageError
from imscope.study.config import RunConfig
from imscope.study.config_file import parse_config, read_config, run_config_schema


def test_the_nearest_key_is_suggested():
    with pytest.raises(UsageError, match=r"unknown key .path\.resolutoin.") as caught:
        parse_config({"path": {"resolutoin": 2}})
    assert caught.value.fix == "did you mean resolution?"
    assert caught.value.code == "E-CONFIG-KEY"
    assert caught.value.exit_code == 2


def test_a_far_off_key_lists_the_known_ones():
    with pytest.raises(UsageError, match="unknown key 'zzz'") as caught:
        parse_config({"zzz": 1})
    assert "heterogeneity" in caught.value.fix


@pytest.mark.parametrize(
    "content",
    [
        {"seed": -1},
        {"seed": "many"},
        {"path": {"n_components": 1}},
        {"qc": 3},
        {"heterogeneity": {"margin_low": 1.2}},
        {"input": {"matrix": "fpkm"}},
        [],
        "text",
    ],
)
def test_wrong_values_have_one_code(content):
    with pytest.raises(UsageError) as caught:
        parse_config(content)
    assert caught.value.code == "E-CONFIG-VALUE"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.yaml", "seed: 7\npath:\n  resolution: 0.5\n"),
        ("c.toml", "seed = 7\n[path]\nresolution = 0.5\n"),
        ("c.json", '{"seed": 7, "path": {"resolution": 0.5}}'),
    ],
)
def test_three_formats_say_the_same(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text)
    config = read_config(file)
    assert (config.seed, config.path.resolution) == (7, 0.5)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.yaml", "seed: [1"),
        ("c.yaml", "!!python/object/apply:os.system ['true']"),
        ("c.toml", "seed ="),
        ("c.json", "{"),
        ("c.ini", "seed=1"),
    ],
)
def test_unreadable_files_are_usage_errors(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(UsageError):
        read_config(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="nothing"):
        read_config(tmp_path / "nothing.yaml")


def test_an_empty_file_gives_the_defaults(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("")
    read, default = read_config(file).model_dump(), RunConfig().model_dump()
    assert {name: read[name] for name in default} == default
    assert read["safety"] == {"dose_cells": None}  # a step's own section


def test_every_setting_is_described():
    schema = run_config_schema()
    json.dumps(schema)
    for name, section in schema["$defs"].items():
        for key, field in section["properties"].items():
            assert "description" in field, f"{name}.{key}"
