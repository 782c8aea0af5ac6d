"""A user's home with clients' files in it, and the variables that lead there on every system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest


def leading_to(home: Path) -> dict[str, str]:
    """What makes a program take this for the user's home."""
    return {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "APPDATA": str(home / "AppData" / "Roaming"),
        "LOCALAPPDATA": str(home / "AppData" / "Local"),
        "CLAUDE_CONFIG_DIR": "",
    }


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home of a user of the tests' own, for this process and those that it starts; they work there, too."""
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.chdir(home)
    with mock.patch.dict(os.environ, leading_to(home)):
        yield home
