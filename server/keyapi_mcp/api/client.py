"""One shared HTTP client for the process: sends a query when its turn comes, and retries what is safe to retry."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode, urlsplit

import anyio
import anyio.lowlevel
import httpx2 as httpx
import stamina

from keyapi_mcp import __version__, installation
from keyapi_mcp.api.attempt import Departure, request_page
from keyapi_mcp.api.limits import Gate
from keyapi_mcp.api.meter import Meter
from keyapi_mcp.clock import Clock, utc_now
from keyapi_mcp.credits import AskedElsewhere, Budget, Outcome
from keyapi_mcp.errors import (
    KeyApiMcpError,
    LimitReached,
    MissingKey,
    RateLimited,
    ServiceError,
    ServiceFault,
    SetupError,
    TimedOut,
    Unreachable,
)
from keyapi_mcp.product import Kept, Page
from keyapi_mcp.query import ProductQuery
from keyapi_mcp.settings import Settings, is_loopback

logger = logging.getLogger(__name__)

PATH: Final = "/v1/tiktok/product/list/analytics"
_RETRIES: Final = 2
_RETRIED_STATUS: Final = frozenset({500, 502, 503, 504})
# Where a 429 does not say how long to wait; doubled for the second time.
_WAIT_AFTER_429_S: Final = 2.0
# Longer than between two questions of a conversation step, shorter than most servers keep idle connections.
_KEEP_ALIVE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page and what came before it.

    maybe_spent: failed attempts that may have cost a credit each; not_kept: why the page is not in the store.
    """

    page: Page
    maybe_spent: int
    not_kept: str = ""


@dataclass(slots=True)
class _Call:
    """What one fetch knows of its own progress. Times are monotonic seconds."""

    deadline: float
    budget: Budget
    on_flight: Callable[[bool], None]
    in_flight: bool = False
    maybe_spent: int = 0
    retries: int = 0
    latest: ServiceError | None = field(default=None)


