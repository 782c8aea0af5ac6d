"""`doctor`'s part on keys in clients' files, and in the copies that `install` makes of them: who else can read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from keyapi_mcp.clients.entry import TOKEN, Refused, is_key
from keyapi_mcp.clients.files import copies, read_text
from keyapi_mcp.clients.places import CLIENTS
from keyapi_mcp.commands.finding import Finding
from keyapi_mcp.commands.machine import Machine
from keyapi_mcp.commands.rights import readable_by_others

# Found in a file that is no longer JSON, too.
_VALUE: Final = re.compile(rf'"{TOKEN}"\s*:\s*"([^"]*)"')


def findings(machine: Machine) -> Iterator[Finding]:
    """A note for each file that others can read a key in."""
    for client in CLIENTS.values():
        for path in client.places(machine.system, machine.home, machine.environment):
            if _is_open(path):
                yield _note(client.title, path, f"chmod 600 {path}")
            for copy in filter(_is_open, copies(path)):
                yield _note(client.title, copy, "delete that copy when you no longer need it")


def _is_open(path: Path) -> bool:
    if not readable_by_others(path):
        return False
    try:
        text = read_text(path) or ""
    except Refused:
        return False
    return any(map(is_key, _VALUE.findall(text)))


def _note(title: str, path: Path, advice: str) -> Finding:
    return Finding(None, f"{title}: others on this machine can read {path}, which holds the key: {advice}")
