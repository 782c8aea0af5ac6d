"""`doctor`'s trial of a command that starts this program: whether it does, and if not, why.

It is run as the client would run it, but only to say its version and to look at the store: that reads its settings and
its store, and asks the service nothing.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

OLDEST_PYTHON: Final = (3, 11)
_SECONDS: Final = 20.0
_PYTHON: Final = re.compile(r"(python|pypy)[\d.]*w?(\.exe)?", re.IGNORECASE)
_OTHER_COMMAND: Final = re.compile(r"usage: keyapi-mcp ([a-z]\S*)")


@dataclass(frozen=True, slots=True)
class Trial:
    """trouble: what is wrong, in words, or `None`; version: of what was started, where it starts."""

    trouble: str | None
    version: str = ""


def program(command: str, arguments: Sequence[str]) -> list[str] | None:
    """The words that make it this program, without its options; `None` where something else starts it."""
    name = PurePath(command).name
    if name.lower().removesuffix(".exe") == "keyapi-mcp":
        return [command]
    if _PYTHON.fullmatch(name) and list(arguments[:2]) == ["-m", "keyapi_mcp"]:
        return [command, "-m", "keyapi_mcp"]
    return None


def tried(words: Sequence[str], given: Sequence[str], base: Mapping[str, str], own: Mapping[str, str]) -> Trial:
    """words: the program; given: what follows; base: what any program needs; own: what the entry sets besides."""
    code, out, err = _output([*words, "--version"], base)
    if code != 0:
        return Trial(_why_not(words, err, base))
    version = out.strip().removeprefix("keyapi-mcp ")
    # Only help is asked of words that may be a command, which could serve, or spend.
    if any(not word.startswith("-") for word in given):
        code, out, err = _output([*words, *given, "--help"], base)
        if code != 0:
            return Trial(_ends(err))
        if other := _OTHER_COMMAND.match(out):
            return Trial(f"its args start the command {other[1]!r}, which does not speak with a client; leave it out")
    code, _, err = _output([*words, *given, "store", "info"], {**base, **own})
    return Trial(_ends(err) if code != 0 else None, version)


def _ends(err: str) -> str:
    return f"it ends at once: {_last_words(err)}"


def _output(command: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    try:
        done = subprocess.run(  # noqa: S603 the client would run it, too
            command,
            env=dict(environment),
            # Python would take modules from the working directory, which may be somebody else's.
            cwd=Path(command[0]).parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, "", f"it does not answer within {_SECONDS:.0f} s"
    except OSError as error:
        return 1, "", f"it cannot be run: {error.strerror}"
    return done.returncode, done.stdout, done.stderr


def _why_not(words: Sequence[str], err: str, base: Mapping[str, str]) -> str:
    """Why not even its version came."""
    python = words[0] if len(words) > 1 else _interpreter(Path(words[0]))
    if python is None:
        return f"it does not start: {_last_words(err)}"
    if not Path(python).is_file():
        return f"its Python, {python}, is not there any more: install keyapi-mcp anew"
    code, out, _ = _output([python, "-c", "import sys; print(*sys.version_info[:2])"], base)
    if code == 0 and (version := tuple(map(int, out.split()))) < OLDEST_PYTHON:
        needed, there = (".".join(map(str, one)) for one in (OLDEST_PYTHON, version))
        return f"its Python, {python}, is {there}; keyapi-mcp needs {needed} or newer"
    if "No module named" in err:
        return f"its Python, {python}, has no keyapi-mcp installed: {_last_words(err)}"
    return f"it does not start: {_last_words(err)}"


def _interpreter(script: Path) -> str | None:
    """The one that a script names in its first line; a program of Windows hides it."""
    try:
        with script.open("rb") as opened:
            first = opened.readline(1_000)
    except OSError:
        return None
    return first[2:].decode("utf-8", "replace").strip() if first.startswith(b"#!/") else None


def _last_words(err: str) -> str:
    """What a program said last, without the prefix that ours has."""
    lines = [line for line in err.strip().splitlines() if line and not line.startswith(("Credits:", "Next:"))]
    return lines[-1].removeprefix("keyapi-mcp: ") if lines else "it says nothing"
