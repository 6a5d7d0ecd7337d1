"""The local app: who may ask, what it shows, and that it writes over nothing."""

import json
import re
import shutil
import sys
import time

import pytest

pytest.importorskip("fastapi", reason="the serve extra is not installed")
from starlette.testclient import TestClient

from imscope.app.compare import compare_runs
from imscope.app.folder import RunFolders
from imscope.app.guard import COOKIE, MOST_BYTES, Guard, Sessions
from imscope.app.server import create_app
from imscope.core.errors import UsageError

HOST = "127.0.0.1:8765"
HOSTS = frozenset({HOST, "localhost:8765"})
OWN = {"origin": f"http://{HOST}"}
HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "${7*7}",
    "javascript:alert(1)", "' onmouseover='alert(1)", "</title><svg onload=alert(1)>",
    "\u202eevil", "&lt;b&gt;", "<!--", "]]>", "`${alert(1)}`",
]  # fmt: skip


def results(title="A run", **change):
    headline = [
        {"level": "sample", "group": "s1", "hi2": 0.05, "hi2_low": 0.04, "hi2_high": 0.06,
         "bcv_percent": 22.4, "bcv_low": 20.0, "bcv_high": 24.5, "comparability_key": "k1"}
    ]  # fmt: skip
    content = {
        "schema_version": "1.2", "imscope_version": "0.1.0", "title": title, "simulated": True,
        "answer": ["One sentence."], "samples": [{"sample": "s1"}], "headline": headline,
        "verdicts": [{"claim": "A", "verdict": "SUPERIOR", "test_group": "iMSC",
                      "reference_group": "primary_MSC"}],
        "config": {"qc": {"min_umi": 500}}, "versions": {"numpy": "2.3"},
        "inputs": [{"path": "a/s1.h5", "sha256": "ab" * 32}],
    }  # fmt: skip
    return content | change


def add_run(root, name, content=None, created="2026-11-27T10:00:00+00:00"):
    folder = root / name
    (folder / "provenance").mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(content or results()))
    (folder / "provenance" / "run.json").write_text(json.dumps({"created": created}))
    (folder / "report.html").write_text("<!doctype html><title>report</title>")
    return folder


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


@pytest.fixture
def client(root):
    sessions = Sessions()
    made = TestClient(create_app(root, sessions, HOSTS), base_url=f"http://{HOST}")
    answer = made.get(f"/start?token={sessions.token}", follow_redirects=False)
    assert answer.status_code == 303
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=Strict" in answer.headers["set-cookie"]
    return made


