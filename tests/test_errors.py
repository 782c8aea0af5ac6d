"""Errors: what happened, what it may have cost, what to do next, in one wording for all."""

from __future__ import annotations

import inspect

import pytest

from keyapi_mcp import errors
from keyapi_mcp.errors import (
    InvalidQuery,
    InvalidSettings,
    KeyApiMcpError,
    KeyRejected,
    MissingKey,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServiceError,
    ServiceFault,
    SetupError,
    TimedOut,
    Unreachable,
    UnusableAnswer,
    as_text,
)

ALL: list[type[KeyApiMcpError]] = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, KeyApiMcpError) and kind.__module__ == errors.__name__
]


def test_what_happened_what_it_cost_and_what_to_do_stand_in_this_order() -> None:
    error = RequestRejected("The service refused the parameters.", "send fewer.", request_id="abc-1")
    assert as_text(error) == (
        "The service refused the parameters.\n"
        "Credits: none spent.\n"
        "Next: send fewer.\n"
        "Request id for the service's support: abc-1"
    )


def test_what_is_not_known_has_no_line() -> None:
    assert as_text(KeyApiMcpError("There is no such tool.")) == "There is no such tool.\nCredits: none spent."


def test_several_problems_keep_a_line_each() -> None:
    text = as_text(InvalidQuery("page_size: at most 10.\nregion: is required.", "correct them."))
    assert text.split("\n")[:2] == ["page_size: at most 10.", "region: is required."]


@pytest.mark.parametrize("kind", [ServiceFault, TimedOut, UnusableAnswer])
def test_a_failure_after_sending_may_have_cost_a_credit(kind: type[KeyApiMcpError]) -> None:
    error = kind("It broke.")
    assert error.maybe_spent == 1
    assert "Credits: 0–1 spent; the service does not say whether it bills failed requests." in as_text(error)


def test_retries_that_may_have_cost_a_credit_each_are_counted() -> None:
    error = ServiceFault("It broke.")
    error.maybe_spent = 3
    assert "Credits: 0–3 spent;" in as_text(error)


@pytest.mark.parametrize(
    "kind",
    [
        InvalidQuery,
        MissingKey,
        InvalidSettings,
        RequestRejected,
        KeyRejected,
        QuotaExhausted,
        RateLimited,
        Unreachable,
        errors.EndpointMissing,
    ],
)
def test_a_refusal_or_a_request_that_never_left_cost_nothing(kind: type[KeyApiMcpError]) -> None:
    assert "Credits: none spent." in as_text(kind("No."))


def test_the_tree_is_split_by_who_can_mend_it_and_is_drawn_whole() -> None:
    assert issubclass(MissingKey, SetupError)
    assert issubclass(InvalidSettings, SetupError)
    assert not issubclass(InvalidQuery, ServiceError | SetupError)
    for kind in ALL:
        assert kind.__name__ in (errors.__doc__ or ""), f"{kind.__name__} is missing in the drawing"
        assert (kind is ServiceError) or not issubclass(kind, ServiceError) or kind.__bases__ == (ServiceError,)


def test_an_error_reads_as_what_happened_where_it_is_only_logged() -> None:
    assert str(TimedOut("No answer in time.", "call again.")) == "No answer in time."
