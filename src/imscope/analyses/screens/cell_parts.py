"""Parts of a single-cell screen: who got which guide, and results as tables."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from imscope.analyses.screens.cell_settings import CellSettings, need_control
from imscope.analyses.screens.guide_calls import assign_guides
from imscope.analyses.screens.responders import find_responders, local_signature, response_share
from imscope.analyses.screens.target_scores import TargetEffects
from imscope.analyses.screens.target_shares import contrast_units, unit_shares
from imscope.core import codes
from imscope.core.errors import DataError
from imscope.core.schema import (
    SCREEN_CALLS,
    SCREEN_EFFECTS,
    SCREEN_RESPONDERS,
    SCREEN_SHARES,
    SCREEN_TARGETS,
)
from imscope.io.notice import first_few
from imscope.stats.adjust import benjamini_hochberg

if TYPE_CHECKING:
    import pandas as pd

    from imscope.io.cell_screens import CellScreenData

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
CONTROL_WORDS = (
    "non-targeting",
    "nontargeting",
    "non_targeting",
    "nt",
    "ntc",
    "control",
    "negative_control",
    "safe-targeting",
    "nt_control",
)
PROGRAMMES_PER_TABLE = 40


@dataclass(frozen=True, eq=False)
class Assigned:
    """Cells with one guide, their targets and units; arrays follow ``used`` but for two.

    ``only`` and ``cell_class`` have one entry per cell of the file.
    """

    used: Integers
    guide: Integers
    target: Integers
    control: NDArray[np.bool_]
    batch: Integers | None
    unit: Integers
    targets: list[str]
    control_name: str
    calls: "pd.DataFrame"
    ledger: list[tuple[str, str, int, str]]
    notes: list[str]
    moi: float
    expected_multiple: float
    observed_multiple: float
    only: Integers
    cell_class: NDArray[np.str_]


def assign_cells(data: "CellScreenData", settings: CellSettings) -> Assigned:
    """Call guides, keep cells with one, and name targets, batches and replicate units.

    Raises
    ------
    DataError
        No control cells, or a column that does not exist.
    """
    import pandas as pd

    calls = assign_guides(data.guides, method=settings.assign, threshold=settings.threshold)
    only = calls.only_guide()
    owner = np.array(data.targets, dtype=object)
    named = np.array([bool(t) for t in data.targets])
    ok = (only >= 0) & named[only]
    used = np.flatnonzero(ok)
    lower = {t.lower(): t for t in data.targets if t}
    wanted = (
        settings.control
        if settings.control in data.targets
        else next((lower[w] for w in (settings.control.lower(), *CONTROL_WORDS) if w in lower), "")
    )
    names = sorted({t for t in data.targets if t and t != wanted})
    control = owner[only[used]] == wanted
    need_control(int(control.sum()) if wanted else 0, wanted or settings.control, names)
    number = {t: k for k, t in enumerate(names)}
    target = np.array([number.get(t, -1) for t in owner[only[used]]], dtype=np.int64)
    batch = _column(data, settings.replicate, used)
    unit = only[used].astype(np.int64)
    if batch is not None:
        unit = unit * (int(batch.max(initial=0)) + 1) + batch
    notes = [f"{n.code}: {n.message}" for n in data.notices]
    if settings.moi > 0 and not 0.5 < calls.moi / settings.moi < 2:
        notes.append(
            f"{codes.W_SCREEN_MOI}: {calls.moi:.2f} guides per cell were found, "
            f"{settings.moi:g} were stated"
        )
    single = np.bincount(only[only >= 0], minlength=len(data.guide_names))
    table = pd.DataFrame(
        {
            "guide": data.guide_names,
            "target": data.targets,
            "n_cells": np.asarray(calls.calls.sum(axis=0)).ravel().astype(np.int64),
            "n_single": single.astype(np.int64),
            "ambient": calls.ambient,
        }
    )
    some = calls.n_guides > 0
    ledger: list[tuple[str, str, int, str]] = [
        ("cells", "no guide", int((calls.n_guides == 0).sum()), ""),
        ("cells", "more than one guide", int((calls.n_guides > 1).sum()), ""),
    ]
    lost = [g for g, t in zip(data.guide_names, data.targets, strict=True) if not t]
    if lost:
        ledger.append(("guides", "no target in the library", len(lost), first_few(lost)))
    return Assigned(
        used,
        only[used],
        target,
        control,
        batch,
        unit,
        names,
        wanted,
        SCREEN_CALLS.check(table),
        ledger,
        notes,
        calls.moi,
        calls.expected_multiple,
        float((calls.n_guides[some] > 1).mean()) if some.any() else 0.0,
        only,
        calls.cell_class,
    )


def _column(data: "CellScreenData", name: str, used: Integers) -> Integers | None:
    if not name:
        return None
    if name not in data.obs.columns:
        raise DataError(
            f"the cells have no column {name!r}",
            found=", ".join(data.obs.columns[:10]),
            code=codes.SCREEN_OPTION,
        )
    values = data.obs[name].astype(str).to_numpy(dtype=str)[used]
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def effect_tables(
    got: TargetEffects, data: "CellScreenData", assigned: Assigned
) -> "dict[str, pd.DataFrame]":
    """Tables ``screen_effects`` (tested pairs) and the start of ``screen_targets``."""
    import pandas as pd

    genes = np.array(data.genes, dtype=object)
    cells = np.bincount(assigned.target[assigned.target >= 0], minlength=len(assigned.targets))
    t, g = np.nonzero(np.isfinite(got.p_value.T))
    q = benjamini_hochberg(got.p_value.T[t, g])
    effects = pd.DataFrame(
        {
            "target": np.array(assigned.targets, dtype=object)[t],
            "gene": genes[g],
            "n_cells": cells[t],
            "effect": got.effect.T[t, g] / np.log(2),
            "z": got.z.T[t, g],
            "p_value": got.p_value.T[t, g],
            "q_value": q,
            "tail": np.where(got.tail.T[t, g], "tail model", "exact moments"),
        }
    )
    effects = effects.sort_values(["p_value", "target", "gene"], kind="stable")
    where = {str(n): k for k, n in enumerate(genes)}
    own = [where.get(name, -1) for name in assigned.targets]
    k = np.arange(len(own))
    at = np.array(own)
    known = at >= 0
    tested = np.isfinite(got.p_value).sum(axis=0)
    hits = np.bincount(t, weights=q <= 0.05, minlength=len(own)).astype(np.int64)
    guides = [len(np.unique(assigned.guide[assigned.target == j])) for j in k]
    targets = pd.DataFrame(
        {
            "target": assigned.targets,
            "n_cells": cells.astype(np.int64),
            "n_guides": guides,
            "n_tested": tested.astype(np.int64),
            "n_genes": hits,
            "own_effect": np.where(known, got.effect[at, k], np.nan) / np.log(2),
            "own_p": np.where(known, got.p_value[at, k], np.nan),
            "energy": np.nan,
            "energy_p": np.nan,
            "energy_q": np.nan,
        }
    )
    return {
        "screen_effects": SCREEN_EFFECTS.check(effects.reset_index(drop=True)),
        "screen_targets": SCREEN_TARGETS.check(targets),
    }


def responder_table(
    log: Floats, points: Floats, effects: "pd.DataFrame", data: "CellScreenData", assigned: Assigned
) -> tuple[Floats, "pd.DataFrame"]:
    """Posterior of response of every cell used, and table ``screen_responders`` per guide."""
    import pandas as pd

    posterior = np.full(len(assigned.used), np.nan)
    signature = np.zeros_like(log)
    strata = assigned.batch if assigned.batch is not None else np.zeros(len(log), dtype=np.int64)
    for b in np.unique(strata):
        here = np.flatnonzero(strata == b)
        if assigned.control[here].sum() > 2:
            signature[here] = local_signature(log[here], points[here, :15], assigned.control[here])
    index = {str(g): k for k, g in enumerate(data.genes)}
    significant = effects[effects["q_value"] <= 0.05]
    rows: list[tuple[Any, ...]] = []
    for t, name in enumerate(assigned.targets):
        mine = assigned.target == t
        genes = [
            index[g] for g in significant.loc[significant["target"] == name, "gene"] if g != name
        ][:100]
        if not mine.any():
            continue
        got = find_responders(signature, mine, assigned.control, np.array(genes, dtype=np.int64))
        posterior[mine] = got.posterior
        for g in np.unique(assigned.guide[mine]):
            own = posterior[mine & (assigned.guide == g)]
            share, low, high = response_share(own)
            rows.append((name, data.guide_names[g], len(own), share, low, high, got.reason))
    table = pd.DataFrame(rows, columns=[c.name for c in SCREEN_RESPONDERS.columns])
    return posterior, SCREEN_RESPONDERS.check(table)


def share_tables(
    counts: sp.csr_array, data: "CellScreenData", assigned: Assigned, settings: CellSettings
) -> "pd.DataFrame":
    """Table ``screen_shares``: subsets (when a column is named) and functional programmes."""
    import pandas as pd

    units, code = np.unique(assigned.unit, return_inverse=True)
    owner = np.full(len(units), -1)
    owner[code] = np.where(assigned.control, len(assigned.targets), assigned.target)
    size = np.bincount(code, minlength=len(units)).astype(np.float64)
    enough = size >= 5
    parts = []
    if settings.subset:
        if settings.subset not in data.obs.columns:
            raise DataError(
                f"the cells have no column {settings.subset!r}",
                found=", ".join(data.obs.columns[:10]),
                code=codes.SCREEN_OPTION,
            )
        text = data.obs[settings.subset].astype(str).to_numpy(dtype=str)[assigned.used]
        names, label = np.unique(text, return_inverse=True)
        odds = unit_shares(label, code, len(units), len(names))
        parts.append(("subset", [str(n) for n in names], odds))
    names_p, scores = _programmes(counts, data, assigned)
    if names_p:
        mean = np.zeros((len(units), len(names_p)))
        np.add.at(mean, code, scores)
        parts.append(("programme", names_p, mean / size[:, None]))
    rows = []
    for kind, names_k, values in parts:
        got = contrast_units(values[enough], size[enough], owner[enough], len(assigned.targets))
        for t, name in enumerate(assigned.targets):
            rows += [
                (
                    name,
                    kind,
                    str(n),
                    got.difference[t, j],
                    got.low[t, j],
                    got.high[t, j],
                    got.p_value[t, j],
                    int(got.n_units[t]),
                )
                for j, n in enumerate(names_k)
            ]
    columns = [c.name for c in SCREEN_SHARES.columns if c.name != "q_value"]
    table = pd.DataFrame(rows, columns=columns)
    if not len(table):
        return pd.DataFrame(columns=[c.name for c in SCREEN_SHARES.columns])
    table["q_value"] = benjamini_hochberg(table["p_value"])
    return SCREEN_SHARES.check(table)


def _programmes(
    counts: sp.csr_array, data: "CellScreenData", assigned: Assigned
) -> tuple[list[str], Floats]:
    """Scores of functional and state programmes with five genes or more, in control sd."""
    from imscope.core.blocks import MemoryBlocks
    from imscope.engine.rank_scores import score_ranks
    from imscope.evidence.gene_sets import load

    where = {str(g): k for k, g in enumerate(data.genes)}
    chosen = {
        name: [where[g] for g in s.genes if g in where]
        for name, s in load().items()
        if s.family in ("function", "state", "cell_cycle", "senescence", "lineage")
    }
    chosen = {n: genes for n, genes in chosen.items() if len(genes) >= 5}
    if not chosen:
        return [], np.empty((counts.shape[0], 0))
    source = MemoryBlocks.from_csr(sp.csr_array(counts))
    scores = score_ranks(source, list(chosen.values())).scores.astype(np.float64)
    spread = scores[assigned.control].std(axis=0, ddof=1)
    return list(chosen), (scores - scores[assigned.control].mean(axis=0)) / np.where(
        spread > 0, spread, 1
    )
