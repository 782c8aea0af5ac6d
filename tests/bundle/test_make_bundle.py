"""`make bundle` as a whole, where the official tool can be had."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest
from distribution.bundle import DIST
from distribution.project import ROOT
from distribution.server_json import file_name

NO_REGISTRY = re.compile(r"npm (?:error|ERR!).*(?:network|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|E40\d)", re.DOTALL)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="Node.js with npm is not on the path")
def test_the_official_tool_validates_and_packs_it_and_what_is_unpacked_starts() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "distribution.bundle", "--owner", "somebody"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=380,
        check=False,
    )
    if NO_REGISTRY.search(done.stderr):
        pytest.skip("the npm registry cannot be reached")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (DIST / file_name()).is_file()
    assert "dist/server.json: as the registry's schema has it" in done.stdout
    assert "started from its own manifest" in done.stdout
