"""The section of key regulators: words of grades, dots of units, a graph of 30 genes at most."""

import re

import pandas as pd

from imscope.core.schema import REGULATOR_PATHS, REGULATOR_RANK, REGULATOR_UNITS
from imscope.report.inputs import ReportInput
from imscope.report.regulator_graph import chosen_paths, path_graph
from imscope.report.sections.regulators import build

CAUSAL = re.compile(r"\b(master|drives|controls|changes)\b", re.IGNORECASE)


def report(n=25):
    rows = [
        {"regulator": f"R{k}", "family": f"R{k}", "kind": "regulator", "grade": "associated",
         "words": f"R{k} is more active in x than in y", "posterior": 0.2, "q": 0.01, "n_units": 6}
        for k in range(n)
    ]  # fmt: skip
    rows.append({"regulator": "CD44", "family": "CD44", "kind": "surface", "q": 0.01,
                 "words": "CD44 is a surface marker, higher in x"})  # fmt: skip
    units = [
        {"regulator": f"R{k}", "unit": f"L{u}", "side": "x less y", "activity": float(u)}
        for k in range(3)
        for u in range(4)
    ]
    paths = [
        {"from": f"R{k}", "via": f"V{k}" if k % 2 else "", "to": f"G{k}", "sign": "+-"[k % 2],
         "source": "toy"}
        for k in range(40)
    ]  # fmt: skip
    tables = {
        "regulator_rank": REGULATOR_RANK.frame(rows),
        "regulator_units": REGULATOR_UNITS.frame(units),
        "regulator_paths": REGULATOR_PATHS.frame(paths),
    }
    return ReportInput({}, tables, pd.DataFrame({"cell": []}))


def test_no_table_no_section():
    assert build(ReportInput({}, {}, pd.DataFrame({"cell": []}))) is None


def test_twenty_families_dots_and_graph():
    section = build(report())
    assert section.template == "regulators.html.j2"
    assert len(section.context["families"].rows) == 20
    assert [f.key for f in section.figures] == ["regulator_units", "regulator_paths"]
    assert str(section.figures[0].picture).count("<title>L") == 12
    assert "no regulator is shown to be a cause" in str(section.context["families"].notes)


def test_graph_holds_thirty_genes_at_most():
    paths = report().tables["regulator_paths"]
    drawn = chosen_paths(paths)
    nodes = {("f", n) for n in drawn["from"]} | {("v", n) for n in drawn["via"] if n}
    nodes |= {("t", n) for n in drawn["to"]}
    assert 25 < len(nodes) <= 30
    assert "stroke-dasharray" in str(path_graph(drawn, title="t", simulated=False))


def test_no_causal_verb_without_the_grade():
    section = build(report())
    words = [str(section.context), *(f"{f.title} {f.note}" for f in section.figures)]
    assert not CAUSAL.search(" ".join(words))
