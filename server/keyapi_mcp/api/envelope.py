"""The body of an answer: bytes to rows, or to the failure that it states."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json

from keyapi_mcp.errors import UnusableAnswer

# Real bodies have raw control characters inside strings, which JSON forbids. As spaces they do no harm anywhere:
# outside of strings they are white space or an error, inside they are cleaned away before anything is shown.
_CONTROL_TO_SPACE: Final = bytes(32 if code < 32 else code for code in range(256))
_ID_NOISE: Final = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Envelope:
    """`code` 0 is success; `rows` is `None` where the body has no list of rows."""

    code: int
    message: str
    rows: list[Any] | None
    request_id: str | None


def read_envelope(body: bytes) -> Envelope:
    """Parse a body of the documented form `{code, message, data, requestId}`.

    A null `data` with code 0 is an empty page (seen at the source). Raises UnusableAnswer for any other body that
    does not have this form: it is never taken for an empty result.
    """
    try:
        document = from_json(body, allow_inf_nan=True)
    except ValueError:
        document = _repaired(body)
    if not isinstance(document, Mapping):
        raise UnusableAnswer("The service answered with something that is not its documented JSON.", _LATER)
    request_id = clean_request_id(document.get("requestId"))
    code, data = _code(document.get("code")), document.get("data")
    message = document.get("message")
    if code is None or (code == 0 and "data" not in document):
        raise UnusableAnswer("The service's answer has no code or no data.", _LATER, request_id=request_id)
    rows: list[Any] | None = data if isinstance(data, list) else None
    if data is None and code == 0:
        rows = []
    if code == 0 and rows is None:
        raise UnusableAnswer("The service's answer has no list of products.", _LATER, request_id=request_id)
    return Envelope(code, message if isinstance(message, str) else "", rows, request_id)


_LATER: Final = "try again in a few minutes; if it stays so, the base URL may not be KeyAPI's."


def _repaired(body: bytes) -> Any:
    """What the strict parser refuses but can be read: control characters, bytes that are not UTF-8, halves of surrogate
    pairs.

    Each spoils its own character only; the slower parser of the standard library takes the latter two.
    """
    cleaned = body.translate(_CONTROL_TO_SPACE)
    try:
        return from_json(cleaned, allow_inf_nan=True)
    except ValueError:
        body = cleaned
    try:
        return json.loads(body.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def _code(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value):
        return int(value)
    # Rounded, a fraction below 1 would be a success; neither NaN nor an infinity is an integer.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9:
        return value
    return None


def clean_request_id(value: object) -> str | None:
    """The service's request id, safe to show and to log."""
    return (_ID_NOISE.sub("", value)[:80] or None) if isinstance(value, str) else None
