"""`imscope registry`: the record of donors, lines, clones, lots, people and signatures."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imscope.cli.shell import JsonOption, print_json, say

if TYPE_CHECKING:
    from imscope.registry.record import Registry

app = typer.Typer(no_args_is_help=True, help="The record: objects, people, events, copies.")
PlaceOption = Annotated[
    Path | None,
    typer.Option("--registry", help="Folder; default IMSCOPE_REGISTRY, then ./registry."),
]
ActorOption = Annotated[
    str, typer.Option("--as", envvar="IMSCOPE_ACTOR", help="Who writes: a person on record.")
]
WhyOption = Annotated[str, typer.Option("--why", help="Reason, three words or more.")]
FieldsArgument = Annotated[
    list[str] | None, typer.Argument(help="Facts as name=value.", show_default=False)
]


def opened_registry(place: Path | None, actor: str = "") -> "Registry":
    """Open the registry; a single person on record need not be named."""
    from imscope.registry.record import Registry, registry_place

    registry = Registry(registry_place(place), actor=actor)
    if not actor:
        people = [name for kind, name in registry.state().records if kind == "person"]
        if len(people) == 1:
            registry.actor = people[0]
    return registry


def passphrase(prompt: str = "Passphrase") -> str:
    """Passphrase from the file IMSCOPE_PASSPHRASE_FILE names, or typed in."""
    from imscope.core import codes
    from imscope.core.errors import DataError

    name = os.environ.get("IMSCOPE_PASSPHRASE_FILE", "")
    if name:
        try:
            return Path(name).read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                "the passphrase file cannot be read", found=str(error), code=codes.SIGN_PASSPHRASE
            ) from error
    return str(typer.prompt(prompt, hide_input=True, err=True))


def facts(fields: list[str] | None) -> dict[str, str]:
    """Facts given as ``name=value``."""
    out = {}
    for text in fields or []:
        name, sign, value = text.partition("=")
        if not sign or not name.isidentifier():
            raise typer.BadParameter(f"facts are name=value, found {text!r}")
        out[name] = value
    return out


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="New or empty folder.")],
    person: Annotated[str, typer.Option("--person", help="Short name of the first person.")],
    name: Annotated[str, typer.Option("--name", help="Name as printed beside a signature.")],
    solo: Annotated[
        bool, typer.Option("--solo", help="Research by one person: all roles in one hand.")
    ] = False,
    url: Annotated[
        str, typer.Option("--url", help="PostgreSQL (postgresql+pg8000://...); default SQLite.")
    ] = "",
) -> None:
    """Make a registry with its first person and key."""
    from imscope.registry.create import init_registry

    made = init_registry(
        folder,
        person=person,
        printed_name=name,
        passphrase=passphrase("New passphrase"),
        solo=solo,
        url=url,
    )
    say(f"registry {made.identity[:8]} in {folder}: {person} is enrolled, key in {folder}/keys")
    if solo:
        say("research use: one person, no second pair of eyes; every certificate says so")


@app.command()
def status(registry: PlaceOption = None, as_json: JsonOption = False) -> None:
    """Say what is on record: head, counts, people."""
    opened = opened_registry(registry)
    state, (seq, digest) = opened.state(), opened.head()
    counts: dict[str, int] = {}
    for kind, _ in state.records:
        counts[kind] = counts.get(kind, 0) + 1
    content = {"registry": opened.identity, "head": {"seq": seq, "hash": digest}, "counts": counts}
    if as_json:
        print_json(content)
        return
    typer.echo(f"registry {opened.identity[:8]}, event {seq}, head {digest[:16]}")
    for kind, n in sorted(counts.items()):
        typer.echo(f"  {kind:<14} {n}")


@app.command()
def add(
    kind: Annotated[str, typer.Argument(help="donor, line, clone, lot, deviation, ...")],
    code: Annotated[str, typer.Argument(help="As on the tube; never used again.")],
    fields: FieldsArgument = None,
    registry: PlaceOption = None,
    actor: ActorOption = "",
    why: WhyOption = "",
) -> None:
    """Put an object on record."""
    event = opened_registry(registry, actor).add(kind, code, facts(fields), why)
    say(f"event {event.seq}: {kind} {code}")


@app.command()
def change(
    kind: Annotated[str, typer.Argument(help="Kind of the object.")],
    code: Annotated[str, typer.Argument(help="Its code.")],
    fields: FieldsArgument = None,
    registry: PlaceOption = None,
    actor: ActorOption = "",
    why: WhyOption = "",
) -> None:
    """Change facts of an object; old values and reason stay on record."""
    event = opened_registry(registry, actor).change(kind, code, facts(fields), why)
    say(f"event {event.seq}: {kind} {code} changed")


@app.command()
def link(
    parent: Annotated[str, typer.Argument(help="kind:code of what it comes from.")],
    child: Annotated[str, typer.Argument(help="kind:code of what was made.")],
    registry: PlaceOption = None,
    actor: ActorOption = "",
) -> None:
    """Say that one object comes from another."""
    event = opened_registry(registry, actor).link(parent, child)
    say(f"event {event.seq}: {parent} -> {child}")


@app.command()
def move(
    lot: Annotated[str, typer.Argument(help="Code of the lot.")],
    state: Annotated[str, typer.Argument(help="in test, tested, reviewed, released, on hold, ...")],
    registry: PlaceOption = None,
    actor: ActorOption = "",
    why: WhyOption = "",
) -> None:
    """Take a lot to its next state."""
    event = opened_registry(registry, actor).move(lot, state, why)
    say(f"event {event.seq}: lot {lot} is {state!r}")


@app.command()
def show(
    kind: Annotated[str, typer.Argument(help="Kind of the object.")],
    code: Annotated[str, typer.Argument(help="Its code.")],
    registry: PlaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an object with its history: who, when, what, old value, why."""
    opened = opened_registry(registry)
    record = opened.state().get(kind, code)
    history = [dict(e.body) for e in opened.events() if e.body["object"] == f"{kind}:{code}"]
    if as_json:
        print_json({"object": f"{kind}:{code}", **record, "history": history})
        return
    typer.echo(f"{kind} {code}: {record['state']}")
    for name, value in record["body"].items():
        typer.echo(f"  {name}: {value}")
    for e in history:
        old = f" (was {e['before']})" if e["before"] else ""
        typer.echo(f"  {e['seq']:>5} {e['at']} {e['actor']}: {e['action']}{old} {e['why']}")


