"""A service with a list of rows in pages, which a test can hold up, make fail and change while it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import anyio
import httpx2 as httpx

from support.kept import row

PATIENCE_S = 20.0


def rows(count: int, **fields: Any) -> list[dict[str, Any]]:
    """So many products, the best first."""
    return [row(number, total_sale_30d_cnt=10_000 - number, **fields) for number in range(count)]


@dataclass(eq=False)
class Listing:
    """The network of a client, as a handler for `httpx.MockTransport`.

    failing: by page, what is answered instead, each time; held: pages that are not answered before `release`;
    asked: the page numbers of all requests, as they came; most_at_once: of requests under way.
    """

    rows: Sequence[dict[str, Any]]
    failing: dict[int, httpx.Response | Exception] = field(default_factory=dict)
    held: set[int] = field(default_factory=set)
    asked: list[int] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0
    _changed: anyio.Event = field(default_factory=anyio.Event)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        number = int(parse_qs(request.url.query.decode())["page_num"][0])
        self.asked.append(number)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        self._change()
        try:
            while number in self.held:
                await self._changed.wait()
            await anyio.lowlevel.checkpoint()
            return self._answer(number)
        finally:
            self._at_once -= 1

    def _answer(self, number: int) -> httpx.Response:
        failure = self.failing.get(number)
        if isinstance(failure, Exception):
            raise failure
        if failure is not None:
            return failure
        page = list(self.rows[(number - 1) * 10 : number * 10])
        return httpx.Response(200, json={"code": 0, "message": "success", "data": page, "requestId": f"r{number}"})

    async def requests(self, count: int) -> None:
        """Wait until so many have come."""
        with anyio.fail_after(PATIENCE_S):
            while len(self.asked) < count:
                await self._changed.wait()

    def release(self) -> None:
        self.held.clear()
        self._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
