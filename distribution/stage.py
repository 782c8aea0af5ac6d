"""The bundle's files in a directory, and the bundle as a file that is the same whenever it is made."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Final

from distribution.manifest import ENTRY_POINT, manifest, pyproject
from distribution.project import ROOT

_COPIED: Final = {
    "LICENSE": "LICENSE",
    "requirements/run.txt": "requirements.txt",
    "distribution/bundle_readme.md": "README.md",
    "distribution/entry.py": ENTRY_POINT,
}
# The earliest that the format knows.
_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)


def stage(directory: Path) -> None:
    """Write the bundle's files into a directory, which is emptied first."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    (directory / "manifest.json").write_text(json.dumps(manifest(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    (directory / "pyproject.toml").write_text(pyproject(), "utf-8")
    package = directory / "server" / "keyapi_mcp"
    shutil.copytree(ROOT / "server" / "keyapi_mcp", package, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    for source, name in _COPIED.items():
        shutil.copyfile(ROOT / source, directory / name)
    for path in directory.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def without_times(bundle: Path) -> None:
    """Write an archive anew with its files in order and no time of making, so that equal content gives equal bytes."""
    with zipfile.ZipFile(bundle) as packed:
        files = {name: packed.read(name) for name in sorted(packed.namelist())}
    with zipfile.ZipFile(bundle, "w") as packed:
        for name, content in files.items():
            about = zipfile.ZipInfo(name, _LONG_AGO)
            about.create_system = 3  # the rights are those of Unix
            about.external_attr = 0o644 << 16
            packed.writestr(about, content, zipfile.ZIP_DEFLATED, 9)
