"""The sandbox as a process of its own, on loopback."""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
from datetime import date
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from keyapi_mcp.sandbox.app import create_app, yesterday


class ExposingProtocol(H11Protocol):
    """Puts the connection's transport into the scope, because some faults need the socket itself."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})["keyapi.transport"] = {"transport": transport}
            await app(scope, receive, send)

        self.app = with_transport


def server_for(app: ASGIApp) -> uvicorn.Server:
    """A uvicorn server without logs of its own; give it a listening socket."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=ExposingProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=75,
        )
    )


def run(host: str, port: int, app: ASGIApp) -> int:
    """Serve until SIGTERM or SIGINT; gives the exit code. Port 0 picks a free one.

    The first line on standard output is JSON with the port, for parents; standard error gets a line for people.
    """
    try:
        listening = socket.create_server((host, port), backlog=1024)
    except OSError as error:
        print(f"keyapi-mcp sandbox: cannot listen on port {port}: {error.strerror}", file=sys.stderr)
        return 1
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or a kept connection answers 40 ms late
    server = server_for(app)

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    # Uvicorn takes the signals only once it runs, and raises them again at its end: that would end in a kill.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    url = f"http://{host}:{listening.getsockname()[1]}"
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    print(
        f"Synthetic KeyAPI on {url} (any key that begins with sk_). Use it with KEYAPI_API_BASE_URL={url}",
        file=sys.stderr,
        flush=True,
    )
    server.run(sockets=[listening])
    return 0


def main(options: argparse.Namespace) -> int:
    """What the command line asks for; see `options.py`."""
    day: date | None = options.date
    app = create_app(
        products=options.products,
        seed=options.seed,
        today=(lambda: day) if day else yesterday,
        faults=options.faults,
    )
    return run("127.0.0.1", options.port, app)
