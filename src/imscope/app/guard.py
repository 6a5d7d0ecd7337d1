"""Who may ask: one Host, one session, writes from our own pages only, nothing from elsewhere."""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "imscope_session"
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
MOST_BYTES = 2_000_000
"""Of the body of a request: a sample sheet, never a matrix."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (b"x-frame-options", b"DENY"),
)
OPEN = frozenset({"/start", "/assets/app.css"})
"""What is given without a session: the door, and how its page looks."""


class Sessions:
    """The start token of this process and the sessions it opened, kept as hashes."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        self._open: set[str] = set()
        self._left = hashlib.sha256(self.token.encode()).hexdigest()

    def enter(self, token: str) -> str | None:
        """A new session for the right token, or nothing."""
        if not hmac.compare_digest(hashlib.sha256(token.encode()).hexdigest(), self._left):
            return None
        session = secrets.token_urlsafe(32)
        self._open.add(hashlib.sha256(session.encode()).hexdigest())
        return session

    def knows(self, session: str) -> bool:
        """Whether a cookie belongs to an open session."""
        return hashlib.sha256(session.encode()).hexdigest() in self._open


class Guard:
    """ASGI wrapper that refuses what does not come from this machine's own browser.

    Parameters
    ----------
    app
        What is guarded.
    sessions
        Open sessions.
    hosts
        Host headers that are ours, compared as a whole.
    """

    def __init__(self, app: App, sessions: Sessions, hosts: frozenset[str]) -> None:
        self.app, self.sessions, self.hosts = app, sessions, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        refused = self._refuse(scope)
        if refused is not None:
            await _answer(send, *refused, html=not scope["path"].startswith("/api/"))
            return
        if scope["path"] == "/start":
            await self._start(scope, send)
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = {k.lower() for k, _ in message.get("headers", [])}
                extra = [h for h in HEADERS if h[0] not in given]
                message["headers"] = [*message.get("headers", []), *extra]
            await send(message)

        await self.app(scope, receive, guarded)

    def _refuse(self, scope: Scope) -> tuple[int, str] | None:
        """Why a request is not answered, or nothing."""
        heads: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in heads and name in (b"host", b"origin", b"cookie", b"content-length"):
                return 400, f"the header {name.decode('latin-1')} stands twice"
            heads[name] = value
        if heads.get(b"host", b"").decode("latin-1") not in self.hosts:
            return 403, "this address is not the app's own"
        if scope["method"] in WRITES:
            origin = heads.get(b"origin", b"").decode("latin-1")
            if origin not in {f"http://{h}" for h in self.hosts}:
                return 403, "this request comes from another page"
            if heads.get(b"sec-fetch-site", b"same-origin") != b"same-origin":
                return 403, "this request comes from another site"
            length = heads.get(b"content-length", b"")
            if not length.isdigit():
                return 411, "the length of the request is not stated"
            if int(length) > MOST_BYTES:
                return 413, f"a request may have {MOST_BYTES:,} bytes"
        if scope["path"] in OPEN:
            return None
        if not self.sessions.knows(_cookie(heads.get(b"cookie", b""))):
            return 401, "open the link that `imscope serve` printed: this browser has no session"
        return None

    async def _start(self, scope: Scope, send: Send) -> None:
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        session = self.sessions.enter(token)
        if session is None:
            await _answer(send, 401, "this link is not of the app that runs now", html=True)
            return
        cookie = f"{COOKIE}={session}; HttpOnly; SameSite=Strict; Path=/"
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), *HEADERS]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _cookie(header: bytes) -> str:
    try:
        found = SimpleCookie(header.decode("latin-1")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


async def _answer(send: Send, status: int, words: str, *, html: bool) -> None:
    """A refusal as a small page or as JSON; the words are ours and hold nothing of the request."""
    if html:
        kind = b"text/html; charset=utf-8"
        body = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>imscope</title>'
            '<link rel="stylesheet" href="/assets/app.css"></head><body><main><h1>imscope</h1>'
            f"<p>{words}.</p></main></body></html>"
        ).encode()
    else:
        kind, body = b"application/json", f'{{"detail": "{words}"}}'.encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
