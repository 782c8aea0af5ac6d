"""What `pyproject.toml` and the lock say, for all that is derived from them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SCHEMAS: Final = Path(__file__).parent / "schemas"
LOCK: Final = ROOT / "requirements" / "run.txt"
# Name → version and hashes.
Locked = dict[str, tuple[str, set[str]]]


def locked(text: str) -> Locked:
    """Everything that a lock file names."""
    requirements = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    parts = [(re.split("==|[ ;]", one, maxsplit=2), one) for one in requirements]
    return {name: (version, set(re.findall(r"--hash=sha256:(\w+)", one))) for (name, version, _), one in parts}
