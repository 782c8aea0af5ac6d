"""Everything that can go wrong between a client and a service, on purpose.

Kinds: `status` (with `status`, `message`, `retry_after`), `quota_500`, `code_in_200` (with `code`), `delay` (answers
after `seconds`), `hang` (never answers), `drip` (a byte every `seconds`), `cut` (half of the announced body), `reset`
(TCP reset), `html`, `not_json`, `wrong_types`, `nulls`, `data_null`, `data_object`, `control_characters`, `bad_utf8`,
`broken_row`, `all_rows_broken`, `redirect`, `huge` (`size` bytes), `gzip_bomb` (`size` bytes unpacked), `deep`.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

MARK: Final = {"x-keyapi-sandbox": "synthetic"}
_JSON: Final = "application/json"
_MESSAGES: Final = {
    400: "Missing required parameter: handle",
    401: "apiKey is null",
    402: "apiKey quota is not enough",
    429: "qps limit exceeded",
    500: "Internal server error",
}


@dataclass(slots=True)
class Fault:
    """One fault; times: for how many requests, `None` = until the list is cleared."""

    kind: str
    times: int | None = 1
    status: int = 500
    message: str | None = None
    retry_after: str | None = None
    code: int = 500
    seconds: float = 0.05
    size: int = 32 * 1024 * 1024


class Faults:
    """A queue: the first fault applies until it is used up, then the next."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []

    def push(self, kind: str, **details: Any) -> None:
        """Raises ValueError for a kind that does not exist."""
        fault = Fault(kind, **details)
        if kind not in _KINDS:
            raise ValueError(f"no fault is called {kind}")
        self._queue.append(fault)

    def clear(self) -> None:
        self._queue.clear()

    def take(self) -> Fault | None:
        if not self._queue:
            return None
        fault = self._queue[0]
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._queue.pop(0)
        return fault


Answer = Callable[[], Awaitable[Response]]


async def apply(fault: Fault, request: Request, answer: Answer, request_id: str) -> Response:
    """The faulty response; `answer` makes the right one, for faults that spoil it."""
    return await _KINDS[fault.kind](fault, request, answer, request_id)


def failure(status: int, message: str, request_id: str, headers: dict[str, str] | None = None) -> Response:
    """A documented error body under its status."""
    body = json.dumps({"code": status, "data": None, "message": message, "requestId": request_id})
    return Response(body, status, headers=MARK | (headers or {}), media_type=_JSON)


def _body(body: bytes | str, **headers: str) -> Response:
    return Response(
        body, headers=MARK | {name.replace("_", "-"): value for name, value in headers.items()}, media_type=_JSON
    )


async def _status(fault: Fault, _request: Request, _answer: Answer, request_id: str) -> Response:
    headers = {"retry-after": fault.retry_after} if fault.retry_after is not None else {}
    message = fault.message if fault.message is not None else _MESSAGES.get(fault.status, "error")
    return failure(fault.status, message, request_id, headers)


async def _quota_500(_fault: Fault, _request: Request, _answer: Answer, request_id: str) -> Response:
    return failure(500, "Usage limit reached: your quota is exhausted", request_id)


async def _code_in_200(fault: Fault, _request: Request, _answer: Answer, request_id: str) -> Response:
    message = fault.message or _MESSAGES.get(fault.code, "error")
    return _body(json.dumps({"code": fault.code, "data": None, "message": message, "requestId": request_id}))


async def _delay(fault: Fault, _request: Request, answer: Answer, _request_id: str) -> Response:
    await anyio.sleep(fault.seconds)
    return await answer()


async def _hang(_fault: Fault, request: Request, _answer: Answer, _request_id: str) -> Response:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response(status_code=499)


async def _drip(fault: Fault, _request: Request, answer: Answer, _request_id: str) -> Response:
    body = bytes((await answer()).body)

    async def bytes_one_by_one() -> AsyncIterator[bytes]:
        for position in range(len(body)):
            yield body[position : position + 1]
            await anyio.sleep(fault.seconds)

    return StreamingResponse(bytes_one_by_one(), headers=MARK, media_type=_JSON)


class _Cut(Response):
    """Announces its whole body, sends half, and leaves."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[: len(self.body) // 2], "more_body": True})
        _transport(scope).close()


class _Reset(Response):
    """A TCP reset in place of an answer."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002
        transport = _transport(scope)
        plain: socket.socket = transport.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


