"""The pages and the API of the local app."""

from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel

from imscope import __version__
from imscope.app.compare import Comparison, compare_runs
from imscope.app.folder import RunEntry, RunFolders
from imscope.app.guard import Guard, Sessions
from imscope.app.jobs import Job, Jobs
from imscope.app.sheets import (
    SheetCheck,
    SheetText,
    check_text,
    new_sheet,
    read_text,
    save_text,
)
from imscope.core import codes
from imscope.core.errors import ImscopeError
from imscope.study.config_file import run_config_schema

STATUS = {
    codes.APP_UNKNOWN: 404,
    codes.APP_STALE: 409,
    codes.APP_RUNNING: 409,
}
SANDBOX = "sandbox allow-scripts allow-downloads allow-popups; frame-ancestors 'self'"
"""A report in its frame: its own script, without our cookie and without our pages."""


class RunSummary(BaseModel):
    """A run as the list shows it."""

    id: str
    name: str
    state: str
    title: str
    created: str
    version: str
    n_samples: int
    verdicts: list[str]
    answer: list[str]
    simulated: bool
    note: str


class SheetName(BaseModel):
    """A sheet as the list shows it."""

    id: str
    name: str


class Draft(BaseModel):
    """A sheet as it is being written."""

    text: str
    id: str = ""
    name: str = "samples.csv"


class Edit(BaseModel):
    """A change of a sheet, with the version it began at."""

    text: str
    version: str


class Problem(BaseModel):
    """An error as the command line gives it."""

    problem: str
    found: str = ""
    fix: str = ""
    code: str = ""


class Wanted(BaseModel):
    """A run that is to be started."""

    name: str
    sheet: str
    settings: dict[str, Any] = {}


def create_app(folder: Path, sessions: Sessions, hosts: frozenset[str]) -> Guard:
    """The app over one folder, behind its guard.

    Parameters
    ----------
    folder
        Holds runs and sheets.
    sessions
        The start token and the sessions it opens.
    hosts
        Host headers that are ours, such as ``127.0.0.1:8765``.

    Raises
    ------
    UsageError
        The folder is missing.

    Examples
    --------
    >>> import tempfile
    >>> app = create_app(Path(tempfile.mkdtemp()), Sessions(), frozenset({"127.0.0.1:1"}))
    >>> type(app).__name__
    'Guard'
    """
    folders = RunFolders(folder)
    app = FastAPI(
        title="imscope", version=__version__, docs_url=None, redoc_url=None,
        openapi_url="/api/openapi.json",
    )  # fmt: skip
    _errors(app)
    _api(app, folders)
    _pages(app, folders)
    return Guard(app, sessions, hosts)


def _errors(app: FastAPI) -> None:
    async def told(request: Request, error: Exception) -> Response:
        if not isinstance(error, ImscopeError):
            raise error
        status = STATUS.get(error.code, 422)
        problem = Problem(
            problem=error.problem, found=error.found, fix=error.fix, code=error.code
        ).model_dump()
        if request.url.path.startswith("/api/"):
            return JSONResponse(problem, status_code=status)
        return _page("problem", status, problem=problem)

    handler: Callable[[Request, Exception], Awaitable[Response]] = told
    app.add_exception_handler(ImscopeError, handler)


_BAD: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem}, 409: {"model": Problem}, 422: {"model": Problem},
}  # fmt: skip


def _api(app: FastAPI, folders: RunFolders) -> None:
    jobs = Jobs(folders)

    @app.get("/api/runs")
    def runs() -> list[RunSummary]:
        """Every run of the folder, newest first."""
        return [_summary(entry) for entry in folders.runs()]

    @app.get("/api/runs/{run_id}", responses=_BAD)
    def run(run_id: str) -> dict[str, Any]:
        """Content of a run's ``results.json``."""
        return folders.results(run_id)

    @app.get("/api/compare", responses=_BAD)
    def compare(first: str, second: str) -> Comparison:
        """Two runs side by side."""
        return compare_runs(folders.results(first), folders.results(second))

    @app.get("/api/sheets")
    def sheets() -> list[SheetName]:
        """Every sample sheet of the folder."""
        return [_named(folders, path) for path in folders.sheets()]

    @app.get("/api/sheets/{sheet_id}", responses=_BAD)
    def sheet(sheet_id: str) -> SheetText:
        """A sheet as text, with its version."""
        return read_text(folders, sheet_id)

    @app.put("/api/sheets/{sheet_id}", responses=_BAD)
    def save(sheet_id: str, edit: Edit) -> SheetText:
        """Write a sheet, unless it was changed elsewhere since it was opened."""
        return save_text(folders, sheet_id, edit.text, edit.version)

    @app.post("/api/sheets", responses=_BAD)
    def create(draft: Draft) -> SheetText:
        """Write a new sheet."""
        return new_sheet(folders, draft.name, draft.text)

    @app.post("/api/check", responses=_BAD)
    def check(draft: Draft) -> SheetCheck:
        """Say all that is wrong with a sheet, in the words of the command."""
        place = folders.sheet(draft.id) if draft.id else folders.place(draft.name)
        return check_text(folders, draft.text, place)

    @app.get("/api/settings")
    def settings() -> dict[str, Any]:
        """Every setting of a run, with its default and its meaning."""
        return run_config_schema()

    @app.get("/api/jobs")
    def all_jobs() -> list[Job]:
        """Runs that were started here."""
        return jobs.all()

    @app.post("/api/jobs", responses=_BAD)
    def start(wanted: Wanted) -> Job:
        """Start a run, or go on with one that was stopped."""
        return jobs.start(wanted.name, wanted.sheet, wanted.settings)

    @app.get("/api/jobs/{name}", responses=_BAD)
    def job(name: str) -> Job:
        """How a run goes."""
        return jobs.get(name)

    @app.post("/api/jobs/{name}/stop", responses=_BAD)
    def stop(name: str) -> Job:
        """Stop a run as Ctrl-C does."""
        return jobs.stop(name)


