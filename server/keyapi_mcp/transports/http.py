"""MCP over HTTP: `/mcp` (streamable HTTP, both protocol eras), `/sse` + `/messages/` (legacy), `/healthz`, one app."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Literal

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.sse import SseServerTransport
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from keyapi_mcp import __version__
from keyapi_mcp.errors import InvalidSettings
from keyapi_mcp.settings import Settings, is_loopback
from keyapi_mcp.transports.guard import Bearer, BodyInTime, HostAndOrigin, allowed_hosts, allowed_origins, host_names

logger = logging.getLogger(__name__)

Resources = Callable[[], AbstractAsyncContextManager[None]]
# How long open streams and calls under way may take to end after a signal; the process is gone within 3 s.
_GRACE_S: Final = 2
# How long an idle connection is kept. Clients keep theirs for 5 s and may take one up at the last moment: ended by us
# just then, it loses their message, and some wait for its answer for ever.
_KEPT_ALIVE_S: Final = 75
# How long a request's body may take to come, the largest on a slow line included.
_BODY_S: Final = 20.0
# Of a token that can be tried from elsewhere; as many random characters cannot be guessed.
_SHORTEST_TOKEN: Final = 20
_OPEN_TO_ALL: Final = (
    "No token is set: every user and program of this machine can ask here and spend your credits. "
    "KEYAPI_MCP_AUTH_TOKEN sets one."
)
# Ours stand in front of every route, these would only see two of them.
_NO_SECOND_CHECK: Final = TransportSecuritySettings(enable_dns_rebinding_protection=False)


def http_app(server: Server[Any], settings: Settings, *, host: str, resources: Resources) -> Starlette:
    """The app with all routes. `resources` is entered once for the process, not once a connection.

    Raises InvalidSettings when `host` is not this machine and no token is set, or one that can be guessed.
    """
    if not is_loopback(host):
        _check_token(host, settings.auth_token)
    streamable = server.streamable_http_app(
        transport_security=_NO_SECOND_CHECK,
        max_request_body_size=settings.max_request_bytes,
        session_idle_timeout=settings.session_idle_s,
    )
    origins = allowed_origins(settings.allowed_origins)
    middleware = [
        Middleware(HostAndOrigin, hosts=allowed_hosts(host, settings.allowed_hosts), origins=origins),
        Middleware(
            CORSMiddleware,
            allow_origin_regex=origins.pattern,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["Mcp-Session-Id", "WWW-Authenticate"],
        ),
    ]
    if settings.auth_token is not None:
        middleware.append(Middleware(Bearer, token=settings.auth_token))
    middleware.append(Middleware(BodyInTime, seconds=_BODY_S))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with resources(), server.session_manager.run():
            yield

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "version": __version__})

    return Starlette(
        routes=[Route("/healthz", healthz), *streamable.routes, *_sse_routes(server, settings.max_request_bytes)],
        middleware=middleware,
        lifespan=lifespan,
    )


def _check_token(host: str, token: SecretStr | None) -> None:
    next_step = (
        "set KEYAPI_MCP_AUTH_TOKEN to a long random text (clients then send it as bearer token), "
        "or listen on 127.0.0.1."
    )
    if token is None:
        raise InvalidSettings(
            f"Listening on {host} would let everyone who reaches this machine spend your credits.", next_step
        )
    if len(token.get_secret_value()) < _SHORTEST_TOKEN:
        raise InvalidSettings(
            f"KEYAPI_MCP_AUTH_TOKEN is too short to listen on {host}: it could be guessed, and needs "
            f"{_SHORTEST_TOKEN} characters or more.",
            next_step,
        )


def _sse_routes(server: Server[Any], max_request_bytes: int) -> list[Route | Mount]:
    sse = SseServerTransport("/messages/", security_settings=_NO_SECOND_CHECK, max_request_body_size=max_request_bytes)

    class Stream:
        """An ASGI app and no function: Starlette would wrap a function and answer a second time."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async with sse.connect_sse(scope, receive, send) as (read, write):
                await server.run(read, write, server.create_initialization_options())

    return [Route("/sse", Stream(), methods=["GET"]), Mount("/messages/", sse.handle_post_message)]


def serve_http(
    server: Server[Any],
    settings: Settings,
    *,
    transport: Literal["http", "sse"],
    host: str,
    port: int,
    resources: Resources,
) -> int:
    """Serve until SIGTERM or SIGINT; exit code 0. All routes are always there; `transport` says whose URL to print.

    Raises InvalidSettings when the address cannot be listened on.
    """
    app = http_app(server, settings, host=host, resources=resources)
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        raise InvalidSettings(
            f"Cannot listen on {host}:{port}: {error.strerror or error}.", "choose another with --host and --port."
        ) from None
    # Connections inherit it. Without it an answer in two parts waits for the client's delayed acknowledgement: 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listening.getsockname()[1]}/{'sse' if transport == 'sse' else 'mcp'}"
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=_KEPT_ALIVE_S,
        server_header=False,
        lifespan="on",
        ws="none",
    )
    # Uvicorn raises a signal again once it has shut down; without handlers of ours that would end in a kill.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    if settings.auth_token is None:
        print(_OPEN_TO_ALL, file=sys.stderr)
    announcement = f"keyapi-mcp {__version__} listens on {url}"
    if not is_loopback(host):
        names = ", ".join(host_names(host, settings.allowed_hosts))
        announcement += (
            f"\nIn the address that clients are given, the host may be {names}. Any other is refused (421) until "
            "KEYAPI_MCP_ALLOWED_HOSTS names it, for example KEYAPI_MCP_ALLOWED_HOSTS=mybox.lan,192.0.2.2"
        )
    uvicorn_server = _Announcing(config, announcement)
    uvicorn_server.run(sockets=[listening])
    return 0 if uvicorn_server.started else 1


class _Announcing(uvicorn.Server):
    """Says where it listens, once it does."""

    def __init__(self, config: uvicorn.Config, announcement: str) -> None:
        super().__init__(config)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._announcement, file=sys.stderr, flush=True)
