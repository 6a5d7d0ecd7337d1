"""From a sample sheet, a run and tables of results into the record, and back out as tables."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.decisions.release.criteria import RELATIONS, STATUSES
from imscope.decisions.release.plan import Plan
from imscope.registry.fold import State
from imscope.registry.record import Registry
from imscope.registry.runs import read_run, take_run

if TYPE_CHECKING:
    import pandas as pd

LEVELS = ("donor", "line", "clone", "lot", "sample")
RESULT_COLUMNS = (
    *("lot", "attribute", "method", "value", "unit", "relation", "lod", "low", "high", "status"),
    *("measured_at", "key", "supersedes", "reason"),
)


def register_lots(
    registry: Registry, sheet: Path, run: Path | None = None, *, dry_run: bool = False
) -> tuple[str, ...]:
    """Put the objects of a sample sheet on record, linked, and take the run in.

    Parameters
    ----------
    registry
        Open, with a person who writes.
    sheet
        Sample sheet; every sample names its lot.
    run
        Run folder of the same samples.
    dry_run
        Say what would be added and add nothing.

    Returns
    -------
    added
        One line for each object and link; empty when everything is there already.

    Raises
    ------
    DataError
        A sample has no lot.
    """
    from imscope.io.sheet import read_sheet

    table = read_sheet(sheet, check_paths=False).frame.reset_index(names="sample")
    if "lot" not in table.columns or table["lot"].isna().any():
        raise DataError(
            "every sample needs a lot to be registered", found=str(sheet), code=codes.REG_CODE
        )
    levels = [c for c in LEVELS if c in table.columns]
    added: list[str] = []
    state = registry.state()
    name = read_run(run)[0] if run is not None else ""
    known = set(state.records)
    links = {(p, c) for c, parents in state.parents.items() for p in parents}
    for position, (_, row) in enumerate(table.iterrows(), 1):
        present = [(c, str(row[c])) for c in levels if str(row[c]) not in ("nan", "None", "<NA>")]
        for kind, code in present:
            if (kind, code) not in known:
                known.add((kind, code))
                added.append(f"{kind} {code}")
                if not dry_run:
                    registry.add(kind, code, _facts(kind, row, position))
        chain = [f"{k}:{c}" for k, c in present]
        for parent, child in pairwise(chain):
            if (parent, child) not in links:
                links.add((parent, child))
                added.append(f"{parent} -> {child}")
                if not dry_run:
                    registry.link(parent, child)
    if name and ("run", name) not in state.records:
        added.append(f"run {name}")
        if run is not None and not dry_run:
            take_run(registry, run)
            for sample in table["sample"]:
                registry.link(f"sample:{sample}", f"run:{name}")
    return tuple(added)


def _facts(kind: str, row: "pd.Series", position: int) -> dict[str, Any]:
    if kind != "lot":
        return {}
    facts: dict[str, Any] = {"order": position}
    for name in ("source_class", "passage", "population_doublings", "platform", "simulated"):
        if name in row.index and str(row[name]) not in ("nan", "None", "<NA>"):
            facts[name] = str(row[name])
    facts["product"] = facts.pop("source_class", "")
    return facts


def add_results(registry: Registry, table: "pd.DataFrame") -> tuple[str, ...]:
    """Put results on record, one event each; a correction names what it supersedes and why.

    A second result of the same lot, attribute and method is a retest: it needs a deviation of the
    lot, or it supersedes the first with a reason.

    Parameters
    ----------
    registry
        Open, with a person who writes.
    table
        Columns of :data:`RESULT_COLUMNS`, all as text; ``lot``, ``attribute``, ``method`` and
        ``value`` are needed.

    Returns
    -------
    codes
        Codes of the new results.

    Raises
    ------
    DataError
        The whole table is checked first; nothing is written when one row is wrong.
    """
    rows = _checked_rows(table)
    state = registry.state()
    for row in rows:
        _check_retest(state, row)
    out = []
    for row in rows:
        n = sum(k == "result" for k, _ in registry.state().records) + 1
        code = f"R{n:06d}"
        registry.add("result", code, row, row.get("reason", ""))
        out.append(code)
    return tuple(out)


def _checked_rows(table: "pd.DataFrame") -> list[dict[str, str]]:
    unknown = [c for c in table.columns if c not in RESULT_COLUMNS]
    missing = [c for c in ("lot", "attribute", "method", "value") if c not in table.columns]
    if unknown or missing or table.empty:
        raise DataError(
            "the table of results does not have its columns",
            found=f"missing: {missing}; not known: {unknown}; {len(table)} rows",
            fix=f"columns: {', '.join(RESULT_COLUMNS)}",
            code=codes.REG_INPUT,
        )
    rows = []
    for number, (_, raw) in enumerate(table.astype("object").iterrows(), 1):
        row = {str(c): str(v).strip() for c, v in raw.items() if str(v) not in ("nan", "None", "")}
        bad = [c for c in ("lot", "attribute", "method") if not row.get(c)]
        if (
            row.get("relation", "=") not in RELATIONS
            or row.get("status", "validated") not in STATUSES
        ):
            bad.append("relation or status")
        if not row.get("value") and row.get("relation") != "not detected":
            bad.append("value")
        if bad or any(len(v) > 500 for v in row.values()):
            raise DataError(
                "a row of results cannot be read",
                found=f"row {number}: {', '.join(bad) or 'a field over 500 characters'}",
                code=codes.REG_INPUT,
            )
        rows.append({"value": "", "status": "characterisation", **row})
    return rows


def _check_retest(state: State, row: Mapping[str, str]) -> None:
    state.get("lot", row["lot"])
    same = [
        name
        for (kind, name), r in state.records.items()
        if kind == "result"
        and all(r["body"].get(c) == row[c] for c in ("lot", "attribute", "method"))
    ]
    old = row.get("supersedes", "")
    if old:
        state.get("result", old)
        if len(row.get("reason", "").split()) < 3:
            raise DataError(
                "a correction needs a reason of three words or more", found=old, code=codes.REG_WHY
            )
        return
    deviations = [
        n
        for (k, n), r in state.records.items()
        if k == "deviation" and r["body"].get("lot") == row["lot"]
    ]
    if same and not deviations:
        raise DataError(
            "a retest needs a deviation of the lot, or it supersedes the first with a reason",
            found=f"{row['lot']}, {row['attribute']}: {', '.join(same)}",
            fix="`imscope registry add deviation CODE lot=LOT text=...`",
            code=codes.CHART_EXCLUDED,
        )


def results_table(state: State) -> "pd.DataFrame":
    """Valid results on record as a table: lot, order, attribute, method, value, unit, key, seq.

    Parameters
    ----------
    state
        State of the registry.
    """
    import pandas as pd

    replaced = {r["body"].get("supersedes") for (k, _), r in state.records.items() if k == "result"}
    rows = []
    for (kind, name), r in sorted(state.records.items(), key=lambda x: x[1]["seq"]):
        body = r["body"]
        if kind != "result" or name in replaced or body.get("relation", "=") != "=":
            continue
        lot = state.records[("lot", body["lot"])]
        donors = [a for a in state.ancestors(f"lot:{body['lot']}") if a.startswith("donor:")]
        rows.append(
            {
                **{c: body.get(c, "") for c in ("lot", "attribute", "method", "unit", "key")},
                "value": pd.to_numeric(body["value"], errors="coerce"),
                "order": int(lot["body"].get("order", lot["seq"])),
                "donor": donors[0][6:] if donors else None,
                "measured_at": body.get("measured_at", ""),
                "seq": r["seq"],
            }
        )
    return pd.DataFrame(rows)


def late_data(state: State, plan: Plan, new_lots: "pd.Series") -> str:
    """Say which result of a new lot was there before the plan; empty when none was.

    Parameters
    ----------
    state
        State of the registry.
    plan
        As it is now; its digest must be the registered one.
    new_lots
        Codes of the lots of the new arm.
    """
    found = [
        (n, r)
        for (k, n), r in state.records.items()
        if k == "plan" and r["body"]["sha256"] == plan.sha256
    ]
    if not found:
        return "this plan is not on record: it was changed, or never registered"
    seq, at = found[0][1]["seq"], str(found[0][1]["body"]["registered_at"])
    names = {a.attribute for a in plan.attributes}
    for (kind, name), r in sorted(state.records.items(), key=lambda x: x[1]["seq"]):
        body = r["body"]
        if kind != "result" or body["lot"] not in set(new_lots) or body["attribute"] not in names:
            continue
        if r["seq"] < seq:
            return f"result {name} (event {r['seq']}) was there before the plan (event {seq})"
        if body.get("measured_at") and body["measured_at"][:10] < at[:10]:
            return (
                f"result {name} was measured on {body['measured_at']}, before the plan of {at[:10]}"
            )
    return ""
