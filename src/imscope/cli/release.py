"""`imscope release`: plans, comparisons, charts, specifications and certificates of lots."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imscope.cli.registry import ActorOption, PlaceOption, WhyOption, opened_registry, passphrase
from imscope.cli.shell import JsonOption, OutOption, emit, print_json, say

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(no_args_is_help=True, help="Decisions on lots; people release, imscope records.")
CodeArgument = Annotated[str, typer.Argument(help="Code under which it stands on record.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be added, add nothing.")]


def _content(path: Path) -> Any:
    """Content of a YAML or JSON file."""
    import yaml

    from imscope.core import codes
    from imscope.core.errors import UsageError

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise UsageError(
            f"{path} cannot be read", found=str(error).splitlines()[0], code=codes.REG_INPUT
        ) from error


def _rows(path: Path, *, text: bool = False) -> "pd.DataFrame":
    """Rows of a CSV or TSV file."""
    import pandas as pd

    from imscope.core import codes
    from imscope.core.errors import DataError

    try:
        separator = "\t" if path.suffix == ".tsv" else ","
        return pd.read_csv(path, sep=separator, dtype=str if text else None, encoding="utf-8-sig")
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise DataError(
            f"{path} cannot be read", found=str(error).splitlines()[0][:200], code=codes.REG_INPUT
        ) from error


@app.command()
def register(
    sheet: Annotated[Path, typer.Argument(help="Sample sheet.")],
    run: Annotated[Path | None, typer.Option("--run", help="Run folder of the samples.")] = None,
    registry: PlaceOption = None,
    actor: ActorOption = "",
    dry_run: DryRun = False,
) -> None:
    """Put lots, samples and links of a sample sheet on record and take the run in."""
    from imscope.decisions.release.intake import register_lots

    added = register_lots(opened_registry(registry, actor), sheet, run, dry_run=dry_run)
    for line in added:
        typer.echo(line)
    say(f"{len(added)} {'would be ' if dry_run else ''}added")


@app.command()
def result(
    table: Annotated[Path, typer.Argument(help="Results (.csv, .tsv), one row each.")],
    registry: PlaceOption = None,
    actor: ActorOption = "",
) -> None:
    """Put results of assays on record; all rows are checked before the first is written."""
    from imscope.decisions.release.intake import add_results

    made = add_results(opened_registry(registry, actor), _rows(table, text=True))
    say(f"{len(made)} results: {made[0]} to {made[-1]}")


@app.command()
def spec(
    code: CodeArgument,
    file: Annotated[Path, typer.Argument(help="Specification (.yaml, .json).")],
    registry: PlaceOption = None,
    actor: ActorOption = "",
) -> None:
    """Put a specification on record."""
    from dataclasses import asdict

    from imscope.decisions.release.criteria import read_specification

    product, criteria = read_specification(_content(file))
    body = {"product": product, "criteria": [asdict(c) for c in criteria]}
    event = opened_registry(registry, actor).add("spec", code, body)
    say(f"event {event.seq}: {code}, {len(criteria)} criteria")


@app.command()
def baseline(
    code: CodeArgument,
    attribute: Annotated[str, typer.Argument(help="What is charted.")],
    lots: Annotated[list[str], typer.Argument(help="Lots that make the limits.")],
    registry: PlaceOption = None,
    actor: ActorOption = "",
) -> None:
    """Freeze the lots that make the limits of a chart."""
    opened = opened_registry(registry, actor)
    for lot in lots:
        opened.state().get("lot", lot)
    event = opened.add("baseline", code, {"attribute": attribute, "lots": lots})
    say(f"event {event.seq}: {code}, {len(lots)} lots")


@app.command()
def plan(
    file: Annotated[Path, typer.Argument(help="Plan (.yaml, .json).")],
    code: Annotated[str, typer.Option("--code", help="Register it under this code.")] = "",
    registry: PlaceOption = None,
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Say what a comparison can show before the lots are made; with --code, register the plan."""
    from imscope.decisions.release.plan import forecast_plan, read_plan

    read = read_plan(_content(file))
    forecasts, joint = forecast_plan(read)
    if code:
        opened = opened_registry(registry, actor)
        at = opened.clock().isoformat(timespec="milliseconds")
        text = json.dumps(read.body, sort_keys=True, default=str)
        body = {"sha256": read.sha256, "text": text, "registered_at": at}
        say(f"event {opened.add('plan', code, body).seq}: plan {code}")
    if as_json:
        print_json({"sha256": read.sha256, "attributes": [_forecast(f) for f in forecasts],
                    "joint_power": [{"critical": k, "power": p} for k, p in joint]})  # fmt: skip
        return
    for f in forecasts:
        power = f"power {f.power:.0%}" if f.power is not None else f"no power: {f.reason}"
        sure = f", assurance {f.assurance:.0%}" if f.assurance is not None else ""
        typer.echo(f"{f.attribute} ({f.risk}): {power}{sure}")
    for k, p in joint:
        typer.echo(f"all of {k} critical attributes pass: {p:.0%} when nothing changed")


