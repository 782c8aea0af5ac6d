"""One request on the wire: sent, read within bounds, and turned into a page or the error that it ended with."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2 as httpx

from keyapi_mcp.api.envelope import clean_request_id, read_envelope
from keyapi_mcp.api.failures import failure
from keyapi_mcp.clock import Clock
from keyapi_mcp.errors import TimedOut, Unreachable, UnusableAnswer
from keyapi_mcp.product import BrokenRow, Page, Product
from keyapi_mcp.reference.commission import CommissionUnit

# A body of errors is a sentence; more of it is never read, so that a failing service cannot make us slow.
_LARGEST_FAILURE: Final = 64 * 1024


async def request_page(
    http: httpx.AsyncClient, url: str, *, max_bytes: int, clock: Clock, commission_unit: CommissionUnit
) -> Page:
    """Send one GET and read its page.

    Raises Unreachable (never sent), TimedOut or UnusableAnswer (sent), or what the service's answer says.
    """
    with _network_failures():
        async with http.stream("GET", url) as response:
            limit = max_bytes if response.status_code == 200 else _LARGEST_FAILURE
            body = await _read(response, limit)
    if response.status_code != 200:
        raise _refusal(response, body, clock)
    if body is None:
        raise UnusableAnswer(
            f"The service's answer is larger than {max_bytes:,} bytes and was dropped unread.",
            "call again with a smaller page_size; KEYAPI_MCP_MAX_BODY_BYTES raises the limit.",
        )
    envelope = read_envelope(body)
    if envelope.code != 0:
        raise failure(200, envelope.code, envelope.message, request_id=envelope.request_id)
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


def _refusal(response: httpx.Response, body: bytes | None, clock: Clock) -> Exception:
    """The error for a status other than 200. The body may be the documented JSON, a gateway's HTML, or nothing."""
    code, message, request_id = None, "", None
    if body:
        # Whatever a failure looks like inside, its status already says what it is.
        with contextlib.suppress(UnusableAnswer):
            envelope = read_envelope(body)
            code, message, request_id = envelope.code, envelope.message, envelope.request_id
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
        except ValueError:
            return None
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = (when - now).total_seconds()
    return min(max(seconds, 0.0), 86_400.0) if seconds == seconds else None


@contextlib.contextmanager
def _network_failures() -> Iterator[None]:
    """The HTTP library's exceptions as ours. Their own texts are not passed on: they can hold addresses."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        raise Unreachable(
            f"The service could not be reached: {_reason(error)}. Nothing was sent.",
            "check the network (and the proxy, if there is one), then call again; `keyapi-mcp doctor` tests the way.",
        ) from error
    except httpx.TimeoutException as error:
        raise TimedOut(
            "The service took the request but sent no complete answer in time. This is not an empty result.",
            "call again in a minute; KEYAPI_MCP_READ_TIMEOUT_S sets how long to wait for a byte.",
        ) from error
    except httpx.HTTPError as error:
        raise UnusableAnswer(
            "The connection broke before the service's answer was complete. This is not an empty result.",
            "call again in a minute.",
        ) from error


def _reason(error: BaseException) -> str:
    """Why a connection failed, in words, from the innermost cause that tells."""
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
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection within the time-out"
    if isinstance(error, httpx.ProxyError):
        return "the proxy refused"
    return "no connection could be made"
