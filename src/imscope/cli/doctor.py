"""`imscope doctor`: is this installation sound."""

from typing import Annotated

import typer

from imscope.cli.shell import JsonOption, print_json

PLACE = 130


def doctor(
    scheduler: Annotated[
        str, typer.Option("--scheduler", help="Also try the workers of this scheduler.")
    ] = "threads",
    as_json: JsonOption = False,
) -> None:
    """Check versions, machine, compiled kernels, bundled files and known numbers, offline."""
    import dataclasses

    from imscope.study.doctor import examine
    from imscope.study.doctor_workers import examine_workers

    checks = [*examine(), *examine_workers(scheduler)]
    sound = all(c.status == "ok" for c in checks)
    if as_json:
        print_json({"ok": sound, "checks": [dataclasses.asdict(c) for c in checks]})
    else:
        for c in checks:
            typer.echo(f"{c.status:6}  {c.name}: {c.detail}  ({c.seconds:.2f} s)")
        typer.echo("everything is in order" if sound else "something is wrong, see above")
    if not sound:
        raise typer.Exit(1)