def _forecast(f: Any) -> dict[str, Any]:
    return {
        "attribute": f.attribute, "class": f.risk, "margin_sd": f.margin_sd,
        "power_at_zero": f.power,
        "assurance": f.assurance, "reason": f.reason,
        "curve": [{"shift_sd": d, "power": p} for d, p in f.curve],
    }  # fmt: skip


@app.command()
def compare(
    file: Annotated[Path, typer.Argument(help="The plan (.yaml, .json).")],
    arms: Annotated[
        Path,
        typer.Argument(help="Table of lots: lot, arm; with values, or values come from record."),
    ],
    registry: PlaceOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Compare two arms as planned; exit 3 when an attribute differs or lies outside."""
    from imscope.decisions.release.compare import compare_arms, not_testable
    from imscope.decisions.release.intake import late_data, results_table
    from imscope.decisions.release.plan import read_plan

    read, table, seq, late = read_plan(_content(file)), _rows(arms), None, ""
    if "value" not in table.columns:
        state = opened_registry(registry).state()
        table["lot"] = table["lot"].astype(str)
        late = late_data(state, read, table.loc[table["arm"] == "new", "lot"])
        plans = [r for (k, _), r in state.records.items() if k == "plan"]
        seq = next((r["seq"] for r in plans if r["body"]["sha256"] == read.sha256), None)
        if not late:
            table = results_table(state).merge(table[["lot", "arm"]], on="lot")
    found = not_testable(read, late) if late else compare_arms(read, table)
    import pandas as pd

    content = found.content(seq)
    lines = [f"{a.attribute}: {a.verdict} ({a.reason})" for a in found.attributes]
    emit(pd.DataFrame(content["attributes"]), as_json=as_json, out=out, content=content,
         lines=[found.overall, *lines, *found.warnings])  # fmt: skip
    if {"DIFFERENT", "OUTSIDE"} & {found.overall, *(a.verdict for a in found.attributes)}:
        raise typer.Exit(3)


@app.command()
def chart(
    attribute: Annotated[str, typer.Argument(help="What is charted.")],
    table: Annotated[
        Path | None, typer.Option("--table", help="lot, order, value; default: from the record.")
    ] = None,
    lots: Annotated[
        str, typer.Option("--baseline", help="Baseline lots, comma-separated; with --table.")
    ] = "",
    scale: Annotated[str, typer.Option("--scale", help="identity, log or logit.")] = "identity",
    rules: Annotated[str, typer.Option("--rules", help="westgard, or western electric.")] = "",
    svg: Annotated[Path | None, typer.Option("--svg", help="Draw it (.svg).")] = None,
    registry: PlaceOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Chart an attribute over lots; exit 3 when a lot signals."""
    import pandas as pd

    from imscope.decisions.release.charts import Baseline, control_chart
    from imscope.decisions.release.intake import results_table
    from imscope.report.lot_chart import draw_chart

    if table is not None:
        rows = _rows(table).astype({"lot": str})
        bases = [Baseline("baseline", tuple(lots.split(",")))] if lots else []
    else:
        state = opened_registry(registry).state()
        rows = results_table(state)
        rows = rows[rows["attribute"] == attribute] if len(rows) else rows
        bases = [
            Baseline(name, tuple(r["body"]["lots"])) for (kind, name), r in state.records.items()
            if kind == "baseline" and r["body"]["attribute"] == attribute
        ]  # fmt: skip
    made = control_chart(
        rows,
        bases,
        attribute=attribute,
        scale=scale,  # type: ignore[arg-type]
        rules=rules,
    )
    if svg is not None:
        from imscope.io.atomic import write_text

        write_text(svg, draw_chart(made))
    points = pd.DataFrame(made.content()["points"])
    lines = [made.status, made.words, *(f"{p.lot}: {p.rule}" for p in made.signals)]
    emit(points, as_json=as_json, out=out, content=made.content(), lines=lines)
    if made.signals:
        raise typer.Exit(3)


@app.command()
def certify(
    lot: Annotated[str, typer.Argument(help="Code of the lot.")],
    specification: Annotated[str, typer.Option("--spec", help="Specification on record.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New certificate (.json).")],
    replaces: Annotated[str, typer.Option("--replaces", help="Certificate it replaces.")] = "",
    registry: PlaceOption = None,
    actor: ActorOption = "",
    why: WhyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make a certificate (JSON, HTML) and put it on record; exit 3 unless all criteria are met."""
    from imscope.decisions.release.certificate import issue_certificate

    record, page = issue_certificate(
        opened_registry(registry, actor), lot, specification, replaces=replaces, why=why
    )
    from imscope.io.atomic import write_bytes, write_text

    write_bytes(out, record)
    write_text(out.with_suffix(".html"), page)
    content = json.loads(record)
    if as_json:
        print_json(content)
    else:
        typer.echo(f"{content['certificate']}: lot {lot} {content['verdict']}")
    say(f"wrote {out} and {out.with_suffix('.html')}")
    if not content["verdict"].startswith("MEETS"):
        raise typer.Exit(3)


@app.command()
def sign(
    target: Annotated[str, typer.Argument(help="kind:code, such as lot:L1 or certificate:C1.")],
    meaning: Annotated[str, typer.Option("--meaning", help="performed, reviewed, released, ...")],
    file: Annotated[
        Path | None, typer.Option("--file", help="The certificate whose bytes are signed.")
    ] = None,
    registry: PlaceOption = None,
    actor: ActorOption = "",
    why: WhyOption = "",
) -> None:
    """Sign an object, or exactly the bytes of a certificate, with your key and passphrase."""
    from imscope.decisions.release.certificate import signable

    opened = opened_registry(registry, actor)
    content = signable(opened.state(), target, file.read_bytes() if file else None)
    event = opened.sign(target, content, meaning=meaning, why=why, passphrase=passphrase())
    say(f"event {event.seq}: {opened.actor} signed {target} as {meaning!r}")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Certificate (.json) or export bundle (.zip).")],
    registry: PlaceOption = None,
    alone: Annotated[bool, typer.Option("--alone", help="Without a registry.")] = False,
) -> None:
    """Check a certificate or bundle; exit 3 when something does not fit."""
    if file.suffix == ".zip":
        from imscope.registry.copies import verify_bundle

        found = verify_bundle(file)
        problems = [str(found.first_bad)] if found.first_bad else []
    else:
        from imscope.decisions.release.certificate import check_certificate, read_certificate

        state = None if alone else opened_registry(registry).state()
        problems = check_certificate(read_certificate(file.read_text(encoding="utf-8")), state)
    for line in problems or ["everything fits"]:
        typer.echo(line)
    if problems:
        raise typer.Exit(3)


@app.command()
def review(
    registry: PlaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what a reviewer must see: corrections, retests, failures, clock, unanchored events."""
    from imscope.decisions.release.review import exceptions

    opened = opened_registry(registry)
    rows = exceptions(opened)
    if as_json:
        print_json({"exceptions": rows})
        return
    for r in rows:
        typer.echo(f"{r['seq']:>5} {r['at']} {r['who']}: {r['what']} {r['object']} {r['why']}")
    say(f"{len(rows)} exceptions")
