"""Our entry in a client's file: what it holds, and the file's text with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keyapi_mcp.clients.jsontext import BrokenText, Node, document, insert, parse, replace
from keyapi_mcp.clients.places import Client

TOKEN, TOKEN_FILE, SANDBOX = "KEYAPI_TOKEN", "KEYAPI_TOKEN_FILE", "KEYAPI_MCP_SANDBOX"
_ASKED: Final = {"type": "promptString", "id": "keyapi", "description": "KeyAPI key", "password": True}
_ANSWER: Final = "${input:keyapi}"


class Refused(Exception):
    """A file that cannot be changed without harm; the message says why."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to stand in the entry. command: absolute, with the arguments that make it this program."""

    command: tuple[str, ...]
    sandbox: bool = False
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """before, after: the file's text, `before` is `None` where there is no file; replaced: an entry of this name was
    there and says something else; held: the key stood in it; dropped: that key gives way to the key file."""

    before: str | None
    after: str
    entry: dict[str, Any]
    replaced: bool = False
    held: bool = False
    dropped: bool = False


def read(text: str, client: Client) -> Node:
    """The file's content. Raises Refused in words."""
    try:
        node = parse(text, comments=client.comments)
    except BrokenText as error:
        raise Refused(f"it is not valid JSON: {error}") from None
    if not isinstance(node.value, dict):
        raise Refused("it does not hold an object")
    return node


def edited(text: str | None, client: Client, name: str, wish: Wish) -> Edit:
    """The file's text with the entry in it. Raises Refused for a text that cannot be changed without harm."""
    if text is None or not text.strip("\ufeff \t\r\n"):
        entry, inputs = _entry({}, client, wish)
        after = document(client.key, {name: entry})
        return Edit(text, _asking(after, client) if inputs else after, entry)
    mark, text = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    root = read(text, client)
    servers = root.members.get(client.key)
    if servers is not None and not isinstance(servers.value, dict):
        raise Refused(f'its "{client.key}" is no object')
    there = servers.members.get(name) if servers else None
    old = there.value if there and isinstance(there.value, dict) and "command" in there.value else {}
    entry, inputs = _entry(old, client, wish)
    if there is not None:
        after = replace(text, there, entry) if there.value != entry else text
    elif servers is not None:
        after = insert(text, servers, entry, name)
    else:
        after = insert(text, root, {name: entry}, client.key)
    if inputs:
        after = _asking(after, client)
    replaced = there is not None and there.value != entry
    held = there is not None and isinstance(there.value, dict) and is_key(_env(there.value).get(TOKEN))
    dropped = is_key(_env(old).get(TOKEN)) and TOKEN not in _env(entry)
    return Edit(mark + text, mark + after, entry, replaced, held, dropped)


def is_key(value: object) -> bool:
    """Whether the value of a variable is a key itself, not a word that the client replaces by it."""
    return isinstance(value, str) and bool(value.strip()) and not value.startswith("${")


def _entry(old: Mapping[str, Any], client: Client, wish: Wish) -> tuple[dict[str, Any], bool]:
    """The entry, and whether the client is to ask for the key. What somebody added to the old one stays."""
    command, *arguments = wish.command
    env = dict(_env(old))
    if wish.key_file is not None:
        env.pop(TOKEN, None)  # it would win
        env[TOKEN_FILE] = str(wish.key_file)
    if wish.sandbox and env.get(TOKEN) == _ANSWER:
        del env[TOKEN]
    asks = client.inputs and not wish.sandbox and env.get(TOKEN, _ANSWER) == _ANSWER and TOKEN_FILE not in env
    if asks:
        env[TOKEN] = _ANSWER
    entry: dict[str, Any] = {"type": "stdio"} if client.typed else {}
    entry |= {**old, "command": command, "args": [*arguments, *(["--sandbox"] if wish.sandbox else [])]}
    if env or "env" in old:
        entry["env"] = env
    return entry, asks


def _env(entry: Mapping[str, Any]) -> dict[str, Any]:
    env = entry.get("env")
    return env if isinstance(env, dict) else {}


def _asking(text: str, client: Client) -> str:
    """The text with the question for the key among the client's inputs."""
    root = read(text, client)
    inputs = root.members.get("inputs")
    if inputs is None:
        return insert(text, root, [_ASKED], "inputs")
    if not isinstance(inputs.value, list):
        raise Refused('its "inputs" is no list')
    if any(isinstance(one, dict) and one.get("id") == _ASKED["id"] for one in inputs.value):
        return text
    return insert(text, inputs, _ASKED)
