"""What `pyproject.toml` and the lock say, read once for all that is derived from them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SCHEMAS: Final = Path(__file__).parent / "schemas"


def locked() -> dict[str, str]:
    """Name → requirement with exact version and marker, of everything in the lock of what is run."""
    text = (ROOT / "requirements" / "run.txt").read_text("utf-8")
    lines = re.findall(r"^([a-z0-9][\w.-]*==.*?) *\\?$", text, re.MULTILINE)
    return {line.partition("==")[0]: line for line in lines}


def pinned() -> list[str]:
    """The project's own requirements, each at its locked version."""
    names = [re.match(r"[\w.-]+", requirement) for requirement in PROJECT["dependencies"]]
    return [locked()[name[0]] for name in names if name]
