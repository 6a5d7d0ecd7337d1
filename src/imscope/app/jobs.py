"""Runs started from the browser: the command itself, in a process that outlives the app."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel

from imscope.app.folder import RunFolders, being_written
from imscope.core import codes
from imscope.core.errors import DataError, UsageError
from imscope.io.atomic import write_text
from imscope.study.config_file import parse_config

STORE = ".imscope-app"
LAST_LINES = 40


class Job(BaseModel):
    """A run that was started here.

    Attributes
    ----------
    name
        Of its run folder.
    state
        ``running``, ``finished``, ``stopped`` or ``failed``.
    command
        The command that does the same in a terminal.
    done
        Steps that have finished.
    at
        The step it is at.
    log
        Last lines of its output.
    """

    name: str
    state: str
    command: str
    done: list[str]
    at: str
    log: list[str]


class Jobs:
    """Runs of one folder.

    Parameters
    ----------
    folders
        The folder of the app.
    """

    def __init__(self, folders: RunFolders) -> None:
        self.folders = folders
        self.store = folders.root / STORE

    def all(self) -> list[Job]:
        """Every run that was started here, newest first."""
        if not self.store.is_dir():
            return []
        records = sorted(
            self.store.glob("jobs/*.json"), key=lambda p: p.stat().st_mtime, reverse=True
        )
        return [self.get(p.stem) for p in records]

    def get(self, name: str) -> Job:
        """One run.

        Raises
        ------
        DataError
            None of this name was started here.
        """
        record = self._record(name)
        out = self.folders.place(name)
        done, at = _progress(out)
        log = _tail(self.store / "logs" / f"{name}.log")
        alive = _alive(record)
        if alive:
            state = "running"
        elif (out / "results.json").is_file() and "report:" in "\n".join(log):
            state = "finished"
        elif log and any(line.startswith("error:") for line in log):
            state = "failed"
        else:
            state = "stopped"
        return Job(
            name=name, state=state, command=str(record["command"]), done=done,
            at=at if alive else "", log=log,
        )  # fmt: skip

    def start(self, name: str, sheet_id: str, settings: dict[str, Any] | None = None) -> Job:
        """Start a run, or go on with one that was stopped.

        Parameters
        ----------
        name
            Of the run folder.
        sheet_id
            The sample sheet.
        settings
            What differs from the defaults, as in ``config.yaml``.

        Raises
        ------
        UsageError
            The name or a setting cannot be used.
        DataError
            The folder is being written or holds something else, or there is no such sheet.
        """
        out, sheet = self.folders.place(name), self.folders.sheet(sheet_id)
        if being_written(out) or (self._known(name) and _alive(self._record(name))):
            raise DataError(
                f"the run {name} is going on",
                fix=codes.CODES[codes.APP_RUNNING].fix,
                code=codes.APP_RUNNING,
            )
        if out.exists() and any(out.iterdir()) and not (out / ".steps").is_dir():
            raise DataError(
                f"{name} holds something that is no run",
                fix="name another run folder",
                code=codes.APP_RUNNING,
            )
        for part in ("jobs", "logs", "settings"):
            (self.store / part).mkdir(parents=True, exist_ok=True)
        words = ["run", str(sheet.relative_to(self.folders.root)), "--out", name]
        if settings:
            parse_config(settings, source="the settings of the form")
            place = self.store / "settings" / f"{name}.json"
            write_text(place, json.dumps(settings, indent=1, sort_keys=True) + "\n")
            words += ["--config", str(place.relative_to(self.folders.root))]
        return self._launch(name, words)

    def stop(self, name: str) -> Job:
        """Stop a run as Ctrl-C does: finished steps stay, the same command goes on.

        Raises
        ------
        DataError
            None of this name was started here.
        """
        record = self._record(name)
        if _alive(record):
            os.kill(int(record["pid"]), signal.SIGINT)
            with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                psutil.Process(int(record["pid"])).wait(timeout=10)
        return self.get(name)

    def _launch(self, name: str, words: list[str]) -> Job:
        with (self.store / "logs" / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(  # noqa: S603  our own command, no shell
                [sys.executable, "-m", "imscope", *words],
                cwd=self.folders.root, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        record = {
            "pid": child.pid,
            "created": psutil.Process(child.pid).create_time(),
            "command": shlex.join(["imscope", *words]),
        }
        write_text(self.store / "jobs" / f"{name}.json", json.dumps(record) + "\n")
        return self.get(name)

    def _known(self, name: str) -> bool:
        self.folders.place(name)
        return (self.store / "jobs" / f"{name}.json").is_file()

    def _record(self, name: str) -> dict[str, Any]:
        try:
            known = self._known(name)
        except UsageError:
            known = False
        if not known:
            raise DataError(
                "there is no such run here",
                fix=codes.CODES[codes.APP_UNKNOWN].fix,
                code=codes.APP_UNKNOWN,
            )
        content: dict[str, Any] = json.loads(
            (self.store / "jobs" / f"{name}.json").read_text("utf-8")
        )
        return content


def _alive(record: dict[str, Any]) -> bool:
    """Whether the very process still runs: its number may belong to another one by now."""
    try:
        process = psutil.Process(int(record["pid"]))
        same = abs(process.create_time() - float(record["created"])) < 1
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _progress(out: Path) -> tuple[list[str], str]:
    """Steps that have finished and the one that has begun, from the log of the run."""
    for folder in (out, out.parent / f".{out.name}.starting"):
        log = folder / "log.jsonl"
        if log.is_file():
            done: list[str] = []
            at = ""
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if entry.get("event") == "run started":
                    done, at = [], ""
                elif entry.get("event") == "step started":
                    at = str(entry.get("step", ""))
                elif entry.get("event") == "step finished":
                    done.append(str(entry.get("step", "")))
                    at = ""
            return done, at
    return [], ""


def _tail(path: Path) -> list[str]:
    if not path.is_file():
        return []
    with path.open("rb") as handle:
        handle.seek(max(0, path.stat().st_size - 20_000))
        text = handle.read().decode("utf-8", "replace")
    return text.splitlines()[-LAST_LINES:]
