"""One request on the wire: sent, read within bounds, and turned into a page or the error that it ended with."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2 as httpx
from anyio.lowlevel import checkpoint_if_cancelled

from keyapi_mcp import installation
from keyapi_mcp.api.envelope import clean_request_id, read_envelope
from keyapi_mcp.api.failures import failure, speaks_of_quota
from keyapi_mcp.clock import Clock
from keyapi_mcp.errors import TimedOut, Unreachable, UnusableAnswer
from keyapi_mcp.product import BrokenRow, Page, Product
from keyapi_mcp.reference.commission import CommissionUnit

# A body of errors is a sentence; more of it is never read, so that a failing service cannot make us slow.
_LARGEST_FAILURE: Final = 64 * 1024


class Departure:
    """Whether a request has left: until then no credit can be spent, and it can be dropped or sent again.

    Resolving, connecting, TLS and a proxy's tunnel come before; the HTTP library's trace tells when they are done.
    """

    def __init__(self, on_leaving: Callable[[], None]) -> None:
        self.left = False
        self._on_leaving = on_leaving

    def leave(self) -> None:
        self.left = True
        self._on_leaving()

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        # Asking a proxy for a tunnel is a request, too; ours is the GET.
        if event.endswith(".send_request_headers.started") and info["request"].method == b"GET":
            await checkpoint_if_cancelled()
            self.leave()


async def request_page(
    http: httpx.AsyncClient,
    url: str,
    departure: Departure,
    *,
    secret: str,
    max_bytes: int,
    clock: Clock,
    commission_unit: CommissionUnit,
) -> Page:
    """Send one GET and read its page. secret: the key, in case the service repeats it in a message.

    Raises Unreachable (never sent), TimedOut or UnusableAnswer (sent), or what the service's answer says.
    """
    with _network_failures(departure):
        async with http.stream("GET", url, extensions={"trace": departure.trace}) as response:
            if response.status_code != 200:
                raise _refusal(response, await _failure_body(response), clock, secret)
            body = await _read(response, max_bytes)
    if body is None:
        raise UnusableAnswer(
            f"The service's answer is larger than {max_bytes:,} bytes and was dropped unread.",
            "call again with a smaller page_size; KEYAPI_MCP_MAX_BODY_BYTES raises the limit.",
        )
    envelope = read_envelope(body)
    # A quota that is used up looks like "no products" where only the message tells.
    if envelope.code != 0 or (not envelope.rows and speaks_of_quota(envelope.message)):
        raise failure(200, envelope.code, _without(secret, envelope.message), request_id=envelope.request_id)
    rows = envelope.rows or []
    products = []
    for row in rows:
        with contextlib.suppress(BrokenRow):
            products.append(Product(row, commission_unit))
    if rows and not products:
        raise UnusableAnswer(
            f"None of the {len(rows)} rows in the service's answer can be read as a product.",
            "try again in a few minutes.",
            request_id=envelope.request_id,
        )
    return Page(
        products=tuple(products),
        rows=len(rows),
        fetched_at=clock(),
        request_id=envelope.request_id,
        synthetic="x-keyapi-sandbox" in response.headers,
    )


async def _read(response: httpx.Response, limit: int) -> bytes | None:
    """The unpacked body, or `None` as soon as it exceeds the limit: a small packed body can be a huge one."""
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)


async def _failure_body(response: httpx.Response) -> bytes | None:
    """What there is of it: a status says what it is, even when its explanation breaks off."""
    with contextlib.suppress(httpx.HTTPError):
        return await _read(response, _LARGEST_FAILURE)
    return None


def _without(secret: str, message: str) -> str:
    return message.replace(secret, "(key)")


def _refusal(response: httpx.Response, body: bytes | None, clock: Clock, secret: str) -> Exception:
    """The error for a status other than 200. The body may be the documented JSON, a gateway's HTML, or nothing."""
    code, message, request_id = None, "", None
    if body:
        # Whatever a failure looks like inside, its status already says what it is.
        with contextlib.suppress(UnusableAnswer):
            envelope = read_envelope(body)
            code, message, request_id = envelope.code, _without(secret, envelope.message), envelope.request_id
    return failure(
        response.status_code,
        code,
        message,
        request_id=request_id or clean_request_id(response.headers.get("x-request-id")),
        retry_after=_retry_after(response.headers.get("retry-after"), clock()),
    )


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, from either form of the header."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = (when - now).total_seconds()
    return min(max(seconds, 0.0), 86_400.0) if seconds == seconds else None


@contextlib.contextmanager
def _network_failures(departure: Departure) -> Iterator[None]:
    """The HTTP library's exceptions as ours. Their own texts are not passed on: they can hold addresses."""
    try:
        yield
    except httpx.HTTPError as error:
        if not departure.left:
            raise Unreachable(
                f"The service could not be reached: {_reason(error)}. Nothing was sent.",
                f"check the network (and the proxy, if there is one), then call again{installation.check_the_way()}.",
            ) from error
        if isinstance(error, httpx.TimeoutException):
            raise TimedOut(
                "The service took the request but sent no complete answer in time. This is not an empty result.",
                "call again in a minute; KEYAPI_MCP_READ_TIMEOUT_S sets how long to wait for a byte.",
            ) from error
        raise UnusableAnswer(
            "The connection broke before the service's answer was complete. This is not an empty result.",
            "call again in a minute.",
        ) from error


def _reason(error: BaseException) -> str:
    """Why a connection failed, in words, from the first cause that tells."""
    if isinstance(error, httpx.TimeoutException):
        return "no connection within the time-out"
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, socket.gaierror):
            return "its name cannot be resolved"
        if isinstance(seen, ssl.SSLCertVerificationError):
            return "its TLS certificate cannot be verified"
        if isinstance(seen, ssl.SSLError):
            return "TLS failed"
        if isinstance(seen, ConnectionRefusedError):
            return "the connection was refused"
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, httpx.ProxyError):
        return "the proxy refused"
    return "no connection could be made"