def _pages(app: FastAPI, folders: RunFolders) -> None:
    jobs = Jobs(folders)

    @app.get("/", include_in_schema=False)
    def front() -> Response:
        entries = [_summary(e) for e in folders.runs()]
        return _page("runs", runs=entries, jobs=jobs.all(), folder=folders.root.name)

    @app.get("/runs/{run_id}", include_in_schema=False)
    def run(run_id: str) -> Response:
        entry, place = folders.run(run_id)
        there = (place / "report.html").is_file() and entry.state == "finished"
        return _page("run", run=_summary(entry), report=there)

    @app.get("/runs/{run_id}/report", include_in_schema=False)
    def report(run_id: str) -> Response:
        entry, place = folders.run(run_id)
        if not (place / "report.html").is_file():
            return _page("problem", 404, problem=_nothing(f"{entry.name} has no report"))
        kept = {"content-security-policy": SANDBOX, "x-frame-options": "SAMEORIGIN"}
        return FileResponse(place / "report.html", media_type="text/html", headers=kept)

    @app.get("/compare", include_in_schema=False)
    def compare(first: str = "", second: str = "") -> Response:
        entries = [_summary(e) for e in folders.runs() if e.state == "finished"]
        found, names = None, ("", "")
        if first and second:
            found = compare_runs(folders.results(first), folders.results(second))
            names = (folders.run(first)[0].name, folders.run(second)[0].name)
        return _page("compare", runs=entries, first=first, second=second, found=found, names=names)

    @app.get("/sheets", include_in_schema=False)
    def sheets() -> Response:
        return _page("sheets", sheets=[_named(folders, p) for p in folders.sheets()])

    @app.get("/sheets/{sheet_id}", include_in_schema=False)
    def sheet(sheet_id: str) -> Response:
        text = read_text(folders, sheet_id)
        found = check_text(folders, text.text, folders.sheet(sheet_id))
        return _page("sheet", sheet=text, found=found, settings=_settings())

    @app.get("/jobs/{name}", include_in_schema=False)
    def job(name: str) -> Response:
        found = jobs.get(name)
        there = (folders.root / name / "results.json").is_file()
        run_id = folders.id_of(folders.root / name) if there else ""
        return _page("job", job=found, run_id=run_id)

    @app.get("/assets/{name}", include_in_schema=False)
    def asset(name: str) -> Response:
        kinds = {"app.css": "text/css", "app.js": "text/javascript"}
        if name not in kinds:
            return _page("problem", 404, problem=_nothing("there is no such file"))
        text = resources.files("imscope.app").joinpath("assets", name).read_text("utf-8")
        return Response(text, media_type=kinds[name])


def _nothing(problem: str) -> dict[str, str]:
    return Problem(problem=problem, code=codes.APP_UNKNOWN).model_dump()


def _summary(entry: RunEntry) -> RunSummary:
    return RunSummary(
        id=entry.id, name=entry.name, state=entry.state, title=entry.title,
        created=entry.created, version=entry.version, n_samples=entry.n_samples,
        verdicts=list(entry.verdicts), answer=list(entry.answer), simulated=entry.simulated,
        note=entry.note,
    )  # fmt: skip


def _named(folders: RunFolders, path: Path) -> SheetName:
    return SheetName(id=folders.id_of(path), name=path.relative_to(folders.root).as_posix())


def _settings() -> list[dict[str, str]]:
    """Settings a form can ask for: one number, word or yes-no each, with default and meaning."""
    schema = run_config_schema()
    parts = schema.get("$defs", {})
    out = []
    for section, entry in schema.get("properties", {}).items():
        name = str(entry.get("$ref", "")).rpartition("/")[2]
        for key, field in parts.get(name, {}).get("properties", {}).items():
            kind = field.get("type") or "/".join(
                str(a.get("type", "")) for a in field.get("anyOf", []) if a.get("type") != "null"
            )
            if kind in ("integer", "number", "boolean", "string"):
                default = field.get("default")
                out.append({
                    "key": f"{section}.{key}", "kind": kind,
                    "default": "" if default is None else str(default).lower()
                    if isinstance(default, bool) else str(default),
                    "meaning": str(field.get("description", "")),
                })  # fmt: skip
    return out


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("imscope.app"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters["when"] = lambda t: str(t)[:16].replace("T", " ")
    made.filters["shown"] = lambda v: "" if v is None else f"{v:.4g}"
    return made


def _page(name: str, status: int = 200, **content: Any) -> Response:
    template = _environment().get_template(f"{name}.html.j2")
    return HTMLResponse(template.render(version=__version__, **content), status_code=status)
