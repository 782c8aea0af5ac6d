"""What the commands that look at the user's own set-up depend on; tests make other systems of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """What the places and the command depend on. system: as `sys.platform`; folder: the working directory."""

    system: str
    home: Path
    environment: Mapping[str, str]
    executable: Path
    folder: Path | None = None

    @staticmethod
    def this() -> Machine:
        # Not resolved: the interpreter of a virtual environment is a link, and what it is linked to knows no packages.
        executable = Path(sys.executable).absolute()
        try:
            folder = Path.cwd()
        except OSError:  # removed meanwhile
            folder = None
        return Machine(sys.platform, Path.home(), os.environ, executable, folder)
