"""Bodies: what is read in spite of its oddities, and what is never taken for an empty result."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyapi_mcp.api.envelope import clean_request_id, read_envelope
from keyapi_mcp.errors import UnusableAnswer

DATA = Path(__file__).parents[1] / "data"


def test_the_documented_example_is_read_whole() -> None:
    envelope = read_envelope((DATA / "response_example.json").read_bytes())
    assert (envelope.code, envelope.request_id) == (0, "5c2f367b-72d7-4a86-9d9a-332b20b99c6d")
    assert envelope.rows is not None
    assert len(envelope.rows) == 1
    assert len(envelope.rows[0]) == 100


@pytest.mark.parametrize("status", ["400", "401", "402", "429", "500"])
def test_a_documented_failure_is_read_with_its_code_and_message(status: str) -> None:
    example = json.loads((DATA / "error_examples.json").read_text("utf-8"))[status]
    envelope = read_envelope(json.dumps(example).encode())
    assert (envelope.code, envelope.message, envelope.rows) == (int(status), example["message"], None)


def test_raw_control_characters_inside_strings_do_not_spoil_the_body() -> None:
    body = b'{"code":0,"data":[{"product_id":"1","desc":"a\x00b\x1fc\nd\te"}]}'
    assert read_envelope(body).rows == [{"product_id": "1", "desc": "a b c d e"}]


def test_bytes_that_are_not_utf8_spoil_their_own_character_only() -> None:
    envelope = read_envelope(b'{"code":0,"data":[{"product_name":"caf\xe9 cup"}]}')
    assert envelope.rows == [{"product_name": "caf\ufffd cup"}]


def test_half_a_surrogate_pair_spoils_its_own_character_only() -> None:
    envelope = read_envelope(b'{"code":0,"data":[{"product_name":"cup \\ud83d"}]}')
    assert envelope.rows is not None
    assert envelope.rows[0]["product_name"].startswith("cup ")


def test_ids_beyond_double_precision_stay_exact_even_as_numbers() -> None:
    envelope = read_envelope(b'{"code":0,"data":[{"product_id":1729873073559015753}]}')
    assert envelope.rows == [{"product_id": 1729873073559015753}]


def test_null_data_with_success_is_an_empty_page() -> None:
    assert read_envelope(b'{"code":0,"message":"success","data":null}').rows == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"ok"',
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"code":0}',
        b'{"data":[]}',
        b'{"code":true,"data":[]}',
        b'{"code":null,"data":[]}',
        b'{"code":0,"data":{"list":[]}}',
        b'{"code":0,"data":"none"}',
        b'{"code":0,"data":0}',
        b'{"code":0,"data":[{"product_id":"1"}',
        b"[" * 100_000,
        b'{"code":1e999,"data":[]}',
        b'{"code":0.4,"data":[]}',
        b'{"code":-0.9,"data":[]}',
        b'{"code":NaN,"data":[]}',
    ],
)
def test_a_body_that_is_no_envelope_is_an_error_and_never_an_empty_result(body: bytes) -> None:
    with pytest.raises(UnusableAnswer):
        read_envelope(body)


@pytest.mark.parametrize("code", [b"0", b"0.0", b'"0"', b"-0.0"])
def test_a_success_may_be_written_in_several_ways(code: bytes) -> None:
    assert read_envelope(b'{"code":' + code + b',"data":[]}').code == 0


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise_anything_else(body: bytes) -> None:
    with contextlib.suppress(UnusableAnswer):
        read_envelope(body)


@pytest.mark.parametrize("value", [None, 5, "", "\x1b[31m", ["x"]])
def test_an_unusable_request_id_is_none(value: object) -> None:
    assert clean_request_id(value) in (None, "31m")


def test_a_request_id_is_cleaned_before_it_is_shown() -> None:
    assert clean_request_id("abc-1\r\nSet-Cookie: x") == "abc-1Set-Cookiex"
    assert clean_request_id("a" * 500) == "a" * 80
