"""From events to the present state: a pure fold, so that the tables can always be made again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from imscope.core import codes
from imscope.core.errors import DataError

KINDS = (
    *("donor", "consent", "line", "clone", "edit", "bank", "intermediate", "lot", "sample"),
    *("library", "run", "attribute", "method", "spec", "result", "deviation", "plan", "baseline"),
    *("profile", "certificate", "person", "key"),
)
STATES = {
    "registered": ("in test", "on hold"),
    "in test": ("tested", "on hold"),
    "tested": ("reviewed", "on hold"),
    "reviewed": ("released", "rejected", "on hold"),
    "on hold": ("registered", "in test", "tested", "reviewed", "rejected"),
    "released": ("recalled",),
    "rejected": (),
    "recalled": (),
}
ROLES = ("viewer", "analyst", "reviewer", "releaser", "administrator", "auditor")
_LINE = KINDS[: KINDS.index("run") + 1]


@dataclass(slots=True)
class State:
    """What the events say at one moment.

    Attributes
    ----------
    records
        ``(kind, id)`` to ``{"state", "body", "seq"}``.
    parents
        Object to its parents, both as ``kind:code``.
    last_why, last_at
        Reason of the last change, and time of the last event.
    anomalies
        Events recorded while the clock stood behind.
    """

    records: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    parents: dict[str, list[str]] = field(default_factory=dict)
    last_why: str = ""
    last_at: str = ""
    anomalies: list[int] = field(default_factory=list)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """Return a record, or say that the code is not known.

        Raises
        ------
        DataError
            ``E-REG-CODE``.
        """
        found = self.records.get((kind, name))
        if found is None:
            near = sorted(i for k, i in self.records if k == kind)[:5]
            raise DataError(
                f"there is no {kind} {name!r} in the registry",
                found=f"known: {', '.join(near) or 'none'}",
                code=codes.REG_CODE,
            )
        return found

    def ancestors(self, item: str) -> list[str]:
        """Everything an object comes from, nearest first."""
        seen: list[str] = []
        queue = list(self.parents.get(item, []))
        while queue:
            one = queue.pop(0)
            if one not in seen:
                seen.append(one)
                queue += self.parents.get(one, [])
        return seen

    def descendants(self, item: str) -> list[str]:
        """Everything made from an object, or touched by it."""
        children: dict[str, list[str]] = {}
        for child, parents in self.parents.items():
            for parent in parents:
                children.setdefault(parent, []).append(child)
        seen: list[str] = []
        queue = sorted(children.get(item, []))
        while queue:
            one = queue.pop(0)
            if one not in seen:
                seen.append(one)
                queue += sorted(children.get(one, []))
        return seen

    def restrictions(self, item: str) -> list[str]:
        """Use restrictions of an object and all it comes from, each with its source."""
        out = []
        for one in (item, *self.ancestors(item)):
            kind, _, name = one.partition(":")
            body = self.records.get((kind, name), {}).get("body", {})
            if body.get("restriction"):
                out.append(f"{one}: {body['restriction']}")
        return out

    def path(self, start: str, end: str) -> list[str]:
        """One way down from an object to another; empty when there is none."""
        ways = [[start]]
        children: dict[str, list[str]] = {}
        for child, parents in self.parents.items():
            for parent in parents:
                children.setdefault(parent, []).append(child)
        seen = {start}
        while ways:
            way = ways.pop(0)
            if way[-1] == end:
                return way
            for one in children.get(way[-1], []):
                if one not in seen:
                    seen.add(one)
                    ways.append([*way, one])
        return []


def fold(events: Iterable[Mapping[str, Any]], state: State | None = None) -> State:
    """Apply events in order.

    Parameters
    ----------
    events
        Bodies of events.
    state
        Where to start; empty if not given. It is changed.
    """
    state = state or State()
    for body in events:
        apply(state, body)
    return state


def apply(state: State, body: Mapping[str, Any]) -> None:
    """Apply one event to the state."""
    action, after, seq = str(body["action"]), body["after"], int(body["seq"])
    kind, _, name = str(body["object"]).partition(":")
    if body["before"] is not None:
        state.last_why = str(body["why"])
    state.last_at = max(state.last_at, str(body["at"]))
    if action == "clock anomaly":
        state.anomalies.append(seq)
    elif action == "link":
        state.parents.setdefault(str(after["child"]), []).append(str(after["parent"]))
    elif action in ("add", "sign", "failed signing"):
        if action == "sign":
            after = {**after["signed"], "signature": after["signature"]}
            kind, name = "signature", str(seq)
        elif action == "failed signing":
            kind, name = "failure", str(seq)
        state.records[kind, name] = {
            "state": str((after or {}).get("state", "registered")),
            "body": dict(after or {}),
            "seq": seq,
        }
    elif action == "state":
        old = state.records[kind, name]
        state.records[kind, name] = {**old, "state": str(after["state"]), "seq": seq}
    elif action == "change":
        old = state.records[kind, name]
        state.records[kind, name] = {**old, "body": {**old["body"], **after}, "seq": seq}


def check_state(now: str, wish: str) -> None:
    """Refuse a step that does not follow.

    Raises
    ------
    DataError
        ``E-REG-STATE`` with the legal next steps.

    Examples
    --------
    >>> check_state("registered", "in test")
    """
    legal = STATES.get(now, ())
    if wish not in legal:
        raise DataError(
            f"a lot that is {now!r} cannot become {wish!r}",
            found=f"legal next steps: {', '.join(legal) or 'none, this is final'}",
            code=codes.REG_STATE,
        )


def check_link(state: State, parent: str, child: str) -> None:
    """Refuse a link that closes a circle or goes up the line.

    Raises
    ------
    DataError
        ``E-REG-CYCLE`` with the path.
    """
    for item in (parent, child):
        kind, _, name = item.partition(":")
        state.get(kind, name)
    way = state.path(child, parent)
    if way:
        raise DataError(
            "the link would make an object its own ancestor",
            found=" -> ".join([*way, child]),
            code=codes.REG_CYCLE,
        )
    ranks = [
        _LINE.index(i.partition(":")[0]) for i in (parent, child) if i.partition(":")[0] in _LINE
    ]
    if len(ranks) == 2 and ranks[0] > ranks[1]:
        raise DataError(
            "a child cannot come before its parent in the line",
            found=f"{parent} -> {child}",
            code=codes.REG_CYCLE,
        )
