"""`make bundle`: `dist/keyapi-mcp-<version>.mcpb` and `dist/server.json`, validated, packed and tried.

The official tool validates, packs and unpacks; it is installed from the lock in `node/`. What was unpacked is then
started from its own manifest, as a host would, where uv is there to do it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from distribution.host import Start, conversation, start_of
from distribution.project import ROOT
from distribution.server_json import OWNER, faults, file_name, server_json
from distribution.stage import stage, without_times

DIST: Final = ROOT / "dist"
_TOOL: Final = DIST / "node" / "node_modules" / "@anthropic-ai" / "mcpb" / "dist" / "node.js"
_START: Final = """
import { readFileSync } from "node:fs";
const [tool, extensionPath, given] = process.argv.slice(1);
const { getMcpConfigForManifest } = await import(tool);
const manifest = JSON.parse(readFileSync(`${extensionPath}/manifest.json`, "utf8"));
const userConfig = JSON.parse(given);
const options = { manifest, extensionPath, systemDirs: {}, userConfig, pathSeparator: "/" };
console.log(JSON.stringify(await getMcpConfigForManifest(options)));
"""


def main() -> int:
    """Exit code 1 when anything is wrong with what was made."""
    parser = argparse.ArgumentParser(prog="python -m distribution.bundle", description=__doc__)
    parser.add_argument("--owner", default=OWNER, help="who publishes it, for server.json; otherwise left open")
    owner = parser.parse_args().owner
    # The uv of the development requirements stands beside the interpreter.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    tool = _official_tool()
    staged, bundle, unpacked = DIST / "stage", DIST / file_name(), DIST / "unpacked"
    stage(staged)
    _run(*tool, "validate", str(staged / "manifest.json"))
    _run(*tool, "pack", str(staged), str(bundle))
    without_times(bundle)
    shutil.rmtree(unpacked, ignore_errors=True)
    _run(*tool, "unpack", str(bundle), str(unpacked))
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    print(f"{bundle.relative_to(ROOT)}: {bundle.stat().st_size:,} bytes, sha256 {digest}")
    sound = _registry_entry(digest, owner)
    return 0 if _started(unpacked) and sound else 1


def _official_tool() -> list[str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise SystemExit(
            "make bundle needs Node.js 20 or newer, with npm, on the path: the official tool is written for it"
        )
    place = DIST / "node"
    place.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(ROOT / "distribution" / "node" / name, place / name)
    _run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(place))
    return [node, str(_TOOL.parent / "cli" / "cli.js")]


def _registry_entry(digest: str, owner: str) -> bool:
    document = server_json(digest, owner)
    (DIST / "server.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
    found = faults(document)
    if owner == OWNER:
        found = [fault for fault in found if not fault.startswith("name: ")]
        print(
            f"dist/server.json: the name was not judged, its owner is open (make bundle {OWNER.strip('<>').upper()}=…)"
        )
    for fault in found:
        print(f"dist/server.json: {fault}")
    if not found:
        print("dist/server.json: as the registry's schema has it")
    return not found


def _started(unpacked: Path) -> bool:
    """Whether what was unpacked starts and answers, or cannot be tried here."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        given: dict[str, str | bool] = {"sandbox": True, "data_directory": home}
        start = start_of(unpacked, given)
        if start != _official_start(unpacked, given):
            print("the official tool makes something else of the manifest than distribution/host.py")
            return False
        if shutil.which(start.command) is None:
            print(f"NOT TRIED: {start.command} is not on the path, so the unpacked bundle was not started")
            return True
        version, tools, answer = conversation(start)
    print(f"started from its own manifest: version {version}, {len(tools)} tools; asked once: {answer.splitlines()[0]}")
    return answer.startswith("SANDBOX (synthetic data)")


def _official_start(unpacked: Path, given: dict[str, str | bool]) -> Start:
    """What the official tool's own code makes of the manifest."""
    text = _run("node", "--input-type=module", "--eval", _START, _TOOL.as_uri(), str(unpacked), json.dumps(given))
    config = json.loads(text)
    return Start(config["command"], config["args"], config["env"])


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