# ---- who may ask -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path", ["/api/runs", "/api/openapi.json", "/", "/sheets", "/runs/x/report"]
)
def test_nothing_is_given_without_a_session(root, path):
    stranger = TestClient(create_app(root, Sessions(), HOSTS), base_url=f"http://{HOST}")
    assert stranger.get(path).status_code == 401
    guess = {"cookie": f"{COOKIE}=guess"}
    assert stranger.get(path, headers=guess).status_code == 401
    assert stranger.get("/start?token=guess").status_code == 401
    assert stranger.get("/start").status_code == 401


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8765.evil.example", "localhost",
     "evil.example:8765", "LOCALHOST:8765", "127.0.0.1:8765 ", "[::1]:8765", "0.0.0.0:8765", ""],
)  # fmt: skip
def test_another_host_is_refused_with_or_without_a_session(client, host):
    assert client.get("/api/runs", headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    "heads",
    [{}, {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": f"https://{HOST}"},
     {"origin": f"http://{HOST}.evil.example"}, OWN | {"sec-fetch-site": "cross-site"},
     OWN | {"sec-fetch-site": "same-site"}],
)  # fmt: skip
def test_a_write_from_another_page_is_refused(client, heads):
    body = {"name": "x.csv", "text": "sample,path\n"}
    assert client.post("/api/sheets", json=body, headers=heads).status_code == 403
    assert client.get("/api/sheets").json() == []


def test_a_request_that_is_too_large_is_not_read(client):
    big = b"x" * (MOST_BYTES + 1)
    assert client.post("/api/check", content=big, headers=OWN).status_code == 413

    def pieces():
        yield b"{}"

    assert client.post("/api/check", content=pieces(), headers=OWN).status_code == 411


def test_every_answer_carries_the_policy(client, root):
    add_run(root, "a")
    for path in ("/", "/api/runs", "/sheets", "/compare", "/nowhere", "/assets/app.js"):
        heads = client.get(path).headers
        assert "default-src 'none'" in heads["content-security-policy"], path
        assert heads["x-content-type-options"] == "nosniff"
        assert heads["cache-control"] == "no-store"
    run_id = client.get("/api/runs").json()[0]["id"]
    report = client.get(f"/runs/{run_id}/report").headers
    assert report["content-security-policy"].startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in report["content-security-policy"]


def test_twice_the_same_head_is_refused():
    async def never(*_):
        raise AssertionError("the guard let it through")

    sent = []

    async def send(message):
        sent.append(message)

    import asyncio

    scope = {"type": "http", "method": "GET", "path": "/api/runs", "query_string": b"",
             "headers": [(b"host", HOST.encode()), (b"host", b"evil")]}  # fmt: skip
    asyncio.run(Guard(never, Sessions(), HOSTS)(scope, None, send))
    assert sent[0]["status"] == 400


# ---- runs ------------------------------------------------------------------------------------
def test_runs_are_listed_newest_first_with_their_state(client, root):
    add_run(root, "old", created="2026-01-01T00:00:00+00:00")
    add_run(root, "deep/new", results("The new one"))
    add_run(root, "other", results(schema_version="9.0"))
    broken = add_run(root, "broken")
    (broken / "results.json").write_text("{")
    (root / "half" / ".steps").mkdir(parents=True)
    (root / "half" / "log.jsonl").write_text("")
    runs = {r["name"]: r for r in client.get("/api/runs").json()}
    assert list(runs)[-1] in ("half", "broken")
    assert runs["deep/new"]["state"] == "finished"
    assert runs["deep/new"]["verdicts"] == ["claim A: SUPERIOR"]
    assert runs["other"]["state"] == "of another version"
    assert runs["broken"]["state"] == "cannot be read"
    assert runs["half"]["state"] == "stopped"
    page = client.get("/").text
    assert "The new one" in page
    assert "SIMULATED DATA" in page
    opened = client.get(f"/runs/{runs['deep/new']['id']}").text
    assert "One sentence." in opened
    assert client.get(f"/api/runs/{runs['deep/new']['id']}").json()["title"] == "The new one"
    assert client.get(f"/api/runs/{runs['broken']['id']}").status_code == 409


def test_a_run_that_is_being_written_is_not_opened(client, root):
    from filelock import FileLock

    folder = add_run(root, "now")
    (folder / ".steps").mkdir()
    with FileLock(folder / ".steps" / "lock"):
        run = client.get("/api/runs").json()[0]
        assert run["state"] == "being written"
        assert client.get(f"/api/runs/{run['id']}").json()["code"] == "E-APP-RUNNING"
    assert client.get("/api/runs").json()[0]["state"] == "finished"


@pytest.mark.parametrize("run_id", ["x", "%2e%2e%2fetc", "0" * 16, "a" * 5_000])
def test_no_path_is_taken_from_a_client(client, run_id):
    for path in (f"/api/runs/{run_id}", f"/runs/{run_id}", f"/runs/{run_id}/report",
                 f"/api/sheets/{run_id}", f"/assets/{run_id}"):  # fmt: skip
        assert client.get(path).status_code == 404, path


def test_links_lead_out_of_the_folder_nowhere(client, root, tmp_path):
    add_run(tmp_path, "outside")
    (root / "link").symlink_to(tmp_path / "outside")
    assert client.get("/api/runs").json() == []


def test_a_folder_without_runs_says_what_to_do(client):
    assert "imscope run SHEET --out DIR" in client.get("/").text


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        RunFolders(tmp_path / "nowhere")


def test_two_runs_side_by_side(client, root):
    other = results("B", config={"qc": {"min_umi": 800}}, versions={"numpy": "2.4"})
    other["headline"] = [dict(other["headline"][0], hi2=0.07, comparability_key="k2")]
    other["samples"] = [{"sample": "s1"}, {"sample": "s2"}]
    other["inputs"] = [{"path": "b/s1.h5", "sha256": "cd" * 32}]
    other["verdicts"] = [dict(other["verdicts"][0], verdict="INCONCLUSIVE")]
    add_run(root, "a")
    add_run(root, "b", other)
    ids = {r["name"]: r["id"] for r in client.get("/api/runs").json()}
    found = client.get("/api/compare", params={"first": ids["a"], "second": ids["b"]}).json()
    assert found["settings"] == [{"what": "qc.min_umi", "first": "500", "second": "800"}]
    assert found["inputs"][0]["what"] == "s1.h5"
    assert found["versions"][0]["second"] == "2.4"
    assert found["verdicts"][0]["second"] == "INCONCLUSIVE"
    assert found["only_second"] == ["s2"]
    hi2 = found["numbers"][0]
    assert (hi2["first"], hi2["first_low"], hi2["second"], hi2["same_key"]) == (
        0.05,
        0.04,
        0.07,
        False,
    )
    assert "must not be set side by side" in found["caution"]
    page = client.get("/compare", params={"first": ids["a"], "second": ids["b"]}).text
    for word in ("qc.min_umi", "0.05 (0.04 to 0.06)", "differs", "must not be set side by side"):
        assert word in page
    assert compare_runs(results(), results()).caution == ""


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_names_are_text_on_every_page(client, root, payload):
    add_run(root, "a", results(payload, answer=[payload], imscope_version=payload))
    (root / "s.csv").write_text(f'sample,path,donor\n"{payload}",x.h5,"{payload}"\n')
    run_id = client.get("/api/runs").json()[0]["id"]
    sheet_id = client.get("/api/sheets").json()[0]["id"]
    for path in ("/", f"/runs/{run_id}", f"/sheets/{sheet_id}",
                 f"/compare?first={run_id}&second={run_id}"):  # fmt: skip
        page = client.get(path).text
        own = re.findall(r"<script[^>]*>", page)
        assert own == ['<script src="/assets/app.js" defer>'], path
        for mark in ("<img", "<svg", "onerror=alert", "onmouseover='"):
            if mark in payload:
                assert payload not in page, path
        assert "49" not in re.sub(r"\d{4}-.*|[0-9a-f]{16}", "", page) or payload != "{{7*7}}"


# ---- sheets ----------------------------------------------------------------------------------
def sheet_of(client, name="samples.csv", text="sample,path\na,a.h5\n"):
    made = client.post("/api/sheets", json={"name": name, "text": text}, headers=OWN)
    assert made.status_code == 200, made.text
    return made.json()


def test_a_sheet_is_checked_with_the_words_of_the_command(client, root):
    from imscope.io.sheet import check_sheet

    text = "sample,path,source_class\na,nowhere.h5,iMSX\na,nowhere.h5,iMSC\n"
    made = sheet_of(client, text=text)
    found = client.post("/api/check", json={"text": text, "id": made["id"]}, headers=OWN).json()
    command = check_sheet(root / "samples.csv")
    assert [f["code"] for f in found["faults"]] == [f.code for f in command.faults]
    assert [f["problem"] for f in found["faults"]] == [f.problem for f in command.faults]
    assert len(found["faults"]) >= 2
    assert not list(root.glob(".check-*"))
    page = client.get(f"/sheets/{made['id']}").text
    assert found["faults"][0]["code"] in page


def test_two_tabs_never_write_over_one_another(client, root):
    made = sheet_of(client)
    path = f"/api/sheets/{made['id']}"
    first = client.put(
        path, json={"text": "sample,path\nb,b.h5\n", "version": made["version"]}, headers=OWN
    )
    assert first.status_code == 200
    second = client.put(
        path, json={"text": "sample,path\nc,c.h5\n", "version": made["version"]}, headers=OWN
    )
    assert second.status_code == 409
    assert second.json()["code"] == "E-APP-STALE"
    assert (root / "samples.csv").read_text() == "sample,path\nb,b.h5\n"
    again = client.put(
        path,
        json={"text": "sample,path\nc,c.h5\n", "version": first.json()["version"]},
        headers=OWN,
    )
    assert again.status_code == 200


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", ".hidden", "a/b", "", "x" * 90, "a..b", "con\x00"]
)
def test_a_name_that_leads_elsewhere_is_refused(client, root, name):
    made = client.post("/api/sheets", json={"name": name, "text": "sample,path\n"}, headers=OWN)
    assert made.status_code == 422
    assert list(root.iterdir()) == []


