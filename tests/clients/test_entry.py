"""What stands in a client's file afterwards: our entry, and all else as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keyapi_mcp.clients.entry import Refused, Wish, edited
from keyapi_mcp.clients.places import CLIENTS

DESKTOP, CODE, VSCODE = CLIENTS["claude-desktop"], CLIENTS["claude-code"], CLIENTS["vscode"]
WISH = Wish(("/opt/bin/keyapi-mcp",))
WRITTEN = """\
{
    "theme": "dark",
    "ratio": 1.50e0,
    "mcpServers": {
        "files": { "command": "npx", "args": ["-y", "files"] },
        "last": { "url": "https://example.com/mcp" }
    },
    "name": "\\u00fc"
}
"""


def test_without_a_file_one_is_made() -> None:
    after = edited(None, DESKTOP, "keyapi", WISH).after
    assert json.loads(after) == {"mcpServers": {"keyapi": {"command": "/opt/bin/keyapi-mcp", "args": []}}}
    assert after.endswith("}\n")


@pytest.mark.parametrize("text", ["", " \n", "\ufeff", "{}", '{"mcpServers": {}}'])
def test_a_file_with_nothing_in_it_is_filled(text: str) -> None:
    after = edited(text, DESKTOP, "keyapi", WISH).after
    assert list(json.loads(after.removeprefix("\ufeff"))["mcpServers"]) == ["keyapi"]


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_everything_else_stays_character_for_character(mark: str, newline: str) -> None:
    text = mark + WRITTEN.replace("\n", newline)
    after = edited(text, DESKTOP, "keyapi", WISH).after
    lines = after.split(newline)
    added = lines[6:10]
    assert lines[5] == '        "last": { "url": "https://example.com/mcp" },'
    assert added == [
        '        "keyapi": {',
        '            "command": "/opt/bin/keyapi-mcp",',
        '            "args": []',
        "        }",
    ]
    assert newline.join([*lines[:5], lines[5].removesuffix(","), *lines[10:]]) == text


def test_what_is_as_it_should_be_does_not_change() -> None:
    once = edited(WRITTEN, DESKTOP, "keyapi", WISH).after
    again = edited(once, DESKTOP, "keyapi", WISH)
    assert (again.after, again.replaced) == (once, False)


def test_what_somebody_added_to_the_entry_stays_a_key_too() -> None:
    added = {"command": "/old", "args": ["-x"], "env": {"KEYAPI_TOKEN": "sk_live_a", "OTHER": "1"}, "disabled": True}
    edit = edited(json.dumps({"mcpServers": {"keyapi": added}}), DESKTOP, "keyapi", WISH)
    assert edit.replaced
    assert edit.entry == added | {"command": "/opt/bin/keyapi-mcp", "args": []}


def test_an_entry_of_another_kind_is_replaced_as_a_whole() -> None:
    text = json.dumps({"mcpServers": {"keyapi": {"url": "https://example.com/mcp"}}})
    assert edited(text, DESKTOP, "keyapi", WISH).entry == {"command": "/opt/bin/keyapi-mcp", "args": []}


def test_a_key_file_takes_the_place_of_a_key() -> None:
    text = json.dumps({"mcpServers": {"keyapi": {"command": "/c", "env": {"KEYAPI_TOKEN": "sk_live_a"}}}})
    edit = edited(text, DESKTOP, "keyapi", Wish(("/c",), key_file=Path("/keys/keyapi")))
    assert edit.dropped
    assert edit.entry["env"] == {"KEYAPI_TOKEN_FILE": str(Path("/keys/keyapi"))}


def test_the_sandbox_is_a_flag_and_goes_again() -> None:
    on = edited(None, DESKTOP, "keyapi", Wish(("/py", "-m", "keyapi_mcp"), sandbox=True))
    assert on.entry == {"command": "/py", "args": ["-m", "keyapi_mcp", "--sandbox"]}
    off = edited(on.after, DESKTOP, "keyapi", Wish(("/py", "-m", "keyapi_mcp")))
    assert off.entry["args"] == ["-m", "keyapi_mcp"]


def test_claude_code_is_told_the_type_and_its_other_content_stays() -> None:
    text = json.dumps({"numStartups": 3, "projects": {"/a": {"mcpServers": {}}}}, indent=2)
    after: dict[str, Any] = json.loads(edited(text, CODE, "keyapi", WISH).after)
    assert after["mcpServers"]["keyapi"]["type"] == "stdio"
    assert list(after) == ["numStartups", "projects", "mcpServers"]


def test_vs_code_asks_for_the_key_itself() -> None:
    after = json.loads(edited(None, VSCODE, "keyapi", WISH).after)
    assert after["servers"]["keyapi"]["env"] == {"KEYAPI_TOKEN": "${input:keyapi}"}
    assert [(one["id"], one["password"]) for one in after["inputs"]] == [("keyapi", True)]


def test_vs_code_s_comments_and_inputs_stay_and_ours_comes_once() -> None:
    text = '{\n\t// mine\n\t"inputs": [\n\t\t{ "id": "other" }, // theirs\n\t],\n\t"servers": {},\n}\n'
    once = edited(text, VSCODE, "keyapi", WISH).after
    assert once.startswith('{\n\t// mine\n\t"inputs": [\n\t\t{ "id": "other" }, // theirs\n\t\t{\n')
    assert once.count('"promptString"') == 1
    assert edited(once, VSCODE, "keyapi", WISH).after == once


@pytest.mark.parametrize("wish", [Wish(("/c",), sandbox=True), Wish(("/c",), key_file=Path("/k"))])
def test_vs_code_does_not_ask_for_what_is_not_needed(wish: Wish) -> None:
    assert "inputs" not in edited(None, VSCODE, "keyapi", wish).after
    asked = edited(None, VSCODE, "keyapi", WISH).after
    assert "${input:keyapi}" not in edited(asked, VSCODE, "keyapi", wish).after


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"mcpServers": {', "not valid JSON"),
        ('{"mcpServers": {}} // mine', "not valid JSON"),
        ("[]", "does not hold an object"),
        ('{"mcpServers": []}', '"mcpServers" is no object'),
        ('{"mcpServers": null}', '"mcpServers" is no object'),
    ],
)
def test_what_cannot_be_changed_without_harm_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        edited(text, DESKTOP, "keyapi", WISH)


def test_inputs_that_are_no_list_are_refused() -> None:
    with pytest.raises(Refused, match='"inputs" is no list'):
        edited('{"inputs": {}}', VSCODE, "keyapi", WISH)
