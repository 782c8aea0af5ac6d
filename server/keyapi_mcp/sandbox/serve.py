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


def main(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT. The first line on standard output is JSON with the port, for parents."""
    day: date | None = options.date
    app = create_app(
        products=options.products,
        seed=options.seed,
        data_day=(lambda: day) if day else yesterday,
        switches=options.faults,
    )
    try:
        listening = socket.create_server(("127.0.0.1", options.port), backlog=1024)
    except OSError as error:
        print(f"keyapi-mcp sandbox: cannot listen on port {options.port}: {error.strerror}", file=sys.stderr)
        return 1
    port = listening.getsockname()[1]
    print(json.dumps({"port": port}), flush=True)
    print(
        f"Synthetic KeyAPI on http://127.0.0.1:{port} (any key that begins with sk_). "
        f"Use it with KEYAPI_API_BASE_URL=http://127.0.0.1:{port}",
        file=sys.stderr,
        flush=True,
    )
    # Uvicorn raises a signal again once it has shut down; without handlers of ours that would end in a kill.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    server_for(app).run(sockets=[listening])
    return 0
