"""From a status, a code and a message to the error that a caller reads, with the fix where there is one."""

from __future__ import annotations

import re
from typing import Final

from keyapi_mcp import installation
from keyapi_mcp.errors import (
    EndpointMissing,
    KeyRejected,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServiceError,
    ServiceFault,
)
from keyapi_mcp.printed import masked

_QUOTA: Final = re.compile(r"quota|usage limit|insufficient (?:balance|credit)", re.IGNORECASE)
_NOISE: Final = re.compile(r"[^\w\s.,:;%/()'-]")


def failure(
    status: int, code: int | None, message: str, *, request_id: str | None, retry_after: float | None = None
) -> ServiceError:
    """The error for a failed answer. The HTTP status decides; a failure inside a 200 is told by its code.

    A 5xx or a success without rows whose message speaks of quota is an exhausted quota: the service tells it so at
    times.
    """
    number = status if status != 200 or code is None else code
    said = quoted(message)
    if number == 402 or (number not in (400, 401, 403, 404, 429) and speaks_of_quota(message)):
        return QuotaExhausted(
            "The KeyAPI account's quota is used up: the service refused to answer. This says nothing about products.",
            "top up or wait for the quota's renewal in the KeyAPI console, then call again.",
            request_id=request_id,
        )
    if number == 400:
        return RequestRejected(
            f"The service refused the parameters (400){said}.",
            "call again with fewer or other filters; region=US alone is known to work.",
            request_id=request_id,
        )
    if number in (401, 403):
        return KeyRejected(
            f"The service refused the KeyAPI key ({number}){said}.",
            f"check {installation.where_the_key_is()} (a key looks like sk_live_…), then restart the server.",
            request_id=request_id,
        )
    if number == 404:
        return EndpointMissing(
            "There is no such endpoint at this base URL (404).",
            "check KEYAPI_API_BASE_URL; without it the server uses KeyAPI's own address.",
            request_id=request_id,
        )
    if number == 429:
        wait = f"{retry_after:.0f} s" if retry_after else "a minute"
        return RateLimited(
            "The service limits how often it may be asked (429), and waiting within this call did not help.",
            f"call again in {wait}.",
            request_id=request_id,
            retry_after=retry_after,
        )
    if 300 <= number < 400:
        return ServiceFault(
            f"The service redirected the request ({number}), which is not followed, because it would carry the key on.",
            "check KEYAPI_API_BASE_URL.",
            request_id=request_id,
            status=number,
        )
    return ServiceFault(
        f"The service failed ({number}){said}. This is not an empty result.",
        "try again in a few minutes.",
        request_id=request_id,
        status=number,
    )


def speaks_of_quota(message: str) -> bool:
    return _QUOTA.search(message) is not None


def quoted(message: str) -> str:
    """The service's own words as a suffix, cleaned, short, and without anything that looks like a key."""
    text = " ".join(_NOISE.sub(" ", masked(message)).split())
    return f': "{text[:160]}"' if text else ""
