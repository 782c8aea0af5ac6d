"""Which clients there are, and where each keeps its list of servers on each system.

System, home and environment are arguments, so that every system's places can be looked at on any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Environment = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Client:
    """name: as the command line takes it; key: the member that holds the servers; comments: its file may have them;
    typed: entries say that they are of type stdio; inputs: it asks for secrets itself and keeps them; in_folder: the
    file that it reads in the folder it works in, where it reads one."""

    name: str
    title: str
    find: Callable[[str, Path, Environment], list[Path]]
    key: str = "mcpServers"
    comments: bool = False
    typed: bool = False
    inputs: bool = False
    in_folder: str = ""

    def places(self, system: str, home: Path, environment: Environment) -> list[Path]:
        """Every file that the client may read, the one to write first where there is none yet. system: as
        `sys.platform`."""
        return self.find(system, home, environment)


def _application_data(system: str, home: Path, environment: Environment) -> Path:
    if system == "win32":
        return _folder(environment, "APPDATA") or home / "AppData" / "Roaming"
    if system == "darwin":
        return home / "Library" / "Application Support"
    return _folder(environment, "XDG_CONFIG_HOME") or home / ".config"


def _folder(environment: Environment, variable: str) -> Path | None:
    """Unset, empty and relative mean the default, as the specification of XDG_CONFIG_HOME has it."""
    path = Path(environment.get(variable, ""))
    return path if path.is_absolute() else None


def _claude_desktop(system: str, home: Path, environment: Environment) -> list[Path]:
    file = Path("Claude") / "claude_desktop_config.json"
    plain = _application_data(system, home, environment) / file
    if system != "win32":
        return [plain]
    # Installed as a package (from the Store, and by the newer installer), it sees a copy of the user's folders and
    # reads the file there. The plain place counts beside it only where somebody uses it.
    packages = (_folder(environment, "LOCALAPPDATA") or home / "AppData" / "Local") / "Packages"
    packaged = [folder / "LocalCache" / "Roaming" / file for folder in sorted(packages.glob("Claude_*"))]
    return [*packaged, plain] if not packaged or plain.exists() else packaged


def _claude_code(_system: str, home: Path, environment: Environment) -> list[Path]:
    return [(_folder(environment, "CLAUDE_CONFIG_DIR") or home) / ".claude.json"]


def _cursor(_system: str, home: Path, _environment: Environment) -> list[Path]:
    return [home / ".cursor" / "mcp.json"]


def _vscode(system: str, home: Path, environment: Environment) -> list[Path]:
    return [_application_data(system, home, environment) / "Code" / "User" / "mcp.json"]


CLIENTS: Final = {
    client.name: client
    for client in (
        Client("claude-desktop", "Claude Desktop", _claude_desktop),
        Client("claude-code", "Claude Code", _claude_code, typed=True, in_folder=".mcp.json"),
        Client("cursor", "Cursor", _cursor, in_folder=".cursor/mcp.json"),
        Client(
            "vscode",
            "VS Code",
            _vscode,
            key="servers",
            comments=True,
            typed=True,
            inputs=True,
            in_folder=".vscode/mcp.json",
        ),
    )
}
