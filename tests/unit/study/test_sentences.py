"""A lint over sentences: sides and quantity named, no code word, no internal name."""

import itertools
import re

import pytest

from imscope.core.schema import SAMPLES, TABLES
from imscope.study.verdicts import CLAIMS, CODE_WORDS, HOW, loss_words, plain, verdict_sentence

INTERNAL = {n for t in TABLES.values() for n in t.names if "_" in n} | {"primary_MSC"}


def lint(text):
    """Faults of one sentence."""
    faults = [f"code word {w}" for w in CODE_WORDS if re.search(rf"\b{w}\b", text)]
    faults += [f"internal name {w}" for w in INTERNAL if re.search(rf"\b{re.escape(w)}\b", text)]
    faults += [f"bare label {m}" for m in re.findall(r"\bclaim [A-D]\b", text, re.IGNORECASE)]
    begins = text[0].isupper() or text[0].isdigit() or text.startswith("iMSC")
    faults += [] if begins and text.endswith(".") else ["no sentence"]
    return faults


def claim(name, verdict, **more):
    return {
        "claim": name,
        "verdict": verdict,
        "test_group": "iMSC",
        "reference_group": "primary_MSC",
        "ratio": 0.5,
        "low": 0.4,
        "high": 0.6,
        "n_test": 4,
        "n_reference": 5,
        "reason": "cells within a unit: no lot has three samples along population_doublings",
    } | more


@pytest.mark.parametrize(
    ("name", "verdict"), list(itertools.product(CLAIMS, (*HOW, "INCONCLUSIVE", "NOT TESTABLE")))
)
def test_every_verdict_is_a_sentence_with_sides_and_quantity(name, verdict):
    said = verdict_sentence(claim(name, verdict), unit="lot")
    assert lint(said) == []
    assert "iMSC lot" in said
    assert "primary MSC lot" in said
    if verdict == "NOT TESTABLE":
        assert said.endswith("was not tested: no lot has three samples along population doublings.")
    else:
        assert "0.50 times the" in said
        assert "4 lots against 5" in said


def test_a_verdict_without_interval_says_so():
    said = verdict_sentence(claim("A", "INCONCLUSIVE", low=float("nan")), unit="lot")
    assert "without interval" in said
    assert "no ratio" in verdict_sentence(claim("B", "INCONCLUSIVE", ratio=None))


def test_one_clone_is_said_as_the_caveat():
    rows = SAMPLES.frame([{"sample": s} for s in "ab"]).assign(
        source_class="iMSC", clone="C1", donor=["D1", "D2"]
    )
    said = verdict_sentence(claim("A", "SUPERIOR"), rows, unit="lot")
    assert said.endswith("; all iMSC lots are of one clone, so others may differ.")
    several = verdict_sentence(claim("A", "SUPERIOR"), rows.assign(clone=["C1", "C2"]), unit="lot")
    assert "others may differ" not in several


def test_the_lint_finds_what_it_is_for():
    assert lint("Claim A: SUPERIOR. the test group is more uniform")
    assert lint("Quality control lost most by n_umi.")
    assert plain("n_umi too low") == "UMI per cell too low"
    assert loss_words("n_umi too low") == "too few UMI"
