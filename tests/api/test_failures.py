"""From status, code and message to the error that a caller reads, without what must not be repeated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.api.failures import failure, quoted
from keyapi_mcp.errors import (
    EndpointMissing,
    KeyRejected,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServiceError,
    ServiceFault,
    as_text,
)

EXAMPLES = json.loads((Path(__file__).parents[1] / "data" / "error_examples.json").read_text("utf-8"))


def failed(status: int, message: str = "", code: int | None = None, **more: float | None) -> ServiceError:
    return failure(status, code, message, request_id="abc-1", **more)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (400, RequestRejected),
        (401, KeyRejected),
        (402, QuotaExhausted),
        (403, KeyRejected),
        (404, EndpointMissing),
        (418, ServiceFault),
        (429, RateLimited),
        (500, ServiceFault),
        (502, ServiceFault),
        (503, ServiceFault),
        (504, ServiceFault),
    ],
)
def test_a_status_or_the_code_inside_a_200_tells_the_kind(number: int, kind: type[ServiceError]) -> None:
    assert type(failed(number)) is kind
    assert type(failed(200, code=number)) is kind


def test_the_status_comes_before_the_code() -> None:
    assert type(failed(401, code=500)) is KeyRejected
    assert type(failed(500, code=0)) is ServiceFault
    assert type(failed(502, code=400)) is ServiceFault


@pytest.mark.parametrize("code", [-1, 1, 999_999])
def test_an_unknown_code_inside_a_200_is_a_fault_and_never_an_empty_result(code: int) -> None:
    error = failed(200, code=code)
    assert type(error) is ServiceFault
    assert error.status == code
    assert "This is not an empty result." in error.what


@pytest.mark.parametrize("status", ["400", "401", "402", "429", "500"])
def test_each_documented_failure_is_told_with_the_request_id_and_a_next_step(status: str) -> None:
    example = EXAMPLES[status]
    for error in (
        failed(int(status), example["message"], example["code"]),
        failed(200, example["message"], example["code"]),
    ):
        text = as_text(error)
        assert error.request_id == "abc-1"
        assert error.next_step
        assert text.endswith("Request id for the service's support: abc-1")
        assert ("Credits: none spent." in text) is (status != "500")


@pytest.mark.parametrize(
    "message",
    [
        "apiKey quota is not enough",
        "Quota exceeded",
        "You have reached your usage limit",
        "insufficient balance",
        "Insufficient credits",
    ],
)
@pytest.mark.parametrize(("status", "code"), [(500, None), (500, 500), (503, None), (200, 500), (402, 402), (200, 1)])
def test_a_quota_told_as_a_fault_is_a_quota(status: int, code: int | None, message: str) -> None:
    error = failed(status, message, code)
    assert type(error) is QuotaExhausted
    assert "quota is used up" in error.what
    assert "says nothing about products" in error.what


@pytest.mark.parametrize(
    ("status", "kind"), [(400, RequestRejected), (401, KeyRejected), (403, KeyRejected), (429, RateLimited)]
)
def test_a_refusal_that_mentions_quota_stays_what_its_status_says(status: int, kind: type[ServiceError]) -> None:
    assert type(failed(status, "quota header is malformed")) is kind


def test_a_redirect_is_a_fault_that_points_to_the_base_url() -> None:
    for status in (301, 302, 307, 308):
        error = failed(status)
        assert type(error) is ServiceFault
        assert error.status == status
        assert error.next_step == "check KEYAPI_API_BASE_URL."


@pytest.mark.parametrize(("seconds", "words"), [(None, "a minute"), (0.0, "a minute"), (7.4, "7 s"), (120.0, "120 s")])
def test_a_429_says_when_to_call_again(seconds: float | None, words: str) -> None:
    error = failed(429, retry_after=seconds)
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds
    assert error.next_step == f"call again in {words}."


# --- the service's own words ----------------------------------------------------------------------------------------


def test_the_services_words_are_quoted_where_they_may_help() -> None:
    assert (
        'refused the parameters (400): "Missing required parameter: handle".'
        in failed(400, EXAMPLES["400"]["message"]).what
    )
    assert failed(500, "").what == "The service failed (500). This is not an empty result."


@pytest.mark.parametrize(
    "message",
    [
        "bad key sk_live_5ecre7",
        "bad key sk_live_abc-5ecre7",
        "bad key SK_LIVE_5ecre7",
        "bad key sk-proj-5ecre7",
        "bad key pk_5ecre7!",
        "Authorization: Bearer 5ecre7",
        "bearer\t5ecre7 is not known",
        "x" * 150 + " sk_live_5ecre7",
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_what_looks_like_a_key_is_never_repeated(status: int, message: str) -> None:
    assert "5ecre7" not in as_text(failed(status, message))


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("", ""),
        (" \n\t ", ""),
        ("plain words", ': "plain words"'),
        ("two\nlines\r\nhere", ': "two lines here"'),
        ("<b>bold</b> [x](y) `z` | w", ': "b bold /b x (y) z w"'),
        ('say "hi" \x1b[31m\u202e', ': "say hi 31m"'),
    ],
)
def test_the_services_words_are_one_clean_line(message: str, shown: str) -> None:
    assert quoted(message) == shown


def test_the_services_words_are_cut() -> None:
    assert quoted("word " * 10_000) == ': "' + ("word " * 32) + '"'


@given(st.integers(100, 999), st.none() | st.integers(), st.text(max_size=300))
def test_any_failure_whatever_is_an_error_of_ours_in_clean_lines(status: int, code: int | None, message: str) -> None:
    error = failed(status, message, code)
    text = as_text(error)
    assert error.next_step
    assert all(line.isprintable() for line in text.split("\n"))
    assert len(text) < 700
    if isinstance(error, ServiceFault):
        assert error.status is not None
