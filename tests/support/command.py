"""The installed command, run as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

# Beside the interpreter of whatever environment the tests run in.
KEYAPI_MCP: Final = str(Path(sys.executable).parent / "keyapi-mcp")


def keyapi_mcp(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return keyapi_mcp_in(Path.cwd(), *arguments, **environment)


def keyapi_mcp_in(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [KEYAPI_MCP, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
        env=os.environ | environment,
    )
