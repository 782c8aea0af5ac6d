"""JSON read with the place of every value in the text, and changed at one place: all other characters stay.

With `comments` the text may be what editors call JSONC: comments, and a comma after the last element.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_COMMENT: Final = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LONGEST_WHOLE: Final = 400  # Python refuses to read whole numbers of thousands of digits; every client reads floats
_WORDS: Final = {"true": True, "false": False, "null": None}


class BrokenText(ValueError):
    """Not JSON, with the line where reading ended."""

    def __init__(self, what: str, text: str, position: int) -> None:
        line = text.count("\n", 0, position) + 1
        column = position - (text.rfind("\n", 0, position) + 1) + 1
        super().__init__(f"{what} (line {line}, column {column})")


@dataclass(slots=True)
class Node:
    """A value and where it stands. members: of an object (the last of equal names counts, as for every client);
    first, last: where the first element begins and the last ends; comma: of an object or array, after its last one."""

    value: Any
    start: int
    end: int = 0
    members: dict[str, Node] = field(default_factory=dict)
    first: int | None = None
    last: int | None = None
    comma: bool = False


def parse(text: str, *, comments: bool = False) -> Node:
    """The value of a whole text. Raises BrokenText."""
    reader = _Reader(text, comments)
    try:
        node = reader.value(reader.skip(0))
    except RecursionError:
        raise BrokenText("it is nested too deeply", text, 0) from None
    end = reader.skip(node.end)
    if end < len(text):
        raise BrokenText("something stands after the end", text, end)
    return node


class _Reader:
    def __init__(self, text: str, comments: bool) -> None:
        self._text = text
        self._comments = comments

    def skip(self, position: int) -> int:
        """Past white space and comments."""
        while True:
            position = _match(_SPACE, self._text, position)
            comment = _COMMENT.match(self._text, position)
            if comment is None:
                return position
            if not self._comments:
                raise BrokenText("a comment, which this client does not take in its file", self._text, position)
            position = comment.end()

    def value(self, start: int) -> Node:
        mark = self._text[start : start + 1]
        if mark == "{":
            return self._object(start)
        if mark == "[":
            return self._array(start)
        if mark == '"':
            value, end = self._string(start)
            return Node(value, start, end)
        for word, meaning in _WORDS.items():
            if self._text.startswith(word, start):
                return Node(meaning, start, start + len(word))
        if number := _NUMBER.match(self._text, start):
            return Node(
                float(number[0]) if len(number[0]) > _LONGEST_WHOLE else json.loads(number[0]), start, number.end()
            )
        raise BrokenText("a value is missing" if mark else "it ends too early", self._text, start)

    def _string(self, start: int) -> tuple[str, int]:
        found = _STRING.match(self._text, start)
        if found is None:
            raise BrokenText("a text in quotes is missing or not closed", self._text, start)
        return json.loads(found[0]), found.end()

    def _object(self, start: int) -> Node:
        node = Node({}, start)
        position = self.skip(start + 1)
        while self._goes_on(node, position, "}"):
            name, end = self._string(position)
            colon = self.skip(end)
            if self._text[colon : colon + 1] != ":":
                raise BrokenText("a colon is missing", self._text, colon)
            member = self.value(self.skip(colon + 1))
            node.members[name] = member
            node.value[name] = member.value
            position = self._after(node, position, member, "}")
        return node

    def _array(self, start: int) -> Node:
        node = Node([], start)
        position = self.skip(start + 1)
        while self._goes_on(node, position, "]"):
            element = self.value(position)
            node.value.append(element.value)
            position = self._after(node, position, element, "]")
        return node

    def _goes_on(self, node: Node, position: int, close: str) -> bool:
        """Whether an element comes at this position; otherwise the node ends there."""
        if self._text[position : position + 1] != close:
            return True
        if node.comma and not self._comments:
            raise BrokenText("a comma stands before the end", self._text, position)
        node.end = position + 1
        return False

    def _after(self, node: Node, start: int, element: Node, close: str) -> int:
        """Take note of an element; returns where the next begins."""
        node.first = start if node.first is None else node.first
        node.last = element.end
        position = self.skip(element.end)
        node.comma = self._text[position : position + 1] == ","
        if node.comma:
            return self.skip(position + 1)
        if self._text[position : position + 1] != close:
            raise BrokenText("a comma is missing", self._text, position)
        return position


def _match(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position


def replace(text: str, node: Node, value: Any) -> str:
    """The text with another value in the node's place."""
    return text[: node.start] + _written(text, value, _indent(text, node.start)) + text[node.end :]


def insert(text: str, container: Node, value: Any, name: str | None = None) -> str:
    """The text with one more element at the end of an object (with its name) or an array."""
    close = container.end - 1
    end = len(text[:close].rstrip())
    before = f"{_dumped(name)}: " if name is not None else ""
    outer = _indent(text, container.start)
    newline = _newline(text)
    if container.first is None or container.last is None:
        if _flat(text):
            return f"{text[:end]}{before}{_dumped(value)}{text[close:]}"
        inner = outer + _unit(text)
        return f"{text[:end]}{newline}{inner}{before}{_written(text, value, inner)}{newline}{outer}{text[close:]}"
    # After the last element and what may be said about it.
    head = text[: container.last] + ("" if container.comma else ",") + text[container.last : end]
    if "\n" not in text[container.start : close]:
        return f"{head} {before}{_dumped(value)}{text[end:]}"
    line = text[text.rfind("\n", 0, container.first) + 1 : container.first]
    inner = outer + _unit(text) if line.strip() else line
    return f"{head}{newline}{inner}{before}{_written(text, value, inner)}{text[end:]}"


def document(name: str, value: Any) -> str:
    """A new text: an object with one member."""
    return _dumped({name: value}, "  ") + "\n"


def _written(text: str, value: Any, indent: str) -> str:
    """A value as the rest of the text is written: on lines of their own, or all on one."""
    if _flat(text):
        return _dumped(value)
    return (_newline(text) + indent).join(_dumped(value, _unit(text)).split("\n"))


def _flat(text: str) -> bool:
    """Whether everything stands on one line, and that is not because there is nothing yet."""
    return "\n" not in text.strip() and text.strip() != "{}"


def _dumped(value: Any, indent: str | None = None) -> str:
    dumped = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        dumped.encode()
    except UnicodeEncodeError:  # half a character, which only an escape can write
        return json.dumps(value, indent=indent)
    return dumped


def _newline(text: str) -> str:
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def _indent(text: str, position: int) -> str:
    """What the line begins with."""
    return re.match(r"[ \t]*", text[text.rfind("\n", 0, position) + 1 :])[0]  # type: ignore[index]


def _unit(text: str) -> str:
    """One step of indentation: that of the first line that has one."""
    found = re.search(r"\n([ \t]+)[^\s]", text)
    return found[1] if found else "  "
