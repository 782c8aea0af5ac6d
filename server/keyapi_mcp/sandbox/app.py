"""The service's one endpoint as a Starlette app."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keyapi_mcp.sandbox.catalogue import Catalogue, Snapshot
from keyapi_mcp.sandbox.control import control_routes
from keyapi_mcp.sandbox.faults import JSON, MARK, Faults, failure, faulty
from keyapi_mcp.sandbox.query import BadRequest, paging, search
from keyapi_mcp.sandbox.rows import render

PATH: Final = "/v1/tiktok/product/list/analytics"
_PAGING: Final = frozenset(("page_num", "page_size"))
# Enough for any test or demo (a row is 11 KB); a soak run must not grow for ever.
_KEPT_ROWS, _KEPT_QUERIES, _KEPT_REQUESTS = 5_000, 500, 10_000


def yesterday() -> date:
    """The newest data day there can be: figures are one day old (UTC)."""
    return (datetime.now(UTC) - timedelta(days=1)).date()


class Service:
    """The catalogue behind the endpoint, with what was rendered and asked lately kept ready.

    today: gives the newest day that the figures speak of; a test may replace it while the service runs.
    requests: the latest 10,000 that arrived, each `{"path", "params", "authorization"}` (whether there was such a
    header); arrived: how many there were.
    """

    def __init__(self, products: int, seed: int, today: Callable[[], date], token: str | None) -> None:
        self.today = today
        self.faults = Faults()
        self.requests: list[dict[str, Any]] = []
        self.arrived = 0
        self._catalogue = Catalogue(products, seed)
        self._token = token
        self._found: dict[tuple[date, frozenset[tuple[str, str]]], list[Snapshot]] = {}
        self._rendered: dict[tuple[date, str], bytes] = {}

    def reset(self) -> None:
        """Forget the faults and the requests; the catalogue and its day stay."""
        self.faults.clear()
        self.requests.clear()
        self.arrived = 0

    async def endpoint(self, request: Request) -> Response:
        parameters = dict(request.query_params)
        path = request.url.path
        self.arrived += 1
        self.requests.append({"path": path, "params": parameters, "authorization": "authorization" in request.headers})
        if len(self.requests) > 2 * _KEPT_REQUESTS:
            del self.requests[:-_KEPT_REQUESTS]
        request_id = str(uuid.uuid4())

        def answer() -> Response:
            return self._answer(request, path, parameters, request_id)

        fault = self.faults.take(path)
        return await faulty(fault, request, answer, request_id) if fault else answer()

    def _answer(self, request: Request, path: str, parameters: dict[str, str], request_id: str) -> Response:
        if path != PATH:
            return failure(404, "Not Found", request_id)
        if request.method != "GET":
            return failure(405, "Method Not Allowed", request_id, {"allow": "GET"})
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            return failure(401, "apiKey is null", request_id)
        if not (key == self._token if self._token is not None else key.startswith("sk_")):
            return failure(401, "apiKey is invalid", request_id)
        try:
            part = paging(parameters)
            rows = [self._row(snapshot) for snapshot in self._search(parameters)[part]]
        except BadRequest as error:
            return failure(400, str(error), request_id)
        body = b'{"code":0,"message":"success","data":[%b],"requestId":"%b"}' % (b",".join(rows), request_id.encode())
        return Response(body, headers=MARK, media_type=JSON)

    def _search(self, parameters: dict[str, str]) -> list[Snapshot]:
        day = self.today()
        key = (day, frozenset(item for item in parameters.items() if item[0] not in _PAGING))
        found = self._found.get(key)
        if found is None:
            found = search(self._catalogue, day, parameters)
            _make_room(self._found, _KEPT_QUERIES)
            self._found[key] = found
        return found

    def _row(self, snapshot: Snapshot) -> bytes:
        key = (snapshot.day, snapshot.listing.product_id)
        row = self._rendered.get(key)
        if row is None:
            row = render(snapshot)
            _make_room(self._rendered, _KEPT_ROWS)
            self._rendered[key] = row
        return row


def _make_room(kept: dict[Any, Any], most: int) -> None:
    while len(kept) >= most:
        del kept[next(iter(kept))]


def create_app(
    *,
    products: int = 5000,
    seed: int = 1,
    today: Callable[[], date] = yesterday,
    token: str | None = None,
    faults: bool = False,
) -> Starlette:
    """The app.

    products: in all markets together; today: gives the newest data day, asked at each request; token: the one key that
    is accepted (by default any that begins with `sk_`); faults: also serve the switches under `/_sandbox/`.
    In the same process they are `app.state.faults` (push, clear), `app.state.requests` and `app.state.service`.
    """
    service = Service(products, seed, today, token)
    routes = control_routes(service) if faults else []
    # Every other path is the service's too: what a client sends there has to be seen.
    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    app = Starlette(routes=[*routes, Route("/{path:path}", service.endpoint, methods=every)])
    app.state.service = service
    app.state.faults = service.faults
    app.state.requests = service.requests
    return app
