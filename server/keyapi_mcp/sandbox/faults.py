"""Everything that can go wrong between a client and a service, on purpose.

Kinds, with the details that each heeds:

In place of an answer
- `status`: an error body under `status`; `message`, `retry_after` (text, as it is), `retry_date_in` (Retry-After as an
  HTTP date so many seconds from now)
- `quota_500`: an exhausted quota told as a 500
- `code_in_200`: a failure's `code` and `message` under status 200
- `redirect`: a 302 to `location`, by default to another path of this service
- `html`: a gateway's page under `status`; `html_200`: one under 200
- `empty`: status 200 and no body
- `hang`: nothing, until the client leaves
- `reset`: a TCP reset

The right answer, badly sent
- `delay`: after `seconds`
- `drip`: `chunk` bytes every `seconds`
- `cut`: announced whole, half of it sent, connection closed
- `not_json`: cut off, but announced so
- `control_characters`: raw ones inside strings, as the real service sends; `bad_utf8`: bytes that are not UTF-8

Another document
- `data_null`, `data_object`, `data_text`: what should be a list of rows is not
- `not_an_object`: a list where the envelope should be
- `nulls`: every field but `product_id` is null
- `wrong_types`: numbers as text, floats, lists, objects and true
- `quoted_numbers`: every number as text
- `missing_fields`: every second field is gone
- `broken_row`: a row that is text and a row without `product_id` among good ones; `all_rows_broken`
- `percent_commission`: commission rates as percentages
- `attacks`: names, descriptions, variants and discounts are what hostile sellers write (`attacks.py`), ten others on
  each page
- `huge`: `size` bytes; `gzip_bomb`: `size` bytes once unpacked; `deep`: 50,000 lists in each other
"""

from __future__ import annotations

import gzip
import json
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from keyapi_mcp.sandbox.attacks import attacked
from keyapi_mcp.sandbox.spoils import SPOILS

MARK: Final = {"x-keyapi-sandbox": "synthetic"}
JSON: Final = "application/json"
_MESSAGES: Final = {
    400: "Missing required parameter: handle",
    401: "apiKey is null",
    402: "apiKey quota is not enough",
    429: "qps limit exceeded",
    500: "Internal server error",
}
_PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_BLOCK: Final = 65_536


@dataclass(slots=True)
class Fault:
    """One fault. Raises ValueError for a kind that does not exist.

    times: for how many requests, `None` = until the faults are cleared; after: how many requests it lets pass first;
    path: only requests to this path (they alone are counted); seconds: of waiting; size: in bytes.
    """

    kind: str
    times: int | None = 1
    after: int = 0
    path: str | None = None
    status: int = 500
    message: str | None = None
    retry_after: str | None = None
    retry_date_in: int | None = None
    location: str | None = None
    code: int = 500
    seconds: float = 0.05
    chunk: int = 1
    size: int = 32 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault is called {self.kind}; there are {', '.join(sorted(KINDS))}")