def test_a_sheet_of_files_outside_the_folder_is_not_run(client, root, tmp_path):
    outside = tmp_path / "a.csv"
    outside.write_text("gene,c1\nNT5E,1\n")
    text = f"sample,path\na,{outside}\n"
    made = sheet_of(client, text=text)
    found = client.post("/api/check", json={"text": text, "id": made["id"]}, headers=OWN).json()
    assert "E-APP-OUTSIDE" in [f["code"] for f in found["faults"]]


def test_a_sheet_is_not_made_twice(client):
    sheet_of(client)
    again = client.post("/api/sheets", json={"name": "samples.csv", "text": ""}, headers=OWN)
    assert again.status_code == 409


# ---- jobs ------------------------------------------------------------------------------------
def test_a_run_is_started_watched_and_ends_with_its_error(client, root):
    made = sheet_of(client, text="sample,path\na,nowhere.h5\n")
    wanted = {"name": "first", "sheet": made["id"], "settings": {"qc": {"min_umi": 600}}}
    job = client.post("/api/jobs", json=wanted, headers=OWN)
    assert job.status_code == 200, job.text
    assert job.json()["command"].startswith("imscope run samples.csv --out first --config")
    for _ in range(200):
        now = client.get("/api/jobs/first").json()
        if now["state"] != "running":
            break
        time.sleep(0.3)
    assert now["state"] == "failed"
    assert any("error:" in line for line in now["log"])
    assert not (root / "first").exists()
    assert "first: failed" in re.sub(r"<[^>]+>", "", client.get("/").text)
    assert "first" in client.get("/jobs/first").text
    assert client.post("/api/jobs/first/stop", headers=OWN).status_code == 200