class KeyApiClient:
    """The service, as the rest of the house sees it. One for the process; close it at the end."""

    def __init__(
        self,
        settings: Settings,
        meter: Meter,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """`transport` stands in for the network: the built-in sandbox is reached through one."""
        self._settings = settings
        self._meter = meter
        self._transport = transport
        self._clock = clock
        self._gate = Gate(settings.max_in_flight, settings.min_interval_s)
        self._http: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        if self._http is not None:
            http, self._http = self._http, None
            await http.aclose()

    async def fetch(
        self,
        query: ProductQuery,
        on_flight: Callable[[bool], None] = lambda _under_way: None,
        *,
        budget: Budget | None = None,
        seconds: float | None = None,
    ) -> Fetched:
        """Ask the service; retry at most twice, and only where the request was not sent or a 429 or 5xx came.

        `on_flight` is told True when a request leaves: from then on a credit may be spent; False when it has failed.
        `budget` is what may be spent (unlimited without one); `seconds` shortens the total time-out.
        Raises MissingKey, SetupError, AskedElsewhere, what else the meter refuses with, or a ServiceError;
        `maybe_spent` of any of them counts the attempts that may have been billed.
        """
        if self._settings.key_fault is not None:
            raise MissingKey(
                f"There is no KeyAPI key to ask the service with: {self._settings.key_fault}.",
                "put the key (sk_live_…) and nothing else into that file, or name the right file in "
                "KEYAPI_TOKEN_FILE, then restart the server.",
            )
        if self._settings.api_key is None:
            raise MissingKey("No KeyAPI key is set, so the service cannot be asked.", installation.set_a_key())
        http = self._client(self._settings.api_key.get_secret_value())
        total = self._settings.total_timeout_s if seconds is None else seconds
        call = _Call(time.monotonic() + total, budget or Budget(None), on_flight)
        try:
            with anyio.fail_after(total):
                async for attempt in stamina.retry_context(
                    on=lambda error: _wait_before_retry(error, call),
                    attempts=None,
                    timeout=None,
                    wait_initial=0.3,
                    wait_max=3.0,
                    wait_jitter=0.5,
                ):
                    with attempt:
                        kept = await self._attempt(http, query, call)
                        return Fetched(kept.page, call.maybe_spent, kept.not_kept)
        except TimeoutError:
            error: KeyApiMcpError | AskedElsewhere = _out_of_time(call, total)
        except LimitReached as refused:
            # What cannot be paid for any more is another try; why there is to be one says more.
            error = call.latest or refused
            error.own_limit = refused.own_limit
        except (KeyApiMcpError, AskedElsewhere) as last:
            error = last
        error.maybe_spent = call.maybe_spent
        raise error

    async def _attempt(self, http: httpx.AsyncClient, query: ProductQuery, call: _Call) -> Kept:
        """Wait for a turn, reserve a credit, send, and settle the credit whatever happens."""
        async with self._gate.admitted(call.deadline):
            # Takes milliseconds; cancelled half-way, it would stay open in the books.
            with anyio.CancelScope(shield=True):
                reservation = await self._meter.reserve(query.key, call.budget)
            outcome, request_id, page = Outcome.FREE, None, None
            started = time.monotonic()

            def leaving() -> None:
                nonlocal outcome
                outcome = Outcome.UNKNOWN
                call.in_flight = True
                call.on_flight(True)

            departure = Departure(leaving)
            try:
                # Who was cancelled meanwhile sends nothing.
                await anyio.lowlevel.checkpoint_if_cancelled()
                if self._transport is not None:
                    departure.leave()  # there is no trace, and nothing to connect to
                page = await request_page(
                    http,
                    self._url(query),
                    departure,
                    secret=http.headers["authorization"].removeprefix("Bearer "),
                    max_bytes=self._settings.max_body_bytes,
                    clock=self._clock,
                    commission_unit=self._settings.service_commission_unit,
                )
                call.in_flight = False
            except ServiceError as error:
                call.in_flight = False
                call.latest = error
                outcome = Outcome.UNKNOWN if error.may_be_billed else Outcome.FREE
                request_id = error.request_id
                call.on_flight(False)
                if isinstance(error, RateLimited):
                    self._gate.hold_back(error.retry_after or 0.0)
                logger.warning(
                    "request failed after %.2f s: %s%s",
                    time.monotonic() - started,
                    type(error).__name__,
                    f", request id {request_id}" if request_id else "",
                )
                raise
            finally:
                if page is None:
                    call.maybe_spent += outcome is Outcome.UNKNOWN
                # Also when cancelled: a credit that may be spent is always in the books, and its answer kept.
                with anyio.CancelScope(shield=True):
                    if page is None:
                        await reservation.settle(outcome, request_id)
                    else:
                        kept = await reservation.settle_paid(page)
        logger.info("page of %d rows in %.2f s, request id %s", page.rows, time.monotonic() - started, page.request_id)
        return kept

    def _url(self, query: ProductQuery) -> str:
        unit = self._settings.service_commission_unit
        parameters = query.key if unit == "fraction" else urlencode(query.to_params(unit))
        return f"{self._settings.base_url}{PATH}?{parameters}"

    def _client(self, key: str) -> httpx.AsyncClient:
        """Opened on first use, so that a server that is only listed costs no TLS set-up."""
        if self._http is None:
            host = urlsplit(self._settings.base_url).hostname or ""
            try:
                self._http = httpx.AsyncClient(
                    transport=self._transport,
                    headers={
                        "Authorization": f"Bearer {key}",
                        "Accept": "application/json",
                        "User-Agent": f"keyapi-mcp/{__version__}",
                    },
                    timeout=httpx.Timeout(
                        self._settings.read_timeout_s, connect=self._settings.connect_timeout_s, pool=None
                    ),
                    limits=httpx.Limits(max_connections=self._settings.max_in_flight, keepalive_expiry=_KEEP_ALIVE_S),
                    follow_redirects=False,
                    trust_env=not is_loopback(host),  # a proxy for this machine's own addresses is never meant
                )
            except (ImportError, OSError, ValueError, httpx.InvalidURL):
                # The library's own words would show the proxy's address, which may hold a password.
                raise SetupError(
                    "A proxy or certificate setting of this server's environment cannot be used. Nothing was sent.",
                    "check HTTPS_PROXY, ALL_PROXY (http:// or https://; SOCKS is not supported), SSL_CERT_FILE and "
                    "SSL_CERT_DIR, then restart the server.",
                ) from None
        return self._http


def _wait_before_retry(error: Exception, call: _Call) -> bool | float:
    """Whether to try again; a number is the seconds to wait first, otherwise the back-off with jitter chooses."""
    if call.retries >= _RETRIES:
        return False
    left = call.deadline - time.monotonic()
    if isinstance(error, RateLimited):
        wait = error.retry_after if error.retry_after is not None else _WAIT_AFTER_429_S * 2**call.retries
        if wait >= left:
            return False
        call.retries += 1
        return wait
    if isinstance(error, Unreachable) or (isinstance(error, ServiceFault) and error.status in _RETRIED_STATUS):
        call.retries += 1
        return True
    return False


def _out_of_time(call: _Call, total: float) -> ServiceError:
    """The error for a call whose whole time is over: what matters is whether its request was under way."""
    # What the reader waited; a part of a second that went by before is nothing to read.
    waited = f"{total:.0f} s" if total >= 1 else f"{total:.1g} s"
    if call.in_flight:
        return TimedOut(
            f"The service sent no complete answer within {waited}. This is not an empty result.",
            "call again in a minute.",
        )
    if call.latest is not None:
        return call.latest
    return Unreachable(
        f"The request waited {waited} for its turn or a connection and was not sent.", "call again in a minute."
    )
