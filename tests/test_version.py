"""The version is written once; everything else takes it from there."""

from __future__ import annotations

import re
from pathlib import Path

from distribution.manifest import manifest, pyproject
from distribution.server_json import file_name, server_json

from keyapi_mcp import __version__

ROOT = Path(__file__).parents[1]
SOURCES = [
    *(path for folder in ("server", "distribution", "tool_schemas") for path in (ROOT / folder).rglob("*")),
    *(ROOT / name for name in ("pyproject.toml", "Makefile", "README.md", "claude_desktop_config.example.json")),
]
# The official tool's own requirements.
ELSEWHERE = {"package-lock.json"}


def test_it_is_written_in_one_place() -> None:
    whole = re.compile(rf"(?<![\d.]){re.escape(__version__)}(?![\d.]\d)")
    found = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if path.suffix in (".py", ".toml", ".json", ".md", "")
        and path.is_file()
        and path.name not in ELSEWHERE
        and whole.search(path.read_text("utf-8"))
    ]
    assert found == ["server/keyapi_mcp/__init__.py"]


def test_all_that_is_handed_out_has_it() -> None:
    assert manifest()["version"] == __version__
    assert f'\nversion = "{__version__}"\n' in pyproject()
    assert server_json("")["version"] == __version__
    assert file_name() == f"keyapi-mcp-{__version__}.mcpb"


def test_the_changelog_begins_with_it_or_with_what_is_not_released() -> None:
    headings = re.findall(r"^## \[?([^\]\s]+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] in ("Unreleased", __version__)
