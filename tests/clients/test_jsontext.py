"""JSON is read as clients read it, and changed at one place only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyapi_mcp.clients.jsontext import BrokenText, insert, parse, replace

NAMES = st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
STYLES = st.sampled_from([{"indent": 2}, {"indent": 4}, {"indent": "\t"}, {}, {"separators": (",", ":")}])


@settings(max_examples=40)
@given(VALUES, STYLES, st.booleans())
def test_what_python_writes_is_read_the_same(value: Any, style: dict[str, Any], escaped: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=escaped, **style)).value == value


@settings(max_examples=40)
@given(st.dictionaries(NAMES, VALUES, max_size=4), STYLES, VALUES, st.sampled_from(["\n", "\r\n"]))
def test_one_more_member_leaves_every_other_character(
    content: dict[str, Any], style: dict[str, Any], value: Any, newline: str
) -> None:
    text = json.dumps(content, **style).replace("\n", newline)
    after = insert(text, parse(text), value, "a new name")
    assert json.loads(after) == content | {"a new name": value}
    assert list(json.loads(after)) == [*content, "a new name"]
    kept = text.rstrip()[:-1].rstrip()
    assert after.startswith(kept)
    if "\r\n" in text:
        assert "\n" not in after.replace("\r\n", "")


@settings(max_examples=40)
@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), STYLES, VALUES)
def test_another_value_leaves_every_other_character(content: dict[str, Any], style: dict[str, Any], value: Any) -> None:
    text = json.dumps(content, **style)
    name = list(content)[-1]
    node = parse(text).members[name]
    after = replace(text, node, value)
    assert json.loads(after) == content | {name: value}
    assert after.startswith(text[: node.start])
    assert after.endswith(text[node.end :])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it ends too early (line 1, column 1)"),
        ('{"a": 1,\n "b"', "a colon is missing (line 2, column 5)"),
        ('{"a": 1,}', "a comma stands before the end"),
        ('{"a": 1 "b": 2}', "a comma is missing"),
        ("{'a': 1}", "a text in quotes is missing"),
        ('{"a": 1} x', "something stands after the end"),
        ('{"a": // one\n1}', "a comment, which this client does not take in its file (line 1, column 7)"),
        ("/* mine */ {}", "a comment"),
        ('{"a": 1 // one\n}', "a comment"),
        ("{} // mine", "a comment"),
        ('{"a": / 1}', "a value is missing"),
        ('{"a": NaN}', "a value is missing"),
        ('{"a": 01}', "a comma is missing"),
        ('["\t"]', "a text in quotes is missing or not closed"),
        ("[" * 100_000, "it is nested too deeply"),
    ],
)
def test_what_is_broken_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(BrokenText) as raised:
        parse(text)
    assert said in str(raised.value)


def test_comments_and_a_last_comma_are_read_where_the_client_reads_them() -> None:
    text = '// mine\n{\n  "a": [1, 2,], /* two */\n  "b": "// no comment", // one\n}\n'
    assert parse(text, comments=True).value == {"a": [1, 2], "b": "// no comment"}


def test_a_comment_after_the_last_member_stays_with_it() -> None:
    text = '{\n  "a": 1 // why\n}\n'
    assert insert(text, parse(text, comments=True), 2, "b") == '{\n  "a": 1, // why\n  "b": 2\n}\n'


def test_a_last_comma_is_used() -> None:
    text = '{\n\t"a": 1, // why\n}\n'
    assert insert(text, parse(text, comments=True), 2, "b") == '{\n\t"a": 1, // why\n\t"b": 2\n}\n'


def test_a_comment_in_an_empty_object_stays() -> None:
    text = '{\n  "servers": {\n    // none yet\n  }\n}\n'
    servers = parse(text, comments=True).members["servers"]
    expected = '{\n  "servers": {\n    // none yet\n    "b": 2\n  }\n}\n'
    assert insert(text, servers, 2, "b") == expected


def test_what_stands_on_one_line_stays_on_one_line() -> None:
    text = '{"mcpServers":{}, "theme":"dark"}'
    assert insert(text, parse(text).members["mcpServers"], {"command": "/c"}, "k") == (
        '{"mcpServers":{"k": {"command": "/c"}}, "theme":"dark"}'
    )


def test_of_equal_names_the_last_counts_as_for_every_client() -> None:
    text = '{"a": 1, "a": 2}'
    assert replace(text, parse(text).members["a"], 3) == '{"a": 1, "a": 3}'


def test_a_whole_number_too_long_for_python_is_no_reason_to_refuse() -> None:
    assert parse("[" + "1" * 10_000 + "]").value == [float("inf")]


def test_half_a_character_is_written_as_it_was() -> None:
    text = '{"a": "\\ud83d"}'
    half = parse(text).value["a"]
    assert insert(text, parse(text), half, "b") == '{"a": "\\ud83d", "b": "\\ud83d"}'
