"""`imscope serve`: runs, sheets and jobs of a folder in the browser, on this machine only."""

from pathlib import Path
from typing import Annotated

import typer

from imscope.cli.shell import say

PLACE = 125


def serve(
    folder: Annotated[Path, typer.Argument(help="Folder that holds runs and sample sheets.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8765,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the browser.")
    ] = True,
) -> None:
    """Show the runs of a folder in the browser, compare them, and start new ones.

    The app listens on this machine alone. The printed link holds a token; without it no page opens.
    """
    import socket

    from imscope.core import codes
    from imscope.core.errors import UsageError

    try:
        import uvicorn

        from imscope.app.guard import Sessions
        from imscope.app.server import create_app
    except ImportError as error:
        declared = codes.CODES[codes.APP_EXTRA]
        raise UsageError(
            declared.meaning, found=str(error), fix=declared.fix, code=codes.APP_EXTRA
        ) from error
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)  # from here on the link works, even before the app is ready
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be used",
            found=str(error),
            fix=codes.CODES[codes.APP_PORT].fix,
            code=codes.APP_PORT,
        ) from error
    port = listener.getsockname()[1]
    sessions = Sessions()
    hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
    app = create_app(folder, sessions, hosts)
    link = f"http://127.0.0.1:{port}/start?token={sessions.token}"
    say(f"imscope shows {folder} at {link}")
    say("Stop it with Ctrl-C; runs that were started go on.")
    if browser:
        import webbrowser

        webbrowser.open(link)
    config = uvicorn.Config(app, log_level="warning", server_header=False, access_log=False)
    uvicorn.Server(config).run(sockets=[listener])
