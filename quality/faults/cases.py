"""What is done to the service, and what has to come of it, whatever the transport."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

# Of the servers under test: short enough to wait for, and longer than a shared machine stands still, because a slow
# drip on a machine that stands still is a hang.
SETTINGS: Final = {
    "read_timeout_s": "6",
    "total_timeout_s": "12",
    "max_body_bytes": "2000000",
    "credits_per_day": "off",
    "credits_per_month": "off",
}


@dataclass(frozen=True)
class Case:
    """A fault for the requests of one call.

    name: the row's; kind, details: see `sandbox/faults.py`; says: a part of what the model reads; error: whether the
    call fails; requests: how many reach the service; unknown: how many of them count as possibly paid; stands_in:
    whether an older answer is given in its place; times: for how many requests, `None` = all; rows: of an answer;
    seconds: the most that the call may take, far above what it does, but below what a wrong wait would.
    """

    name: str
    kind: str
    says: str
    error: bool = True
    requests: int = 1
    unknown: int = 0
    stands_in: bool = True
    times: int | None = None
    rows: int = 10
    seconds: float = 20
    details: dict[str, Any] = field(default_factory=dict)


def _status(status: int, says: str, **rest: Any) -> Case:
    return Case(f"status {status}", "status", says, details={"status": status}, **rest)


def _retried(name: str, kind: str, says: str, **details: Any) -> Case:
    return Case(name, kind, says, requests=3, unknown=3, seconds=25, details=details)


def _unusable(name: str, kind: str, says: str, at_most_s: float = 20, **details: Any) -> Case:
    return Case(name, kind, says, unknown=1, seconds=at_most_s, details=details)


def _readable(name: str, kind: str, says: str = "", rows: int = 10) -> Case:
    return Case(name, kind, says, error=False, times=1, rows=rows)


CASES: Final = (
    _status(400, "refused the parameters (400)", stands_in=False),
    _status(401, "refused the KeyAPI key (401)", stands_in=False),
    _status(402, "quota is used up"),
    _status(403, "refused the KeyAPI key (403)", stands_in=False),
    _status(404, "no such endpoint", stands_in=False),
    _status(418, "(418)", unknown=1),
    _retried("status 500", "status", "(500)", status=500),
    _retried("status 503", "status", "(503)", status=503),
    Case(
        "status 502, once",
        "status",
        "Credits: 1 + 0–1 (unknown)",
        error=False,
        requests=2,
        unknown=1,
        times=1,
        details={"status": 502},
    ),
    Case(
        "status 429, once, Retry-After 1",
        "status",
        "Credits: 1 for this call",
        error=False,
        requests=2,
        times=1,
        details={"status": 429, "retry_after": "1"},
    ),
    Case("status 429, no Retry-After", "status", "(429)", requests=3, seconds=25, details={"status": 429}),
    _retried("HTML under 502", "html", "(502)"),
    Case("quota told as a 500", "quota_500", "quota is used up"),
    _retried("code 500 in a 200", "code_in_200", "(500)", code=500),
    Case("code 402 in a 200", "code_in_200", "quota is used up", details={"code": 402}),
    Case("code 401 in a 200", "code_in_200", "(401)", stands_in=False, details={"code": 401}),
    _unusable("slow first byte", "delay", "no complete answer in time", at_most_s=25, seconds=60),
    _unusable("slow drip", "drip", "no complete answer within 12 s", at_most_s=28),
    _unusable("hang", "hang", "no complete answer in time", at_most_s=25),
    _unusable("body cut", "cut", "connection broke"),
    _unusable("connection reset", "reset", "connection broke"),
    _unusable("HTML under 200", "html_200", "not its documented JSON"),
    _unusable("empty body", "empty", "not its documented JSON"),
    _unusable("JSON cut", "not_json", "not its documented JSON"),
    _unusable("a list for the envelope", "not_an_object", "not its documented JSON"),
    _unusable("deep nesting", "deep", "not its documented JSON"),
    _unusable("data is an object", "data_object", "no list of products"),
    _unusable("data is text", "data_text", "no list of products"),
    _unusable("no row readable", "all_rows_broken", "None of the 2 rows"),
    _unusable("huge body", "huge", "larger than 2,000,000 bytes"),
    _unusable("gzip bomb", "gzip_bomb", "larger than 2,000,000 bytes", size=64_000_000),
    _readable("data is null", "data_null", "no product matches", rows=0),
    _readable("two rows broken", "broken_row", "Left out: 2 rows of the answer could not be read.", rows=8),
    _readable("control characters", "control_characters"),
    _readable("bytes that are no UTF-8", "bad_utf8"),
    _readable("wrong types", "wrong_types"),
    _readable("numbers as text", "quoted_numbers"),
    _readable("every second field gone", "missing_fields"),
    _readable("every field null", "nulls"),
    _readable("hostile texts in listings", "attacks"),
    _readable("commission as percentages", "percent_commission", "commission above 1 read as a percentage: row"),
    Case("redirect to another host", "redirect", "redirected the request (302)", unknown=1),
    # The last one: a server that was told to wait waits with everything.
    Case(
        "status 429, Retry-After 60",
        "status",
        "(429)",
        details={"status": 429, "retry_after": "60"},
    ),
)