class Faults:
    """A queue: the first fault that a request's path matches applies until it is used up, then the next."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []

    def __len__(self) -> int:
        return len(self._queue)

    def push(self, *faults: Fault) -> None:
        self._queue.extend(faults)

    def clear(self) -> None:
        self._queue.clear()

    def take(self, path: str) -> Fault | None:
        """The fault for a request to this path, or `None` when it is to be served well."""
        for fault in self._queue:
            if fault.path not in (None, path):
                continue
            if fault.after > 0:
                fault.after -= 1
                return None
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._queue.remove(fault)
            return fault
        return None


# Makes the right answer, for faults that spoil it.
Answer = Callable[[], Response]


async def faulty(fault: Fault, request: Request, answer: Answer, request_id: str) -> Response:
    """The response that a fault makes of a request. Over ASGI without a socket, `cut` and `reset` raise."""
    if fault.kind in SPOILS:
        # An answer that is an error already has no rows to spoil.
        right = answer()
        return right if right.status_code >= 400 else _body(SPOILS[fault.kind](bytes(right.body)))
    return await _ACTIONS[fault.kind](fault, request, answer, request_id)


def failure(status: int, message: str, request_id: str, headers: dict[str, str] | None = None) -> Response:
    """A documented error body under its status."""
    return Response(_error(status, message, request_id), status, headers=MARK | (headers or {}), media_type=JSON)


def _error(code: int, message: str, request_id: str) -> bytes:
    return json.dumps({"code": code, "data": None, "message": message, "requestId": request_id}).encode()


def _body(body: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(body, headers=MARK | (headers or {}), media_type=JSON)


async def _status(fault: Fault, _request: Request, _answer: Answer, request_id: str) -> Response:
    headers = {}
    if fault.retry_after is not None:
        headers["retry-after"] = fault.retry_after
    elif fault.retry_date_in is not None:
        headers["retry-after"] = formatdate(time.time() + fault.retry_date_in, usegmt=True)
    message = fault.message if fault.message is not None else _MESSAGES.get(fault.status, "error")
    return failure(fault.status, message, request_id, headers)


async def _quota_500(_fault: Fault, _request: Request, _answer: Answer, request_id: str) -> Response:
    return failure(500, "Usage limit reached: your quota is exhausted", request_id)


async def _code_in_200(fault: Fault, _request: Request, _answer: Answer, request_id: str) -> Response:
    return _body(_error(fault.code, fault.message or _MESSAGES.get(fault.code, "error"), request_id))


async def _redirect(fault: Fault, request: Request, _answer: Answer, _request_id: str) -> Response:
    location = fault.location or str(request.url.replace(path="/elsewhere"))
    return Response(status_code=302, headers=MARK | {"location": location})


async def _html(fault: Fault, _request: Request, _answer: Answer, _request_id: str) -> Response:
    status = 200 if fault.kind == "html_200" else 502 if fault.status == 500 else fault.status
    return Response(_PAGE, status, headers=MARK, media_type="text/html")


async def _empty(_fault: Fault, _request: Request, _answer: Answer, _request_id: str) -> Response:
    return _body(b"")


async def _hang(_fault: Fault, request: Request, _answer: Answer, _request_id: str) -> Response:
    await _gone(request.receive)
    return Response(status_code=499, headers=MARK)


async def _delay(fault: Fault, request: Request, answer: Answer, _request_id: str) -> Response:
    with anyio.move_on_after(fault.seconds):
        await _gone(request.receive)
    return answer()


async def _drip(fault: Fault, _request: Request, answer: Answer, _request_id: str) -> Response:
    right = answer()
    body = bytes(right.body)

    async def drops() -> AsyncIterator[bytes]:
        for position in range(0, len(body), fault.chunk):
            yield body[position : position + fault.chunk]
            await anyio.sleep(fault.seconds)

    return StreamingResponse(drops(), right.status_code, headers=MARK, media_type=JSON)


async def _attacks(_fault: Fault, request: Request, answer: Answer, _request_id: str) -> Response:
    right = answer()
    if right.status_code >= 400:
        return right
    page, size = (int(request.query_params[name]) for name in ("page_num", "page_size"))
    return _body(attacked(bytes(right.body), (page - 1) * size))


async def _huge(fault: Fault, request: Request, _answer: Answer, _request_id: str) -> Response:
    async def spaces() -> AsyncIterator[bytes]:
        yield b'{"code":0,"data":['
        for _ in range(fault.size // _BLOCK):
            if await request.is_disconnected():
                return
            yield b" " * _BLOCK
        yield b"]}"

    return StreamingResponse(spaces(), headers=MARK, media_type=JSON)


async def _gzip_bomb(fault: Fault, _request: Request, _answer: Answer, _request_id: str) -> Response:
    packed = gzip.compress(b'{"code":0,"data":[' + b" " * fault.size + b"]}", 1)
    return _body(packed, {"content-encoding": "gzip"})


async def _gone(receive: Callable[[], Awaitable[Any]]) -> None:
    """Wait until the connection is closed: a handler that returned before would be taken for a broken one."""
    while (await receive())["type"] != "http.disconnect":
        pass


class _Cut(Response):
    """Announces its whole body, sends half, and leaves."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[: len(self.body) // 2], "more_body": True})
        _transport(scope).close()
        await _gone(receive)


class _Reset(Response):
    """A TCP reset in place of an answer."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002
        transport = _transport(scope)
        plain: socket.socket = transport.get_extra_info("socket")
        # Lingering for no time makes closing a reset. The two numbers are short ones on Windows.
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
        transport.abort()
        await _gone(receive)


def _transport(scope: Any) -> Any:
    """The connection's transport, which `serve.py` puts into the scope. Raises ConnectionResetError without one."""
    try:
        return scope["extensions"]["keyapi.transport"]["transport"]
    except KeyError:
        raise ConnectionResetError("the sandbox dropped the connection, as a fault told it to") from None


async def _cut(_fault: Fault, _request: Request, answer: Answer, _request_id: str) -> Response:
    return _Cut(bytes(answer().body), headers=MARK, media_type=JSON)


async def _reset(_fault: Fault, _request: Request, _answer: Answer, _request_id: str) -> Response:
    return _Reset(headers=MARK)


_ACTIONS: Final[dict[str, Callable[[Fault, Request, Answer, str], Awaitable[Response]]]] = {
    "status": _status,
    "quota_500": _quota_500,
    "code_in_200": _code_in_200,
    "redirect": _redirect,
    "html": _html,
    "html_200": _html,
    "empty": _empty,
    "hang": _hang,
    "delay": _delay,
    "drip": _drip,
    "attacks": _attacks,
    "huge": _huge,
    "gzip_bomb": _gzip_bomb,
    "cut": _cut,
    "reset": _reset,
}
KINDS: Final = frozenset(_ACTIONS) | frozenset(SPOILS)
