import json
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta

import pytest

from imscope.core.errors import DataError
from imscope.registry.copies import (
    backup_registry,
    export_bundle,
    rebuild_projection,
    restore_registry,
    verify_bundle,
)
from imscope.registry.create import init_registry
from imscope.registry.record import Registry
from imscope.registry.verify import verify_registry

PASSPHRASE = "correct horse"


def filled(registry):
    registry.add("donor", "D1", {})
    registry.add("line", "i1", {})
    registry.add("lot", "L1", {"product": "iMSC"})
    registry.add("result", "L1-viability", {"lot": "L1", "value": "93.1", "unit": "%"})
    registry.link("donor:D1", "line:i1")
    registry.link("line:i1", "lot:L1")
    registry.sign("lot:L1", b"{}", meaning="performed", why="as planned", passphrase=PASSPHRASE)
    registry.move("L1", "in test", "assays have begun")
    return registry


def open_raw(registry):
    connection = sqlite3.connect(registry.folder / "registry.sqlite")
    connection.execute("DROP TRIGGER IF EXISTS event_no_update")
    connection.execute("DROP TRIGGER IF EXISTS event_no_delete")
    return connection


@pytest.mark.parametrize("where", ["registry", "team"])
def test_an_untouched_record_holds_on_both_databases(where, request):
    registry = filled(request.getfixturevalue(where))
    found = verify_registry(registry)
    assert found.holds
    assert found.first_bad is None
    assert (found.integrity, found.completeness, found.order) == ("holds", "not shown", "holds")
    assert found.unanchored == found.events == found.head["seq"]


@pytest.mark.parametrize("where", ["registry", "team"])
def test_the_database_itself_refuses_to_change_events(where, request):
    import sqlalchemy as sa
    from sqlalchemy.exc import DBAPIError

    registry = request.getfixturevalue(where)
    for line in ("UPDATE event SET body = '{}' WHERE seq = 1", "DELETE FROM event WHERE seq = 1"):
        with (
            registry.engine.connect() as connection,
            pytest.raises(DBAPIError, match="never changed"),
        ):
            connection.execute(sa.text(line))


def test_same_history_gives_the_same_state_on_both_databases(registry, team):
    one, two = filled(registry).state(), filled(team).state()
    assert set(one.records) == set(two.records)
    assert one.parents == two.parents
    lot = ("lot", "L1")
    assert (
        one.records[lot]["body"]
        == two.records[lot]["body"]
        == {"product": "iMSC", "state": "registered"}
    )


TAMPERS = {
    "edit": ("UPDATE event SET body = replace(body, '93.1', '99.1')", "body"),
    "delete": ("DELETE FROM event WHERE seq = 4", "seq"),
    "swap": (
        "UPDATE event SET body = (SELECT body FROM event WHERE seq = 4) WHERE seq = 5",
        "body",
    ),
    "insert": ("INSERT INTO event SELECT 99, body, 'x', 'y' FROM event WHERE seq = 3", "body"),
    "table": ("UPDATE record SET body = replace(body, '93.1', '99.1')", "triggers"),
    "triggers": ("SELECT 1", "triggers"),
}


@pytest.mark.parametrize("name", TAMPERS)
def test_a_change_behind_our_back_is_named(registry, name):
    filled(registry)
    with open_raw(registry) as connection:
        connection.execute(TAMPERS[name][0])
    found = verify_registry(registry)
    assert found.integrity == "broken"
    assert found.first_bad["field"] == TAMPERS[name][1]


def test_a_changed_projection_is_named_and_made_again(registry):
    filled(registry)
    with sqlite3.connect(registry.folder / "registry.sqlite") as connection:
        connection.execute(
            "UPDATE record SET body = replace(body, '93.1', '99.1') WHERE kind = 'result'"
        )
    bad = verify_registry(registry).first_bad
    assert (bad["object"], bad["field"]) == ("result:L1-viability", "body")
    rebuild_projection(registry)
    assert verify_registry(registry).holds


def test_random_bytes_changed_are_found(registry):
    import random

    filled(registry)
    draw = random.Random(3)
    for _ in range(80):
        with open_raw(registry) as connection:
            seq = draw.randint(1, 9)
            old = connection.execute("SELECT body FROM event WHERE seq = ?", (seq,)).fetchone()[0]
            k = draw.randrange(len(old))
            new = old[:k] + chr((ord(old[k]) + draw.randint(1, 60)) % 120 + 1) + old[k + 1 :]
            if new == old:
                continue
            connection.execute("UPDATE event SET body = ? WHERE seq = ?", (new, seq))
        found = verify_registry(registry)
        assert found.integrity == "broken"
        assert found.first_bad["seq"] == seq
        with open_raw(registry) as connection:
            connection.execute("UPDATE event SET body = ? WHERE seq = ?", (old, seq))


