"""Who else can read a file."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def readable_by_others(path: Path) -> bool:
    """Whether its group or everybody can; False where it is not there, or rights are of another kind."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return os.name == "posix" and bool(mode & (stat.S_IRGRP | stat.S_IROTH))
