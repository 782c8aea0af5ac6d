"""`docs/quality.md`: generated sections between markers, each written or compared by the run that measures it."""

from __future__ import annotations

import difflib
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "quality.md"

# What differs between two good runs: the line of where and with which versions, the day, how long something took.
_RUN: Final = re.compile(r"^Run on .*$", re.MULTILINE)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_SECONDS: Final = re.compile(r"\b\d+(?:\.\d+)? ?(?:s|ms)\b")


def _ends(section: str) -> tuple[str, str]:
    return f"<!-- begin: {section} (generated) -->\n", f"<!-- end: {section} -->\n"


def written(document: str, section: str, content: str) -> str:
    """The document with this content in that section. Raises ValueError where its markers are missing."""
    begin, end = _ends(section)
    if document.count(begin) != 1 or document.count(end) != 1:
        raise ValueError(f"docs/quality.md needs one line {begin.strip()} and one {end.strip()}")
    head, _, rest = document.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n{content.strip()}\n\n{end}{tail}"


def differences(document: str, section: str, content: str) -> list[str]:
    """Lines that differ, but for days and durations; empty where the document says what was found."""
    before, after = (_comparable(text).splitlines() for text in (document, written(document, section, content)))
    return list(difflib.unified_diff(before, after, "docs/quality.md", "this run", lineterm="", n=0))


def run_line(seconds: float, *more: str) -> str:
    """When, for how long and with which versions a run was; it is not compared."""
    versions = [f"{name} {version(name)}" for name in ("keyapi-mcp", "mcp", "httpx2", "uvicorn")]
    with_what = ", ".join([f"Python {platform.python_version()}", platform.system(), *versions, *more])
    return f"Run on {datetime.now(UTC):%Y-%m-%d} in {seconds:.0f} s: {with_what}."


def publish(section: str, content: str, *, check: bool) -> int:
    """Write a section, or with `check` compare it; prints what differs. The exit code."""
    document = DOCUMENT.read_text(encoding="utf-8")
    if not check:
        DOCUMENT.write_text(written(document, section, content), encoding="utf-8")
        return 0
    found = differences(document, section, content)
    if found:
        print("\n".join([*found, f"docs/quality.md is out of date: make {section} WRITE=1"]))
    return 1 if found else 0


def _comparable(text: str) -> str:
    return _SECONDS.sub("… s", _DAY.sub("a day", _RUN.sub("Run on a day", text)))
