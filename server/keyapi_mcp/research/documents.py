"""The thresholds and weights beside the formulas, in `data/`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def document(name: str) -> dict[str, Any]:
    """One of the files, read once."""
    source = resources.files("keyapi_mcp.research") / "data" / f"{name}.toml"
    return tomllib.loads(source.read_text(encoding="utf-8"))
