"""`make sbom`: the list of parts, `dist/sbom.cdx.json`, in which every one of the lock is, by version and hashes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

from distribution.project import LOCK, ROOT, Locked, locked

_FILE: Final = ROOT / "dist" / "sbom.cdx.json"
_COMMAND: Final = "cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible"


def main() -> int:
    """Exit code 1 when a part of the lock is not in the list."""
    _FILE.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-W", "ignore", "-m", *_COMMAND.split(), "-o", str(_FILE), str(LOCK)]
    subprocess.run(command, cwd=ROOT, check=True)
    parts = locked(LOCK.read_text("utf-8"))
    absent = missing(parts, json.loads(_FILE.read_text("utf-8")))
    for part in absent:
        print(f"MISSING: {part}")
    print(f"{_FILE.relative_to(ROOT)}: {len(parts) - len(absent)} of {len(parts)} locked parts, by version and hashes")
    return 1 if absent else 0


def missing(parts: Locked, document: dict[str, Any]) -> list[str]:
    """Parts that the list has not, or not in this version, or not with all their hashes."""
    listed = {part["name"]: (part.get("version"), _hashes(part)) for part in document["components"]}
    return [
        f"{name} {version}"
        for name, (version, hashes) in parts.items()
        if listed.get(name, ("", set()))[0] != version or hashes - listed[name][1]
    ]


def _hashes(part: dict[str, Any]) -> set[str]:
    return {one["content"] for reference in part.get("externalReferences", ()) for one in reference.get("hashes", ())}


if __name__ == "__main__":
    sys.exit(main())