def test_a_run_that_goes_on_can_be_stopped_and_is_not_started_twice(client, root, monkeypatch):
    program = root / "sleep.py"
    program.write_text("import time\nprint('going on', flush=True)\ntime.sleep(60)\n")
    made = sheet_of(client)
    real = sys.executable
    import imscope.app.jobs as jobs

    popen = jobs.subprocess.Popen
    monkeypatch.setattr(
        jobs.subprocess, "Popen", lambda words, **k: popen([real, str(program)], **k)
    )
    wanted = {"name": "slow", "sheet": made["id"]}
    assert client.post("/api/jobs", json=wanted, headers=OWN).json()["state"] == "running"
    twice = client.post("/api/jobs", json=wanted, headers=OWN)
    assert twice.status_code == 409
    assert twice.json()["code"] == "E-APP-RUNNING"
    assert client.post("/api/jobs/slow/stop", headers=OWN).json()["state"] == "stopped"


def test_wrong_settings_start_nothing(client, root):
    made = sheet_of(client)
    wanted = {"name": "run", "sheet": made["id"], "settings": {"qc": {"min_umo": 3}}}
    refused = client.post("/api/jobs", json=wanted, headers=OWN)
    assert refused.status_code == 422
    assert "min_umi" in json.dumps(refused.json())
    assert not (root / ".imscope-app" / "jobs" / "run.json").exists()


def test_a_folder_that_is_no_run_is_not_written_into(client, root):
    made = sheet_of(client)
    (root / "data").mkdir()
    (root / "data" / "x").write_text("x")
    refused = client.post("/api/jobs", json={"name": "data", "sheet": made["id"]}, headers=OWN)
    assert refused.status_code == 409


@pytest.mark.parametrize("name", ["nobody", "..", "a b", "x" * 90])
def test_a_job_nobody_started_is_not_found(client, name):
    assert client.get(f"/api/jobs/{name}").status_code == 404


def test_the_api_describes_itself(client):
    described = client.get("/api/openapi.json").json()
    assert {"/api/runs", "/api/compare", "/api/jobs"} <= set(described["paths"])
    assert all(path.startswith("/api/") for path in described["paths"])


def test_settings_of_the_form_are_those_of_the_command(client, root):
    from imscope.study.config_file import run_config_schema

    assert client.get("/api/settings").json() == json.loads(json.dumps(run_config_schema()))
    made = sheet_of(client)
    page = client.get(f"/sheets/{made['id']}").text
    assert 'name="qc.min_umi"' in page
    assert 'data-kind="integer"' in page


def test_numbers_on_the_page_are_those_of_the_file(client, root):
    add_run(root, "a")
    run_id = client.get("/api/runs").json()[0]["id"]
    written = json.loads((root / "a" / "results.json").read_text())
    assert client.get(f"/api/runs/{run_id}").json() == written
    page = client.get(f"/compare?first={run_id}&second={run_id}").text
    row = re.search(r"<td>hi2</td><td>([^<]*)</td><td>([^<]*)</td>", page)
    assert row.groups() == ("0.05 (0.04 to 0.06)",) * 2


def test_a_moved_run_is_gone_from_the_list(client, root):
    folder = add_run(root, "a")
    run_id = client.get("/api/runs").json()[0]["id"]
    shutil.rmtree(folder)
    answer = client.get(f"/runs/{run_id}")
    assert answer.status_code == 404
    assert "Back to the runs" in answer.text
