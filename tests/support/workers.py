"""The processes that answer SQL for this one, as Linux shows them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import pytest

from keyapi_mcp.store import sql_worker

on_linux: Final = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


def workers(parent: int | None = None) -> list[int]:
    """Those that run, by process id. parent: the server's process; by default this one."""
    processes = [path for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [int(path.name) for path in processes if _is_one(path, os.getpid() if parent is None else parent)]


def runs(process: int) -> bool:
    """Whether it is there and has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is_one(process: Path, wanted: int) -> bool:
    try:
        state, parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[:2]
        command = (process / "cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z" and int(parent) == wanted and sql_worker.__file__.encode() in command


def peak_memory(process: int) -> int:
    """The most bytes of real memory that it ever had, or since `memory_from_here`."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def memory_from_here(process: int) -> int:
    """The bytes of real memory that it has now; `peak_memory` is then the most that it has had since."""
    # What it is for: Linux sets the peak back to what there is now.
    Path(f"/proc/{process}/clear_refs").write_text("5")
    return peak_memory(process)


def processor_ticks(process: int) -> int:
    """How long it has been computing."""
    return int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[11])
