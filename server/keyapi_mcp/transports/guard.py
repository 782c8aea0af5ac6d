"""Who may talk to the HTTP server: allow-lists of Host and Origin on every route, and a bearer token if one is set.

And for how long: a body has to come in time.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from typing import Final

import anyio
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keyapi_mcp.settings import is_loopback

_LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")
_PORT: Final = re.compile(r":(\d+|\*)$")
OPEN_PATHS: Final = frozenset({"/healthz"})


def host_names(bound: str, configured: Iterable[str]) -> list[str]:
    """What may be asked for: this machine's names, the address listened on, and what is configured."""
    own = () if is_loopback(bound) or bound in ("0.0.0.0", "::") else (_bracketed(bound),)  # noqa: S104
    return [*_LOCAL, *own, *configured]


def allowed_hosts(bound: str, configured: Iterable[str]) -> re.Pattern[str]:
    """What the Host header may be: these names, each at any port unless it has one."""
    names = host_names(bound, configured)
    return _pattern([value for name in names for value in ([name] if _PORT.search(name) else [name, f"{name}:*"])])


def allowed_origins(configured: Iterable[str]) -> re.Pattern[str]:
    """What the Origin header may be: pages of this machine, and what is configured. No header is no page, and fine."""
    local = [f"{scheme}://{name}{port}" for scheme in ("http", "https") for name in _LOCAL for port in ("", ":*")]
    return _pattern(local + list(configured))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _pattern(values: list[str]) -> re.Pattern[str]:
    """`:*` at the end of a value stands for any port."""
    parts = [re.escape(value.removesuffix(":*")) + (r":\d{1,5}" if value.endswith(":*") else "") for value in values]
    return re.compile("|".join(parts), re.IGNORECASE)


class HostAndOrigin:
    """Refuses requests that a foreign page made a browser send (DNS rebinding, cross-site requests)."""

    def __init__(self, app: ASGIApp, hosts: re.Pattern[str], origins: re.Pattern[str]) -> None:
        self._app, self._hosts, self._origins = app, hosts, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            # Two Host headers, or none, are no honest request.
            hosts, origin = headers.getlist("host"), headers.get("origin")
            if len(hosts) != 1 or not self._hosts.fullmatch(hosts[0]):
                refusal = PlainTextResponse(
                    "This Host is not allowed; KEYAPI_MCP_ALLOWED_HOSTS adds one.\n", status_code=421
                )
                return await refusal(scope, receive, send)
            if origin is not None and not self._origins.fullmatch(origin):
                refusal = PlainTextResponse(
                    "This Origin is not allowed; KEYAPI_MCP_ALLOWED_ORIGINS adds one.\n", status_code=403
                )
                return await refusal(scope, receive, send)
        return await self._app(scope, receive, send)


class Bearer:
    """Asks for the token on every route but the open ones; compared in constant time."""

    def __init__(self, app: ASGIApp, token: SecretStr) -> None:
        self._app, self._wanted = app, f"Bearer {token.get_secret_value()}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            return await self._app(scope, receive, send)
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        given = f"{'Bearer' if scheme.lower() == 'bearer' else scheme} {token.strip()}".encode()
        if hmac.compare_digest(given, self._wanted):
            return await self._app(scope, receive, send)
        refusal = JSONResponse(
            {"error": "invalid_token", "error_description": "send the bearer token of KEYAPI_MCP_AUTH_TOKEN"},
            status_code=401,
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
        return await refusal(scope, receive, send)


class _TooSlow(Exception):
    """The time for a body is over."""


class BodyInTime:
    """Refuses a body that is not whole in time: sent a byte at a time, it would hold its connection for ever."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "GET":
            return await self._app(scope, receive, send)
        deadline, whole = anyio.current_time() + self._seconds, False

        async def in_time() -> Message:
            nonlocal whole
            if whole:
                return await receive()
            with anyio.CancelScope(deadline=deadline):
                message = await receive()
                whole = not message.get("more_body", False)
                return message
            raise _TooSlow

        try:
            return await self._app(scope, in_time, send)
        except _TooSlow:
            refusal = PlainTextResponse(
                "The request's body took too long.\n", status_code=408, headers={"Connection": "close"}
            )
            return await refusal(scope, receive, send)
