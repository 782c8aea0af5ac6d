"""An exit code says who can mend what went wrong."""

from __future__ import annotations

import pytest

from keyapi_mcp import errors
from keyapi_mcp.commands import exit_codes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidQuery("wrong"), 3),
        (errors.KeyApiMcpError("no such tool"), 3),
        (errors.ServiceFault("down"), 4),
        (errors.Unreachable("no way"), 4),
        (errors.InvalidSettings("wrong"), 5),
        (errors.StoreUnavailable("here", errors.DAMAGED), 5),
        (errors.LimitReached("too much"), 5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_of_error_has_one(error: errors.KeyApiMcpError, code: int) -> None:
    assert exit_codes.of(error) == code
