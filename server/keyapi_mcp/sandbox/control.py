"""The switches for tests in another process, under `/_sandbox/`. They do not exist unless they are asked for.

- `GET requests` → `{"count": n, "requests": [{"path", "params", "authorization"}]}`
- `POST reset`: forget the faults and the requests
- `POST faults`: a list of faults (or one) to put into the queue, as in `faults.Fault`
- `POST date`: `{"day": "2026-11-22"}` moves the data day

A body that makes no sense is answered with 400 and `{"error": …}`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyapi_mcp.sandbox.faults import MARK, Fault

if TYPE_CHECKING:
    from keyapi_mcp.sandbox.app import Service

_Handler = Callable[[Request], Awaitable[object]]


def control_routes(service: Service) -> list[Route]:
    async def requests(_: Request) -> object:
        return {"count": service.arrived, "requests": list(service.requests)}

    async def reset(_: Request) -> None:
        service.reset()

    async def faults(request: Request) -> None:
        asked = await request.json()
        service.faults.push(*[Fault(**fault) for fault in (asked if isinstance(asked, list) else [asked])])

    async def set_day(request: Request) -> None:
        day = date.fromisoformat((await request.json())["day"])
        service.today = lambda: day

    return [
        Route("/_sandbox/requests", _answering(requests), methods=["GET"]),
        Route("/_sandbox/reset", _answering(reset), methods=["POST"]),
        Route("/_sandbox/faults", _answering(faults), methods=["POST"]),
        Route("/_sandbox/date", _answering(set_day), methods=["POST"]),
    ]


def _answering(handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            answer = await handler(request)
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400, headers=MARK)
        return JSONResponse({"ok": True} if answer is None else answer, headers=MARK)

    return endpoint