def test_truncation_is_found_where_an_anchor_outside_covers_it(registry, tmp_path):
    filled(registry)
    registry.checkpoint(tmp_path / "outside")
    assert verify_registry(registry, [tmp_path / "outside"]).completeness == "shown"
    shutil.rmtree(registry.folder / "anchors")
    with open_raw(registry) as connection:
        connection.execute("DELETE FROM event WHERE seq > 7")
    rebuild_projection(registry)
    alone = verify_registry(registry)
    assert alone.completeness == "not shown"
    found = verify_registry(registry, [tmp_path / "outside"])
    assert found.completeness == "broken"
    assert not found.holds
    assert "missing" in found.first_bad["why"]


def test_a_record_rewritten_and_signed_again_is_found_by_an_older_anchor(registry, tmp_path):
    filled(registry)
    registry.checkpoint(tmp_path / "outside")
    other = init_registry(
        tmp_path / "other",
        person="ada",
        printed_name="Ada Lovelace",
        passphrase=PASSPHRASE,
        solo=True,
    )
    filled(other)
    assert verify_registry(other).holds
    assert verify_registry(other, [tmp_path / "outside"]).completeness == "broken"


@pytest.mark.parametrize(
    ("seconds", "what"),
    [(-1, "quiet"), (-10, "anomaly"), (-3600, "refused"), (-3.15e7, "refused"), (3600, "quiet")],
)
def test_a_clock_that_runs_back(registry, seconds, what):
    registry.add("lot", "L1", {})
    registry.clock = lambda: datetime.now(UTC) + timedelta(seconds=seconds)
    if what == "refused":
        with pytest.raises(DataError, match="behind"):
            registry.add("lot", "L2", {})
        return
    registry.add("lot", "L2", {})
    assert len(registry.state().anomalies) == (what == "anomaly")


def test_codes_links_and_reasons_are_checked(registry):
    filled(registry)
    head = registry.head()
    cases = [
        (lambda: registry.add("lot", "L1", {}), "already"),
        (lambda: registry.add("planet", "x", {}), "known kind"),
        (lambda: registry.link("lot:L1", "donor:D1"), "ancestor"),
        (lambda: registry.link("lot:L9", "lot:L1"), "no lot"),
        (lambda: registry.change("lot", "L1", {"product": "MSC"}, "typo"), "three words"),
        (
            lambda: registry.change("result", "L1-viability", {"value": "99"}, "it was wrong"),
            "never changed",
        ),
        (lambda: registry.move("L1", "released", "all is well"), "cannot become"),
        (lambda: registry.add("lot", "L3", {"amount": 0.5}), "decimal text"),
        (lambda: Registry(registry.folder, actor="eve").add("lot", "L4", {}), "enrolled"),
        (lambda: Registry(registry.folder).add("lot", "L4", {}), "enrolled"),
    ]
    for act, words in cases:
        with pytest.raises(DataError, match=words):
            act()
    assert registry.head() == head
    registry.change("lot", "L1", {"product": "MSC"}, "wrong product on entry")
    event = registry.events()[-1].body
    assert event["before"] == {"product": "iMSC"}
    assert event["after"] == {"product": "MSC"}


def test_signing_needs_role_second_person_and_passphrase(tmp_path):
    boss = init_registry(
        tmp_path / "r", person="boss", printed_name="The Boss", passphrase=PASSPHRASE
    )
    boss.enrol("ana", "Ana Lyst", ("analyst", "reviewer"), PASSPHRASE)
    boss.enrol("rel", "Rel Easer", ("releaser",), PASSPHRASE)
    ana, rel = Registry(boss.folder, actor="ana"), Registry(boss.folder, actor="rel")
    ana.add("lot", "L1", {})

    def sign(who, meaning, passphrase=PASSPHRASE):
        return who.sign("lot:L1", b"{}", meaning=meaning, why="", passphrase=passphrase)

    with pytest.raises(DataError, match="signed by a analyst") as error:
        sign(boss, "performed")
    assert error.value.code == "E-SIGN-ROLE"
    sign(ana, "performed")
    with pytest.raises(DataError, match="both parts"):
        sign(ana, "reviewed")
    with pytest.raises(DataError, match="enrols people"):
        ana.enrol("bob", "Bob", ("analyst",), PASSPHRASE)
    before = rel.head()[0]
    for _ in range(5):
        with pytest.raises(DataError, match="passphrase"):
            sign(rel, "released", "not the one")
    with pytest.raises(DataError, match="locked"):
        sign(rel, "released")
    assert rel.head()[0] == before + 5
    assert verify_registry(boss).holds


