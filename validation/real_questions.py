"""One row per question with a known answer: `python -m validation.real_questions`.

Public cells only. A question is answered by the package as a user would ask it; the answer is right,
refused (it says that it cannot tell, and why) or wrong.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.analyses.heterogeneity import (
    Heterogeneity,
    compare,
    compute_heterogeneity,
    describe_claims,
    index_table,
    with_floor,
)
from imscope.core.blocks import MemoryBlocks
from imscope.core.errors import ImscopeError
from imscope.io.genes import gene_classes, map_genes
from validation import study_real_function
from validation.common import rng_of
from validation.study_real import ROOT

PAGE = Path(__file__).parents[1] / "docs" / "validation-real.md"
LINES, MIXTURES = (
    f"cell_line_mixture_3lines/{name}.h5ad"
    for name in ("three_lines_single_cells", "rna_mixture_celseq2")
)
PITT, STIM = "cite/pbmc_rna_adt/pbmc_pitt_1k.h5ad", "pbmc_ifnb_stimulation/pbmc_ctrl_vs_ifnb.h5ad"
NONE, PURE = "no difference", "the pure one"


@dataclass(frozen=True)
class Answer:
    """One question with its answer."""

    data: str
    question: str
    truth: str
    answer: str
    outcome: str


@dataclass(frozen=True)
class Real:
    """Cells of one file."""

    counts: sp.csr_array
    features: pd.DataFrame
    obs: pd.DataFrame

    def measured(
        self, rows: NDArray[np.integer], counts: sp.csr_array | None = None, **columns: object
    ) -> Heterogeneity:
        """Some cells with the columns given."""
        frame = pd.DataFrame({k: np.asarray(v) for k, v in columns.items()}, index=range(len(rows)))
        taken = self.counts[rows] if counts is None else counts
        return compute_heterogeneity(
            MemoryBlocks.from_csr(taken),
            self.features,
            frame,
            classes=gene_classes(self.features),
            threads=1,
        )


def read(name: str) -> Real:
    """Open one file."""
    import anndata

    data = anndata.read_h5ad(ROOT / name)
    features, _ = map_genes(data.var_names.tolist())
    return Real(sp.csr_array(data.X).astype(np.int32), features, data.obs)


def deal(rng: np.random.Generator, rows: NDArray[np.integer], lots: int) -> NDArray[np.int64]:
    """Deal cells to lots of one size at random."""
    return np.argsort(rng.permutation(len(rows))) % lots


def judged(data: str, question: str, truth: str, h: Heterogeneity, **words: str) -> Answer:
    """Ask claim A of two groups; ``truth`` is no difference, or the test group is more uniform."""
    row = compare(h, **words).set_index("claim").loc["A"]
    verdict = str(row["verdict"])
    shown = verdict if pd.isna(row["ratio"]) else (
        f"{verdict}, ratio {row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
    )  # fmt: skip
    claimed = verdict in ("SUPERIOR", "INFERIOR")
    if truth == PURE:
        outcome = "right" if verdict == "SUPERIOR" else "wrong" if claimed else "refused"
        outcome = "wrong" if verdict == "EQUIVALENT" else outcome
    else:
        outcome = "wrong" if claimed else "refused" if verdict == "NOT TESTABLE" else "right"
    return Answer(data, question, truth, shown, outcome)


def against_pool(data: str, h: Heterogeneity, names: list[str], what: str) -> Iterator[Answer]:
    """Is each sample more alike than all of them together."""
    table = describe_claims(h).set_index("test_group")
    for name in names:
        row = table.loc[name]
        answer = f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f}) of the pool"
        if row["verdict"] == "NOT TESTABLE":
            answer, outcome = f"NOT TESTABLE: {row['reason']}", "refused"
        else:
            outcome = "right" if row["high"] < 1 else "wrong" if row["low"] > 1 else "refused"
        yield Answer(data, f"Are {name} more alike than {what}?", "yes", answer, outcome)


def lines() -> Iterator[Answer]:
    """Three pure lines by two protocols."""
    real = read(LINES)
    obs = real.obs
    good = (obs["demuxlet_cls"].astype(str) == "SNG") & (obs["outliers"].astype(str) != "True")
    line, protocol = (obs[c].astype(str).to_numpy() for c in ("cell_line", "protocol"))
    for kind in ("CEL-seq2", "Drop-seq"):
        data = f"three cell lines, {kind}"
        rows = np.flatnonzero(good.to_numpy() & (protocol == kind))
        h = real.measured(rows, sample=line[rows], platform=[kind] * len(rows))
        yield from against_pool(data, h, sorted(set(line[rows])), "the three lines together")
        lot = deal(rng_of("deal", kind), rows, 8)
        arm = np.where(lot < 4, "a", "b")
        mixed = real.measured(rows, sample=lot.astype(str), lot=lot.astype(str), arm=arm,
                              platform=[kind] * len(rows))  # fmt: skip
        yield judged(data, "All cells dealt at random to 4 v 4 lots: is one group more uniform?",
                     NONE, mixed, by="arm", unit="lot", test="a", reference="b")  # fmt: skip
        pure, other = rows[line[rows] == "H1975"], rows[line[rows] != "H1975"]
        both = np.concatenate([pure, other])
        names = np.concatenate([
            [f"pure{k}" for k in deal(rng_of("pure", kind), pure, 3)],
            [f"mixed{k}" for k in deal(rng_of("mixed", kind), other, 3)],
        ])  # fmt: skip
        arms = np.where(np.char.startswith(names.astype(str), "pure"), "pure", "mixed")
        h = real.measured(both, sample=names, lot=names, arm=arms, platform=[kind] * len(both))
        yield judged(data, "3 lots of H1975 v 3 lots of the two other lines: which is more uniform?",
                     PURE, h, by="arm", unit="lot", test="pure", reference="mixed")  # fmt: skip
    rows = np.flatnonzero(good.to_numpy())
    for platform, words in ((["one scheme"] * len(rows), "named as one scheme"),
                            (protocol[rows], "named as they are")):  # fmt: skip
        names = [f"{a} {b}" for a, b in zip(line[rows], protocol[rows], strict=True)]
        h = real.measured(rows, sample=names, line=line[rows], batch=protocol[rows],
                          platform=platform)  # fmt: skip
        yield judged("three cell lines, both protocols",
                     f"Does one protocol, {words}, deliver more uniform cells?", NONE, h,
                     by="batch", unit="line", test="CEL-seq2", reference="Drop-seq")  # fmt: skip
    yield from wells(real, good.to_numpy(), line, protocol)


def wells(
    real: Real, good: NDArray[np.bool_], line: NDArray[np.str_], protocol: NDArray[np.str_]
) -> Iterator[Answer]:
    """Wells of one RNA: they differ by technique only."""
    rows = np.flatnonzero(good & (protocol == "CEL-seq2"))
    h = real.measured(rows, sample=line[rows], platform=["CEL-seq2"] * len(rows))
    least = float(index_table(h, "sample", threads=1)["hi2_low"].min())
    mixtures = read(MIXTURES)
    amount = mixtures.obs["mRNA_amount"].astype(float).to_numpy()
    for pg in (30.0, 15.0, 7.5, 3.75):
        rows = np.flatnonzero(amount == pg)
        mix = mixtures.obs["mix"].astype(str).to_numpy()[rows]
        question = f"Do wells of one RNA at {pg:g} pg differ less than the cells of any pure line?"
        try:
            h = with_floor(
                mixtures.measured(rows, sample=mix, platform=["CEL-seq2"] * len(rows),
                                  is_pool=["true"] * len(rows)),
                "is_pool=true",
            )  # fmt: skip
            floor = h.floors[0]
            assert floor is not None
            right = floor.high < least
            answer = f"floor {floor.hi2:.3f} ({floor.low:.3f} to {floor.high:.3f}), lines {least:.3f} at least"
            outcome = "right" if right else "wrong" if floor.low > least else "refused"
        except ImscopeError as error:
            answer, outcome = f"NOT TESTABLE: {error.problem}", "refused"
        yield Answer("RNA mixtures, CEL-seq2", question, "yes", answer, outcome)
    rows = np.flatnonzero(np.isin(amount, (30.0, 3.75)))
    mix = mixtures.obs["mix"].astype(str).to_numpy()[rows]
    names = [f"{m} {a:g}" for m, a in zip(mix, amount[rows], strict=True)]
    h = mixtures.measured(rows, sample=names, mix=mix, arm=amount[rows].astype(str),
                          platform=["CEL-seq2"] * len(rows))  # fmt: skip
    yield judged("RNA mixtures, CEL-seq2", "30 pg v 3.75 pg of the same RNA: which is more uniform?",
                 NONE, h, by="arm", unit="mix", test="30.0", reference="3.75")  # fmt: skip


def blood() -> Iterator[Answer]:
    """Blood cells of one donor with their types, and of two conditions."""
    real = read(PITT)
    label = real.obs["label"].astype(str).to_numpy()
    types = ["CD4+ T cells", "CD8+ T cells", "NK cells", "CD14+ monocytes", "B cells"]
    rows = np.flatnonzero(np.isin(label, types))
    h = real.measured(rows, sample=label[rows], platform=["10x"] * len(rows))
    # one type may well be more varied than the pool; their mean cannot be
    every = index_table(h, "all", threads=1).iloc[0]
    inside, low = float(every["hi2_within"]), float(every["hi2_low"])
    yield Answer(
        "blood cells, one donor",
        "Are the cells of one type, as a mean over five types, more alike than all together?",
        "yes",
        f"HI2 {inside:.3f} inside types, {every['hi2']:.3f} ({low:.3f} to {every['hi2_high']:.3f}) "
        "together",
        "right" if inside < low else "wrong" if inside > every["hi2_high"] else "refused",
    )
    for name in types[:3]:
        rows = np.flatnonzero(label == name)
        yield _lots(real, rows, f"{name} dealt at random to 4 v 4 lots: is one group more uniform?",
                    deal(rng_of("lots", name), rows, 8))  # fmt: skip
    rows = np.flatnonzero(label == types[0])
    lot = deal(rng_of("uneven", 0), rows, 16)
    lot = np.where(lot < 12, lot // 3, lot - 8)  # 4 lots of three parts, 4 lots of one part
    yield _lots(real, rows, "CD4+ T cells, 107 v 36 cells a lot: is one group more uniform?", lot)
    lot = deal(rng_of("shallow", 0), rows, 8)
    rng = rng_of("thin", 0)
    halved = real.counts[rows].tocoo()
    keep = np.where(lot[halved.row] < 4, rng.binomial(halved.data, 0.5), halved.data)
    halved = sp.csr_array((keep, (halved.row, halved.col)), shape=halved.shape, dtype=np.int32)
    halved.eliminate_zeros()
    yield _lots(
        real, rows, "CD4+ T cells, half the depth in one group: is it more uniform?", lot, halved
    )
    mono = np.flatnonzero(label == types[3])
    both = np.concatenate([rows, mono[:80]])
    lot = np.concatenate([deal(rng_of("impure", 0), rows, 8), 4 + np.arange(80) % 4])
    yield _lots(
        real, both, "4 lots of CD4+ T cells v 4 lots with a fifth of monocytes", lot, truth=PURE
    )
    stim = read(STIM)
    condition = stim.obs["condition"].astype(str).to_numpy()
    h = stim.measured(np.arange(len(condition)), sample=condition, condition=condition,
                      platform=["10x"] * len(condition))  # fmt: skip
    yield judged("blood cells, control and interferon", "One library each: is one more uniform?",
                 "cannot be said", h, by="condition", test="ctrl", reference="stim_IFNb")  # fmt: skip


def _lots(
    real: Real,
    rows: NDArray[np.integer],
    question: str,
    lot: NDArray[np.integer],
    counts: sp.csr_array | None = None,
    *,
    truth: str = NONE,
) -> Answer:
    names = [f"lot{k}" for k in lot]
    arm = np.where(np.asarray(lot) < 4, "a", "b")
    h = real.measured(rows, counts, sample=names, lot=names, arm=arm, platform=["10x"] * len(rows))
    return judged("blood cells, one donor", question, truth, h, by="arm", unit="lot", test="a",
                  reference="b")  # fmt: skip


def answers() -> list[Answer]:
    """Every question."""
    return [*lines(), *blood(), *function()]


def function() -> Iterator[Answer]:
    """Names, maps and programmes; see :mod:`validation.study_real_function`."""
    for row in study_real_function.run(False):
        outcome = "right" if row.met == "yes" else "wrong"
        answer = f"{row.ours} ({row.remark})" if row.remark else row.ours
        yield Answer(row.setting, f"{row.measure}?", row.expected, answer, outcome)


def write(rows: list[Answer], *before: str) -> None:
    """Write the page; ``before`` names commits earlier rows were made by."""
    root = Path(__file__).parents[1]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=False
    ).stdout.strip()  # fmt: skip
    count = {o: sum(r.outcome == o for r in rows) for o in ("right", "refused", "wrong")}
    head = (
        "<!-- Written by `python -m validation.real_questions`; do not edit. -->\n\n"
        "# Questions with a known answer\n\n"
        "Public cells whose truth is known: pure lines, wells of one RNA, typed blood cells, and "
        "lots dealt at random from one population. Each question is asked as a user would ask it. "
        "`refused` means that the answer says it cannot tell, and why; a comparison of like groups "
        "is right when neither is called more uniform. Sources: "
        "[doi:10.1038/s41592-019-0425-8](https://doi.org/10.1038/s41592-019-0425-8), "
        "[doi:10.1093/nar/gkaa314](https://doi.org/10.1093/nar/gkaa314), "
        "[doi:10.1038/nbt.4042](https://doi.org/10.1038/nbt.4042), "
        "[doi:10.1371/journal.pgen.1010073](https://doi.org/10.1371/journal.pgen.1010073).\n\n"
        f"{len(rows)} questions: {count['right']} right, {count['refused']} refused, "
        f"{count['wrong']} wrong (made at commit {', '.join([*before, commit])}).\n\n"
        "| data | question | truth | answer | outcome |\n|---|---|---|---|---|\n"
    )
    lines_of = [
        f"| {r.data} | {r.question} | {r.truth} | {r.answer.replace('|', '/')} | {r.outcome} |\n"
        for r in rows
    ]
    PAGE.write_text(head + "".join(lines_of), encoding="utf-8")


if __name__ == "__main__":
    made = answers()
    write(made)
    for r in made:
        print(f"{r.outcome:8} {r.data}: {r.question} {r.answer}")
