"""A sandbox on a real socket of this machine, for tests that need the network to be one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from starlette.applications import Starlette

from keyapi_mcp.sandbox.app import create_app
from keyapi_mcp.sandbox.faults import Faults
from keyapi_mcp.sandbox.serve import server_for

DAY: Final = date(2026, 11, 22)
_STOP_SECONDS: Final = 30


@dataclass(frozen=True)
class RunningSandbox:
    """url: without a slash at its end; requests: what arrived, oldest first (`path`, `params`, `authorization`)."""

    url: str
    app: Starlette

    @property
    def faults(self) -> Faults:
        faults: Faults = self.app.state.faults
        return faults

    @property
    def requests(self) -> list[dict[str, Any]]:
        requests: list[dict[str, Any]] = self.app.state.requests
        return requests

    def set_day(self, day: date) -> None:
        """Move the newest data day."""
        self.app.state.service.today = lambda: day

    def reset_faults(self) -> None:
        """Forget the faults; what was asked stays known."""
        self.faults.clear()

    def reset(self) -> None:
        """Forget the faults and the requests."""
        self.app.state.service.reset()


@contextmanager
def running_sandbox(
    *, products: int = 600, seed: int = 1, day: date = DAY, token: str | None = None, faults: bool = False
) -> Iterator[RunningSandbox]:
    """Serve on a free port of 127.0.0.1 until the block ends. faults: also the switches under `/_sandbox/`."""
    app = create_app(products=products, seed=seed, today=lambda: day, token=token, faults=faults)
    # It listens already: a client that comes before the server runs is kept waiting, so nobody has to poll.
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = listening.getsockname()[1]
    server = server_for(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="sandbox", daemon=True)
    thread.start()
    try:
        yield RunningSandbox(f"http://127.0.0.1:{port}", app)
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        assert not thread.is_alive(), "the sandbox did not stop"
