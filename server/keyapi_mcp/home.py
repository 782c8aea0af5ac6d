"""The directory of everything that is kept, and reading what the user puts into it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keyapi_mcp.printed import one_line
from keyapi_mcp.settings import Settings

_APPLICATION: Final = "keyapi-mcp"
# A file of somebody's own rules is small; what is larger is something else.
_LARGEST_FILE: Final = 1_000_000
_LONGEST_REASON: Final = 400


def home(settings: Settings) -> Path:
    """`KEYAPI_MCP_HOME`, or the platform's place for a user's data."""
    if settings.home is not None:
        return settings.home
    import platformdirs

    return Path(platformdirs.user_data_dir(_APPLICATION, appauthor=False))


class BrokenFile(Exception):
    """A file of the user's that cannot be used; the text names it, the line and the reason."""

    def __init__(self, path: Path, line: int | None, why: str) -> None:
        self.path = path
        # It quotes the file, in answers and on a terminal.
        told = one_line(why)
        told = told if len(told) <= _LONGEST_REASON else f"{told[:_LONGEST_REASON]}…"
        super().__init__(f"{path.name}{'' if line is None else f', line {line}'}: {told}")


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A TOML file of the user's, read."""

    path: Path
    text: str
    document: Mapping[str, Any]

    def broken(self, name: str, why: str) -> BrokenFile:
        """What to raise for a part of it; the line is that of the last table or key of this name."""
        key = re.escape(name)
        begins = re.compile(rf"""\s*(?:\[+\s*(?:[\w"'-]+\.)*["']?{key}["']?\s*\]|["']?{key}["']?\s*=)""")
        lines = [number for number, line in enumerate(self.text.splitlines(), 1) if begins.match(line)]
        return BrokenFile(self.path, lines[-1] if lines else None, f"{name}: {why}")


def own_file(path: Path) -> OwnFile | None:
    """Read a file; `None` where there is none. Raises BrokenFile."""
    try:
        # A pipe or a device may have no end, or never begin.
        if not path.is_file() and path.exists():
            raise BrokenFile(path, None, "is not a file")
        with path.open("rb") as opened:
            content = opened.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise BrokenFile(path, None, "is too large to be such a file")
        text = content.decode("utf-8-sig")
        return OwnFile(path, text, tomllib.loads(text))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BrokenFile(path, None, error.strerror or "cannot be read") from None
    except UnicodeDecodeError:
        raise BrokenFile(path, None, "is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        found = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        line = int(found[1]) if found else text.count("\n") + 1  # "(at end of document)"
        raise BrokenFile(path, line, str(error).partition(" (at ")[0]) from None
    except ValueError:
        # The one other that the parser lets through: Python's own limit on the digits of a whole number.
        raise BrokenFile(path, None, "has a number of too many digits") from None
    except RecursionError:
        raise BrokenFile(path, None, "is nested too deeply") from None