@app.command()
def trace(
    item: Annotated[str, typer.Argument(help="kind:code, such as donor:D1.")],
    registry: PlaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what an object comes from, what it touches, and which use restrictions hold."""
    state = opened_registry(registry).state()
    kind, _, code = item.partition(":")
    state.get(kind, code)
    up, down, limits = state.ancestors(item), state.descendants(item), state.restrictions(item)
    if as_json:
        print_json({"object": item, "comes_from": up, "touches": down, "restrictions": limits})
        return
    for title, rows in (("comes from", up), ("touches", down), ("restrictions", limits)):
        typer.echo(f"{title}: {', '.join(rows) or 'none'}")


@app.command()
def verify(
    bundle: Annotated[
        Path | None, typer.Argument(help="An export bundle; the registry if not given.")
    ] = None,
    registry: PlaceOption = None,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="Checkpoint, folder of them, or certificate kept outside."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify the record; exit 3 when anything fails."""
    if bundle is not None:
        from imscope.registry.copies import verify_bundle

        found = verify_bundle(bundle, against or [])
    else:
        from imscope.registry.record import Registry, registry_place
        from imscope.registry.verify import verify_registry

        found = verify_registry(Registry(registry_place(registry)), against or [])
    if as_json:
        print_json(found.content())
    else:
        typer.echo(
            f"integrity {found.integrity}, completeness {found.completeness}, order {found.order}"
        )
        typer.echo(
            f"{found.events} events; after the last anchor outside: {found.unanchored}, unanchored"
        )
        if found.first_bad:
            typer.echo("first bad: event {seq}, {object}, {field}: {why}".format(**found.first_bad))
    if not found.holds:
        raise typer.Exit(3)


@app.command()
def checkpoint(
    registry: PlaceOption = None,
    anchor: Annotated[Path | None, typer.Option("--anchor", help="A further folder.")] = None,
) -> None:
    """Sign the head of the record and keep it beside the database and in a further folder."""
    point = opened_registry(registry).checkpoint(anchor)
    say(f"checkpoint of event {point['seq']}, {point['hash'][:16]}")


@app.command()
def backup(
    out: Annotated[Path, typer.Argument(help="New file (.zip).")], registry: PlaceOption = None
) -> None:
    """Write a backup with digests of every file."""
    from imscope.registry.copies import backup_registry

    say(f"wrote {backup_registry(opened_registry(registry), out)}")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A backup.")],
    to: Annotated[Path, typer.Option("--to", help="A new or empty folder.")],
) -> None:
    """Restore a backup into an empty place, verified before it says so."""
    from imscope.registry.copies import restore_registry

    found = restore_registry(source, to)
    say(f"restored {found.events} events to {to}")


@app.command()
def rebuild(
    registry: PlaceOption = None,
    check: Annotated[bool, typer.Option("--check", help="Compare only.")] = False,
) -> None:
    """Make the tables of the present state again from the events."""
    from imscope.registry.copies import rebuild_projection
    from imscope.registry.verify import verify_registry

    opened = opened_registry(registry)
    if check:
        bad = verify_registry(opened).first_bad
        say(f"differs: {bad}" if bad else "tables are what the events say")
        raise typer.Exit(3 if bad else 0)
    say(f"wrote {rebuild_projection(opened)} rows")


@app.command()
def export(
    lots: Annotated[list[str], typer.Argument(help="Codes of lots.")],
    bundle: Annotated[Path, typer.Option("--bundle", help="New file (.zip).")],
    registry: PlaceOption = None,
) -> None:
    """Write what a third party needs to verify lots offline."""
    from imscope.registry.copies import export_bundle

    say(f"wrote {export_bundle(opened_registry(registry), lots, bundle)}")


@app.command()
def person(
    short: Annotated[str, typer.Argument(help="Short name.")],
    name: Annotated[str, typer.Option("--name", help="Name as printed beside a signature.")],
    role: Annotated[list[str], typer.Option("--role", help="analyst, reviewer, releaser, ...")],
    registry: PlaceOption = None,
    actor: ActorOption = "",
) -> None:
    """Enrol a person with roles and a new key."""
    opened = opened_registry(registry, actor)
    event = opened.enrol(short, name, tuple(role), passphrase(f"Passphrase of {short}"))
    say(f"event {event.seq}: {short} is {', '.join(role)}")
