"""The service's one endpoint as a Starlette app, and switches for tests under `/_sandbox/`."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyapi_mcp.sandbox.catalogue import Catalogue, Snapshot
from keyapi_mcp.sandbox.faults import MARK, Faults, apply, failure
from keyapi_mcp.sandbox.query import BadRequest, paging, search
from keyapi_mcp.sandbox.rows import render

PATH: Final = "/v1/tiktok/product/list/analytics"
_PAGING: Final = ("page_num", "page_size")
# Enough for any test or demo; a soak run must not grow for ever.
_KEPT_ROWS, _KEPT_QUERIES, _KEPT_REQUESTS = 20_000, 500, 10_000


def yesterday() -> date:
    """The newest data day there can be: figures are one day old (UTC)."""
    return (datetime.now(UTC) - timedelta(days=1)).date()


class Service:
    """The catalogue behind the endpoint, with what was rendered and asked lately kept ready.

    data_day: gives the day that the figures speak of; requests: what arrived (parameters and whether with a key).
    """

    def __init__(
        self, *, products: int = 5000, seed: int = 1, data_day: Callable[[], date] = yesterday, token: str | None = None
    ) -> None:
        self.data_day = data_day
        self.faults = Faults()
        self.requests: list[dict[str, Any]] = []
        self.arrived = 0
        self._catalogue = Catalogue(products, seed)
        self._token = token
        self._found: dict[tuple[date, tuple[tuple[str, str], ...]], list[Snapshot]] = {}
        self._rendered: dict[tuple[date, str], bytes] = {}

    async def endpoint(self, request: Request) -> Response:
        parameters = dict(request.query_params)
        self.arrived += 1
        self.requests.append({"params": parameters, "key": "authorization" in request.headers})
        del self.requests[:-_KEPT_REQUESTS]
        request_id = str(uuid.uuid4())

        async def answer() -> Response:
            return self._answer(request, parameters, request_id)

        fault = self.faults.take()
        return await (apply(fault, request, answer, request_id) if fault else answer())

    def _answer(self, request: Request, parameters: dict[str, str], request_id: str) -> Response:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not (key == self._token if self._token else key.startswith("sk_")):
            return failure(401, "apiKey is null" if not key else "apiKey is invalid", request_id)
        try:
            part = paging(parameters)
            rows = [self._row(snapshot) for snapshot in self._search(parameters)[part]]
        except BadRequest as error:
            return failure(400, str(error), request_id)
        body = (
            b'{"code":0,"message":"success","data":[' + b",".join(rows) + b'],"requestId":"%s"}' % request_id.encode()
        )
        return Response(body, headers=MARK, media_type="application/json")

    def _search(self, parameters: dict[str, str]) -> list[Snapshot]:
        day = self.data_day()
        key = (day, tuple(sorted(item for item in parameters.items() if item[0] not in _PAGING)))
        if key not in self._found:
            while len(self._found) >= _KEPT_QUERIES:
                del self._found[next(iter(self._found))]
            self._found[key] = search(self._catalogue, day, parameters)
        return self._found[key]

    def _row(self, snapshot: Snapshot) -> bytes:
        key = (snapshot.day, snapshot.listing.product_id)
        if key not in self._rendered:
            while len(self._rendered) >= _KEPT_ROWS:
                del self._rendered[next(iter(self._rendered))]
            self._rendered[key] = render(snapshot)
        return self._rendered[key]


def create_app(
    *,
    products: int = 5000,
    seed: int = 1,
    data_day: Callable[[], date] = yesterday,
    token: str | None = None,
    switches: bool = False,
) -> Starlette:
    """The app. switches: also serve `/_sandbox/`, through which tests set faults, move the day and count requests.

    `app.state.service` is the `Service`.
    """
    service = Service(products=products, seed=seed, data_day=data_day, token=token)
    routes = [Route(PATH, service.endpoint, methods=["GET"])]
    if switches:
        routes += _switches(service)
    app = Starlette(routes=routes)
    app.state.service = service
    return app


def _switches(service: Service) -> list[Route]:
    async def requests(_: Request) -> Response:
        return JSONResponse({"count": service.arrived, "requests": service.requests})

    async def reset(_: Request) -> Response:
        service.faults.clear()
        service.requests.clear()
        service.arrived = 0
        return JSONResponse({"ok": True})

    async def faults(request: Request) -> Response:
        try:
            for fault in await request.json():
                service.faults.push(**fault)
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"ok": True})

    async def set_day(request: Request) -> Response:
        day = date.fromisoformat((await request.json())["day"])
        service.data_day = lambda: day
        return JSONResponse({"ok": True})

    return [
        Route("/_sandbox/requests", requests, methods=["GET"]),
        Route("/_sandbox/reset", reset, methods=["POST"]),
        Route("/_sandbox/faults", faults, methods=["POST"]),
        Route("/_sandbox/date", set_day, methods=["POST"]),
    ]
