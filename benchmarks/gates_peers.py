"""Gates by COMET, NS-Forest, COSG, hypergate, a decision tree and imscope on the same split.

    python benchmarks/gates_peers.py

Reads `cite/pbmc_rna_adt/pbmc_10x_10k.h5ad` below IMSCOPE_SHARED_DATA (or `../shared/data`), keeps
RNA of surface genes, and splits the labelled cells 70 to 30. Each program sees the training cells
only, in a fresh process of its own environment, and says for each cluster which gate its answer
implies; every gate is judged on the same unseen cells. Programs that cannot run here are skipped
and the table says why. Writes `results/gates_peers.tsv` and `docs/gates-peers.md`.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parent
DATA = Path(os.environ.get("IMSCOPE_SHARED_DATA", ROOT.parent / "shared" / "data"))
PEERS = os.environ.get("IMSCOPE_BENCH_PEERS", str(HERE / ".peers" / "bin" / "python"))
COMET = os.environ.get("IMSCOPE_BENCH_COMET", "")
COLUMNS = (
    "program",
    "cluster",
    "n_train",
    "n_test",
    "gate",
    "train_f1",
    "unseen_f1",
    "cpu_s",
    "note",
)
NAMES = {
    "imscope": "imscope, nested choice", "imscope_k4": "imscope, exact, 4 markers",
    "cosg": "COSG, best gene", "nsforest": "NS-Forest", "tree": "decision tree, depth 4, best path",
    "comet": "COMET", "hypergate": "hypergate",
}  # fmt: skip


# ---- sides: each reads a split and returns {cluster: [[gene, sign, cut], ...]} -------------------


def imscope(split):
    """Nested choice of size and grid, then the exact gate."""
    return _own(split, None)


def imscope_k4(split):
    """Exact gate of four markers without any choice."""
    return _own(split, 4)


def _own(split, size):
    from imscope.analyses.gates.nested import Choice, Problem, SearchSpace, choose, fit_choice

    x, label, genes = split["x"], split["label"], split["genes"]
    space = SearchSpace(per_sign=(3,), kinds=("pooled",))
    zero = np.zeros(len(x), dtype=np.int64)
    out = {}
    for cluster in np.unique(label):
        free = np.zeros(x.shape[1], dtype=bool)
        problem = Problem(x.astype(np.float64), label == cluster, zero, zero, "rna", free)
        choice = Choice(size, 3, "pooled") if size else choose(problem, space)
        gate = fit_choice(problem, space, choice)[0][choice.size - 1][0]
        rows = zip(gate.marker, gate.above, gate.cut, strict=True)
        out[cluster] = [[genes[m], "+" if a else "-", float(t)] for m, a, t in rows]
    return out


def _annotated(split):
    import anndata as ad
    import pandas as pd

    x = split["x"].astype(np.float32)
    size = x.sum(axis=1, keepdims=True)
    norm = np.log1p(x / np.maximum(size, 1) * np.median(size))
    cells = ad.AnnData(norm, obs=pd.DataFrame({"label": pd.Categorical(split["label"])}))
    cells.obs_names = [f"c{i}" for i in range(len(x))]
    cells.var_names = list(split["genes"])
    return cells


def cosg(split):
    """Best gene by cosine similarity; cut at 0, since it names none."""
    import cosg as tool

    cells = _annotated(split)
    tool.cosg(cells, key_added="cosg", groupby="label", n_genes_user=3)
    names = cells.uns["cosg"]["names"]
    return {c: [[str(names[c][0]), "+", 0.0]] for c in np.unique(split["label"])}


def nsforest(split):
    """Combination NS-Forest reports for each cluster; cut at 0."""
    import ast

    import nsforest as tool

    cells = _annotated(split)
    keep = np.asarray((cells.X > 0).sum(axis=0)).ravel() > 3
    cells = cells[:, keep].copy()
    cells.uns["log1p"] = {"base": None}
    cells = tool.pp.prep_medians(cells, "label")
    cells = tool.pp.prep_binary_scores(cells, "label")
    folder = tempfile.mkdtemp() + "/"
    found = tool.nsforesting.NSForest(
        cells, "label", output_folder=folder, outputfilename_prefix="x"
    )
    out = {}
    for name, markers in zip(found["clusterName"], found["NSForest_markers"], strict=True):
        genes = ast.literal_eval(markers) if isinstance(markers, str) else list(markers)
        out[str(name)] = [[g, "+", 0.0] for g in genes]
    return out


def tree(split):
    """Leaf of a depth-4 tree with the best F1; its path is the gate."""
    from sklearn.tree import DecisionTreeClassifier

    out = {}
    for cluster in np.unique(split["label"]):
        y = split["label"] == cluster
        fit = DecisionTreeClassifier(max_depth=4, random_state=0).fit(split["x"], y).tree_
        paths, best = [(0, [])], (-1.0, [])
        while paths:
            node, path = paths.pop()
            if fit.children_left[node] < 0:
                inside = apply(path, split)
                tp = (inside & y).sum()
                f1 = 2 * tp / max(inside.sum() + y.sum(), 1)
                best = max(best, (f1, path), key=lambda b: b[0]) if path else best
                continue
            gene, cut = str(split["genes"][fit.feature[node]]), float(fit.threshold[node])
            paths.append((fit.children_left[node], [*path, [gene, "-", cut]]))
            paths.append((fit.children_right[node], [*path, [gene, "+", cut]]))
        out[cluster] = best[1]
    return out


SIDES = {
    "imscope": imscope,
    "imscope_k4": imscope_k4,
    "cosg": cosg,
    "nsforest": nsforest,
    "tree": tree,
}


# ---- the bench -----------------------------------------------------------------------------------


def apply(gate, split):
    """Cells inside a gate."""
    genes = list(split["genes"])
    inside = np.ones(len(split["x"]), dtype=bool)
    for gene, sign, cut in gate:
        v = split["x"][:, genes.index(gene)]
        inside &= v > cut if sign == "+" else v <= cut
    return inside


def f1(gate, split, cluster):
    """F1 of a gate; 0 for none."""
    y = split["label"] == cluster
    inside = apply(gate, split) if gate else np.zeros(len(y), dtype=bool)
    return 2 * (inside & y).sum() / max(inside.sum() + y.sum(), 1)


def make_split(folder):
    """Labelled cells, surface genes with an antibody, 70 to 30 within each label."""
    from imscope.analyses.gates.candidates import candidate_markers
    from imscope.analyses.gates.cells import open_gate_cells
    from imscope.analyses.gates.evaluate import Measured, gather_values

    stock = DATA / "surface" / "antibody_availability.tsv"
    with open_gate_cells(DATA / "cite" / "pbmc_rna_adt" / "pbmc_10x_10k.h5ad") as cells:
        table = candidate_markers(cells.genes, antibodies=stock if stock.exists() else None)
        genes = table.loc[table["status"] != "excluded", "feature"].tolist()
        found = Measured(dict.fromkeys(genes, "rna"), {g: g for g in genes})
        x = gather_values(found, cells.proteins, cells.genes, cells.source).to_numpy()
        label = cells.obs["label"].astype(str).to_numpy(dtype="U40")
    known = label != "unknown"
    x, label = x[known].astype(np.int32), label[known]
    rng = np.random.default_rng(0)
    train = np.zeros(len(label), dtype=bool)
    for name in np.unique(label):
        at = rng.permutation(np.flatnonzero(label == name))
        train[at[: round(0.7 * len(at))]] = True
    paths = []
    for name, rows in (("train", train), ("test", ~train)):
        paths.append(folder / f"{name}.npz")
        np.savez(paths[-1], x=x[rows], label=label[rows], genes=np.array(genes))
    return paths


def read_split(path):
    """Read a split; nothing in it is an object."""
    with np.load(path) as file:
        return {k: file[k] for k in ("x", "label", "genes")}


def run_side(name, train):
    """Run one side in a fresh process; return gates and CPU, or why it was skipped."""
    if name == "comet":
        why = (
            "needs Python 3.6 with COMETSC 0.1.13; set IMSCOPE_BENCH_COMET to it"
            if not COMET
            else ""
        )
        return None, why or "a run of COMET is not automated; its environment was found"
    if name == "hypergate":
        return None, "GPL-3 program for R; Rscript is " + (
            "there, but a run is not automated" if shutil.which("Rscript") else "not installed"
        )
    own = name.startswith("imscope")
    python = sys.executable if own else PEERS
    if not own and not Path(python).exists():
        return None, "peers are not installed: run benchmarks/peers.sh or set IMSCOPE_BENCH_PEERS"
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    env["PYTHONPATH"] = str(ROOT / "src") if own else ""
    done = subprocess.run(
        [python, str(Path(__file__).resolve()), name, str(train)],
        capture_output=True, text=True, env=env, check=False,
    )  # fmt: skip
    if done.returncode:
        return None, "ended with an error: " + done.stderr.strip().splitlines()[-1][:160]
    return json.loads(done.stdout.strip().splitlines()[-1]), ""


def side(name, path):
    """Inside the process of one side."""
    split = read_split(path)
    if name.startswith("imscope"):  # compiling is not what is compared
        SIDES[name]({**split, "x": split["x"][::20], "label": split["label"][::20]})
    start = time.process_time()
    gates = SIDES[name](split)
    print(json.dumps({"gates": gates, "cpu_s": time.process_time() - start}))


def main():
    """Run all, write the table and the page."""
    if not (DATA / "cite").is_dir():
        print("gates_peers: skipped, the shared data are not here (IMSCOPE_SHARED_DATA)")
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        paths = make_split(Path(folder))
        train, test = map(read_split, paths)
        for name in (*SIDES, "comet", "hypergate"):
            found, why = run_side(name, paths[0])
            if found is None:
                rows.append((name, "-", "-", "-", "-", "-", "-", "-", f"skipped: {why}"))
                print(f"{name}: skipped: {why}", file=sys.stderr, flush=True)
                continue
            for cluster in np.unique(train["label"]).tolist():
                gate = found["gates"].get(cluster, [])
                text = " ".join(f"{g}{s}({c:g})" for g, s, c in gate) or "none"
                n = [(s["label"] == cluster).sum() for s in (train, test)]
                scores = [f"{f1(gate, s, cluster):.3f}" for s in (train, test)]
                rows.append((name, cluster, *n, text, *scores, f"{found['cpu_s']:.2f}", ""))
            print(f"{name}: {found['cpu_s']:.2f} CPU s", file=sys.stderr, flush=True)
    out = HERE / "results" / "gates_peers.tsv"
    lines = ["\t".join(COLUMNS), *("\t".join(map(str, r)) for r in rows)]
    out.write_text("\n".join(lines) + "\n")
    write_page(out)


def write_page(path):
    """Make docs/gates-peers.md from the table."""
    with path.open() as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    ran = [n for n in NAMES if any(r["program"] == n and r["cluster"] != "-" for r in rows)]
    clusters = sorted({r["cluster"] for r in rows if r["cluster"] != "-"})
    by = {(r["program"], r["cluster"]): r for r in rows}
    text = [
        "# Gates beside other programs\n",
        "Made by `benchmarks/gates_peers.py`, which `make bench` runs. RNA of surface genes of one "
        "donor (10k PBMC), labelled cells split 70 to 30; each program sees the training cells "
        "only. The figure is the F1 of the gate its answer implies, on unseen cells of the same "
        "donor. Programs that name genes but no thresholds are cut at 0. The labels behave like "
        "gates on the proteins, so they judge gates on RNA, not on protein. Clusters with few "
        "cells are noise.\n",
        "| cluster (training, test cells) | " + " | ".join(NAMES[n] for n in ran) + " |",
        "|---|" + "---|" * len(ran),
    ]
    for c in clusters:
        first = by[(ran[0], c)]
        values = " | ".join(by[(n, c)]["unseen_f1"] for n in ran)
        text.append(f"| {c} ({first['n_train']}, {first['n_test']}) | {values} |")
    mean = [np.mean([float(by[(n, c)]["unseen_f1"]) for c in clusters]) for n in ran]
    text.append("| mean | " + " | ".join(f"{m:.3f}" for m in mean) + " |")
    cpu = " | ".join(by[(n, clusters[0])]["cpu_s"] for n in ran)
    text.append(f"| CPU s, all clusters | {cpu} |\n")
    text.append("## Gates\n\n| program | cluster | gate |\n|---|---|---|")
    text += [f"| {NAMES[n]} | {c} | `{by[(n, c)]['gate']}` |" for n in ran for c in clusters]
    skipped = [r for r in rows if r["cluster"] == "-"]
    if skipped:
        text.append("\n## Not run\n")
        text += [f"- {NAMES[r['program']]}: {r['note'].removeprefix('skipped: ')}" for r in skipped]
    (ROOT / "docs" / "gates-peers.md").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        side(sys.argv[1], sys.argv[2])
    else:
        main()
