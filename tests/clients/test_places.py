"""Where each client keeps its servers, on every system, looked at from any."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyapi_mcp.clients.places import CLIENTS

HOME = Path("/users/ann")
ROAMING = HOME / "AppData" / "Roaming"
SUPPORT = HOME / "Library" / "Application Support"
DESKTOP, CODE = Path("Claude/claude_desktop_config.json"), Path("Code/User/mcp.json")


@pytest.mark.parametrize(
    ("client", "system", "place"),
    [
        ("claude-desktop", "darwin", SUPPORT / DESKTOP),
        ("claude-desktop", "linux", HOME / ".config" / DESKTOP),
        ("claude-desktop", "win32", ROAMING / DESKTOP),
        ("vscode", "darwin", SUPPORT / CODE),
        ("vscode", "linux", HOME / ".config" / CODE),
        ("vscode", "win32", ROAMING / CODE),
        *[("claude-code", system, HOME / ".claude.json") for system in ("darwin", "linux", "win32")],
        *[("cursor", system, HOME / ".cursor" / "mcp.json") for system in ("darwin", "linux", "win32")],
    ],
)
def test_each_system_has_its_place(client: str, system: str, place: Path) -> None:
    assert CLIENTS[client].places(system, HOME, {}) == [place]


def test_folders_that_the_environment_names_come_first() -> None:
    assert CLIENTS["vscode"].places("win32", HOME, {"APPDATA": "/d/roaming"}) == [Path("/d/roaming") / CODE]
    assert CLIENTS["vscode"].places("linux", HOME, {"XDG_CONFIG_HOME": "/etc/ann"}) == [Path("/etc/ann") / CODE]
    places = CLIENTS["claude-code"].places("darwin", HOME, {"CLAUDE_CONFIG_DIR": "/elsewhere"})
    assert places == [Path("/elsewhere/.claude.json")]


@pytest.mark.parametrize("value", ["", "config"])
def test_an_empty_or_relative_folder_is_none(value: str) -> None:
    assert CLIENTS["vscode"].places("linux", HOME, {"XDG_CONFIG_HOME": value}) == [HOME / ".config" / CODE]


def packaged(folder: Path, name: str) -> Path:
    place = folder / "Packages" / name / "LocalCache" / "Roaming" / DESKTOP
    (folder / "Packages" / name).mkdir(parents=True)
    return place


def test_the_packaged_desktop_of_windows_reads_its_own_copy(tmp_path: Path) -> None:
    environment = {"LOCALAPPDATA": str(tmp_path / "Local"), "APPDATA": str(tmp_path / "Roaming")}
    place = packaged(tmp_path / "Local", "Claude_publisher")
    packaged(tmp_path / "Local", "SomethingElse_publisher")
    assert CLIENTS["claude-desktop"].places("win32", HOME, environment) == [place]


def test_beside_a_package_the_plain_place_counts_where_it_is_used(tmp_path: Path) -> None:
    environment = {"LOCALAPPDATA": str(tmp_path / "Local"), "APPDATA": str(tmp_path / "Roaming")}
    place = packaged(tmp_path / "Local", "Claude_publisher")
    plain = tmp_path / "Roaming" / DESKTOP
    plain.parent.mkdir(parents=True)
    plain.write_text("{}")
    assert CLIENTS["claude-desktop"].places("win32", HOME, environment) == [place, plain]


def test_without_the_variable_packages_are_looked_for_in_the_home(tmp_path: Path) -> None:
    place = packaged(tmp_path / "AppData" / "Local", "Claude_publisher")
    assert CLIENTS["claude-desktop"].places("win32", tmp_path, {}) == [place]
