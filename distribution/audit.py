"""`make audit`: known vulnerabilities of what the lock names. What could not be looked up is said, not passed over."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

_COMMAND = (
    "pip_audit --require-hashes --disable-pip --progress-spinner off --timeout 15 --format json "
    "--requirement requirements/run.txt"
)


def main() -> int:
    """Exit code 1 for a vulnerability; 0 for none, and where no source of advisories can be reached."""
    done = subprocess.run(
        [sys.executable, "-m", *_COMMAND.split()], capture_output=True, text=True, encoding="utf-8", check=False
    )
    try:
        found = json.loads(done.stdout)["dependencies"]
    except ValueError:
        print(f"SKIPPED: no source of advisories can be reached: {(done.stderr.strip().splitlines() or [''])[-1]}")
        return 0
    lines, vulnerable = report(found)
    print("\n".join(lines))
    return 1 if vulnerable else 0


def report(found: list[dict[str, Any]]) -> tuple[list[str], bool]:
    """What to print of the tool's own report, and whether anything is vulnerable."""
    looked_up = [one for one in found if "skip_reason" not in one]
    lines = [
        f"VULNERABLE: {one['name']} {one['version']}: {fault['id']}, "
        f"mended in {', '.join(fault['fix_versions']) or 'no version yet'}"
        for one in looked_up
        for fault in one["vulns"]
    ]
    vulnerable = bool(lines)
    if len(looked_up) < len(found):
        lines.append(f"SKIPPED: {len(found) - len(looked_up)} of {len(found)}, no advisories can be had for them here")
    if looked_up and not vulnerable:
        lines.append(f"{len(looked_up)} of {len(found)} looked up, nothing known against them")
    return lines, vulnerable


if __name__ == "__main__":
    sys.exit(main())