def test_a_moved_or_altered_signature_does_not_fit(registry):
    filled(registry)
    old = json.loads(json.dumps(registry.events()[8].body))
    for name in ("meaning", "printed_name", "at", "object_sha256", "key", "object"):
        body = json.loads(json.dumps(old))
        body["after"]["signed"][name] = "0" * 64
        from imscope.registry.events import Event
        from imscope.registry.events import event_hash as h
        from imscope.registry.verify import verify_events

        events, prev = [], ""
        for e in registry.events():
            content = body if e.seq == body["seq"] else e.body
            digest = h(prev, content)
            events.append(Event(content, prev, digest))
            prev = digest
        bad = verify_events(events).first_bad
        assert (bad["field"], bad["seq"]) == ("signature", body["seq"])


def test_backup_restore_and_damage(registry, tmp_path):
    filled(registry)
    copy = backup_registry(registry, tmp_path / "b.zip")
    found = restore_registry(copy, tmp_path / "new")
    assert found.holds
    assert Registry(tmp_path / "new").head() == registry.head()
    whole = copy.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.zip").write_bytes(whole[:cut])
        with pytest.raises(DataError, match="damaged"):
            restore_registry(tmp_path / "cut.zip", tmp_path / "nowhere")
    with pytest.raises(DataError, match="empty place"):
        restore_registry(copy, tmp_path / "new")


def test_a_stranger_verifies_a_bundle_with_standard_python(registry, tmp_path):
    filled(registry)
    registry.add("lot", "SECRET", {"product": "other"})
    bundle = export_bundle(registry, ["L1"], tmp_path / "b.zip")
    assert b"SECRET" not in bundle.read_bytes()
    assert verify_bundle(bundle).holds
    script = textwrap.dedent("""
        import hashlib, json, sys, zipfile
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        flat = dict(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        canon = lambda v: json.dumps(v, **flat).encode()
        z = zipfile.ZipFile(sys.argv[1]); prev = ""; people = {}; signed = 0
        for line in z.read("events.jsonl").decode().splitlines():
            row = json.loads(line); body = row.get("body")
            if row["prev"] != prev: sys.exit("chain broken at %s" % row["seq"])
            if body is not None:
                content = b"imscope-event-1\\n" + prev.encode() + canon(body)
                if hashlib.sha256(content).hexdigest() != row["hash"]:
                    sys.exit("content changed at %s" % row["seq"])
                after = body["after"]
                if body["object"].startswith("person:"):
                    people[after["key"]] = after["printed_name"]
                if body["action"] == "sign":
                    s = after["signed"]
                    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(s["key"]))
                    key.verify(bytes.fromhex(after["signature"]), canon(s))
                    if people[s["key"]] != s["printed_name"]: sys.exit("another name")
                    signed += 1
            prev = row["hash"]
        print("holds", signed)
    """)
    run = [sys.executable, "-I", "-c", script, str(bundle)]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "holds 1\n"


WRITER = """
import sys
from pathlib import Path
from imscope.registry.record import Registry
r = Registry(Path(sys.argv[1]), actor="ada")
for k in range(int(sys.argv[3])):
    r.add("lot", f"{sys.argv[2]}-{k}", {})
"""


@pytest.mark.parametrize("where", ["registry", "team"])
def test_two_writers_lose_nothing(where, request):
    registry = request.getfixturevalue(where)
    start = registry.head()[0]
    jobs = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(registry.folder), name, "40"])
        for name in ("a", "b")
    ]
    assert [j.wait(120) for j in jobs] == [0, 0]
    assert registry.head()[0] == start + 80
    assert verify_registry(registry).holds


def test_a_restriction_flows_down_and_blocks_the_export(registry, tmp_path):
    filled(registry)
    registry.change("donor", "D1", {"restriction": "no commercial use"}, "consent read again today")
    with pytest.raises(DataError, match="restriction") as error:
        export_bundle(registry, ["L1"], tmp_path / "b.zip")
    assert "donor:D1: no commercial use" in error.value.found
    assert registry.state().descendants("donor:D1") == ["line:i1", "lot:L1"]