def _transport(scope: Any) -> Any:
    """The connection's transport, which `serve.py` puts into the scope."""
    return scope["extensions"]["keyapi.transport"]["transport"]


async def _cut(_fault: Fault, _request: Request, answer: Answer, _request_id: str) -> Response:
    return _Cut(bytes((await answer()).body), headers=MARK, media_type=_JSON)


async def _reset(_fault: Fault, _request: Request, _answer: Answer, _request_id: str) -> Response:
    return _Reset()


async def _redirect(_fault: Fault, request: Request, _answer: Answer, _request_id: str) -> Response:
    location = str(request.url.replace(path="/elsewhere"))
    return Response(status_code=302, headers=MARK | {"location": location})


async def _huge(fault: Fault, _request: Request, _answer: Answer, _request_id: str) -> Response:
    async def spaces() -> AsyncIterator[bytes]:
        yield b'{"code":0,"data":['
        for _ in range(fault.size // 65_536):
            yield b" " * 65_536
        yield b"]}"

    return StreamingResponse(spaces(), headers=MARK, media_type=_JSON)


async def _gzip_bomb(fault: Fault, _request: Request, _answer: Answer, _request_id: str) -> Response:
    return _body(gzip.compress(b'{"code":0,"data":[' + b" " * fault.size + b"]}"), content_encoding="gzip")


def _spoilt(spoil: Callable[[dict[str, Any]], object]) -> Callable[..., Awaitable[Response]]:
    """A right answer whose document is changed: `spoil` changes it in place, or gives another one or its bytes."""

    async def respond(_fault: Fault, _request: Request, answer: Answer, _request_id: str) -> Response:
        document = json.loads(bytes((await answer()).body))
        changed = spoil(document)
        if isinstance(changed, bytes):
            return _body(changed)
        return _body(json.dumps(document if changed is None else changed, ensure_ascii=False))

    return respond


def _wrong_types(document: dict[str, Any]) -> None:
    for row in document["data"]:
        for position, name in enumerate(sorted(row)):
            if isinstance(row[name], int | float) and not isinstance(row[name], bool):
                row[name] = (str(row[name]), float(row[name]), [row[name]], {"value": row[name]}, True)[position % 5]


def _nulls(document: dict[str, Any]) -> None:
    for row in document["data"]:
        for name in row:
            if name != "product_id":
                row[name] = None


def _control_characters(document: dict[str, Any]) -> bytes:
    for row in document["data"]:
        row["product_name"] = f"bell@@ {row['product_name']}@@"
    return json.dumps(document, ensure_ascii=False).encode().replace(b"@@", b"\x07\x00\x1b[31m\n")


def _bad_utf8(document: dict[str, Any]) -> bytes:
    for row in document["data"]:
        row["product_name"] = f"cup@@ {row['product_name']}"
    return json.dumps(document, ensure_ascii=False).encode().replace(b"@@", b"\xff\xfe")


def _broken_row(document: dict[str, Any]) -> None:
    document["data"][1] = "not a row"
    del document["data"][3]["product_id"]


_KINDS: Final[dict[str, Callable[..., Awaitable[Response]]]] = {
    "status": _status,
    "quota_500": _quota_500,
    "code_in_200": _code_in_200,
    "delay": _delay,
    "hang": _hang,
    "drip": _drip,
    "cut": _cut,
    "reset": _reset,
    "redirect": _redirect,
    "huge": _huge,
    "gzip_bomb": _gzip_bomb,
    "html": _spoilt(lambda _: b"<html><head><title>502</title></head><body><h1>Bad Gateway</h1></body></html>"),
    "not_json": _spoilt(lambda document: json.dumps(document).encode()[:-40]),
    "wrong_types": _spoilt(_wrong_types),
    "nulls": _spoilt(_nulls),
    "data_null": _spoilt(lambda document: document | {"data": None}),
    "data_object": _spoilt(lambda document: document | {"data": {"list": document["data"]}}),
    "control_characters": _spoilt(_control_characters),
    "bad_utf8": _spoilt(_bad_utf8),
    "broken_row": _spoilt(_broken_row),
    "all_rows_broken": _spoilt(lambda document: document | {"data": ["no", "rows"]}),
    "deep": _spoilt(lambda _: b'{"code":0,"data":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
}
