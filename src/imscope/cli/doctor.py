"""`imscope doctor`: is this installation sound."""

from typing import Annotated

import typer


def doctor(
    json_out: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Check versions, machine, compiled kernels, bundled files and known numbers, offline."""
    import dataclasses
    import json

    from imscope.study.doctor import examine

    checks = examine()
    sound = all(c.status == "ok" for c in checks)
    if json_out:
        typer.echo(json.dumps({"ok": sound, "checks": [dataclasses.asdict(c) for c in checks]}))
    else:
        for c in checks:
            typer.echo(f"{c.status:6}  {c.name}: {c.detail}  ({c.seconds:.2f} s)")
        typer.echo("everything is in order" if sound else "something is wrong, see above")
    if not sound:
        raise typer.Exit(1)
