"""The bundle's entry point under a real uv, without a network: nothing is installed that has another hash."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from distribution.host import start_of
from distribution.stage import stage

MAIN = """
import json, os, sys
def main():
    import mcp, on_the_path
    print(json.dumps({"read": sys.stdin.read(), "mcp": mcp.__file__, "key": os.environ.get("KEYAPI_TOKEN")}))
"""


class Bundle:
    """A staged bundle whose package only says what it finds, and which requires one wheel of this machine."""

    def __init__(self, folder: Path) -> None:
        self.directory, self._folder = folder / "bundle", folder
        stage(self.directory)
        (self.directory / "server" / "keyapi_mcp" / "__main__.py").write_text(MAIN, "utf-8")

    def requires(self, version: str, *, other_hash: bool = False) -> None:
        wheel = self._folder / "wheels" / f"mcp-{version}-py3-none-any.whl"
        wheel.parent.mkdir(exist_ok=True)
        about = f"mcp-{version}.dist-info"
        with zipfile.ZipFile(wheel, "w") as packed:
            packed.writestr("mcp/__init__.py", "")
            # As pywin32 has it, which is required on Windows.
            packed.writestr("further.pth", "further")
            packed.writestr("further/on_the_path.py", "")
            packed.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: mcp\nVersion: {version}\n")
            packed.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            packed.writestr(f"{about}/RECORD", "")
        digest = hashlib.sha256(b"another" if other_hash else wheel.read_bytes()).hexdigest()
        (self.directory / "requirements.txt").write_text(f"mcp=={version} --hash=sha256:{digest}\n", "utf-8")

    def start(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """As its manifest has it."""
        start = start_of(self.directory, {"api_key": "sk_live_filled_in"})
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "UV_CACHE_DIR": str(self._folder / "cache"),
            "UV_FIND_LINKS": str(self._folder / "wheels"),
            "UV_NO_INDEX": "1",
            "UV_OFFLINE": "1",
            "UV_PYTHON": sys.executable,
            **start.environment,
            **variables,
        }
        return subprocess.run(
            [start.command, *start.arguments],
            env=environment,
            input="a message",
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    def answer(self, **variables: str) -> dict[str, Any]:
        done = self.start(**variables)
        assert done.returncode == 0, done.stderr
        (line,) = done.stdout.splitlines()
        return dict(json.loads(line))


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle(tmp_path)


def test_what_is_required_is_installed_into_the_bundles_own_environment(bundle: Bundle) -> None:
    bundle.requires("1.0")
    told = bundle.answer()
    assert Path(told["mcp"]).is_relative_to(bundle.directory / ".venv")
    assert (told["read"], told["key"]) == ("a message", "sk_live_filled_in")


def test_a_file_of_another_hash_is_not_installed_and_nothing_is_served(bundle: Bundle) -> None:
    bundle.requires("1.0", other_hash=True)
    for _ in range(2):
        done = bundle.start()
        assert done.returncode != 0
        assert done.stdout == ""
        assert "Hash mismatch" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("keyapi-mcp: what is required could not be installed")
    assert not list((bundle.directory / ".venv").rglob("mcp"))


def test_what_has_no_hash_is_not_installed(bundle: Bundle) -> None:
    bundle.requires("1.0")
    (bundle.directory / "requirements.txt").write_text("mcp==1.0\n", "utf-8")
    done = bundle.start()
    assert (done.returncode, done.stdout) == (1, "")
    assert "--require-hashes" in done.stderr


def test_nothing_is_built_even_of_the_right_hash(bundle: Bundle, tmp_path: Path) -> None:
    bundle.requires("1.0")
    (tmp_path / "wheels" / "mcp-1.0-py3-none-any.whl").unlink()
    source = tmp_path / "wheels" / "mcp-1.0.tar.gz"
    with tarfile.open(source, "w:gz") as packed:
        for name, text in (("PKG-INFO", "Metadata-Version: 1.0\nName: mcp\nVersion: 1.0\n"), ("setup.py", "1 / 0\n")):
            member = tarfile.TarInfo(f"mcp-1.0/{name}")
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    (bundle.directory / "requirements.txt").write_text(f"mcp==1.0 --hash=sha256:{digest}\n", "utf-8")
    done = bundle.start()
    assert (done.returncode, done.stdout) == (1, "")
    assert "--no-build" in done.stderr


def test_the_second_start_asks_for_nothing(bundle: Bundle) -> None:
    bundle.requires("1.0")
    bundle.answer()
    # What `uv pip` ends at, and `uv run` does not read.
    assert bundle.answer(UV_REQUIRE_HASHES="neither yes nor no")["mcp"]


def test_uv_gets_neither_the_key_nor_the_protocols_pipes(bundle: Bundle, tmp_path: Path) -> None:
    bundle.requires("1.0")
    bundle.answer()
    (bundle.directory / ".venv" / "requirements.txt").unlink()
    uv = tmp_path / "fake-uv"
    uv.write_text(f"#!/bin/sh\necho said by uv\n(env; cat) > '{tmp_path}/seen'\n", "utf-8")
    uv.chmod(0o755)
    done = subprocess.run(
        [bundle.directory / ".venv" / "bin" / "python", bundle.directory / "server" / "main.py"],
        env={"PATH": os.environ["PATH"], "UV": str(uv), "KEYAPI_TOKEN": "sk_live_filled_in"},
        input="a message",
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert json.loads(done.stdout) | {"mcp": ""} == {"read": "a message", "mcp": "", "key": "sk_live_filled_in"}
    assert done.stderr == "said by uv\n"
    seen = (tmp_path / "seen").read_text("utf-8")
    assert "PATH=" in seen
    assert "sk_live_filled_in" not in seen
    assert "a message" not in seen


def test_a_newer_bundle_in_the_same_place_brings_its_own_versions(bundle: Bundle) -> None:
    for version in ("1.0", "2.0"):
        bundle.requires(version)
        bundle.answer()
    assert [path.name for path in (bundle.directory / ".venv").rglob("mcp-*.dist-info")] == ["mcp-2.0.dist-info"]


def test_what_a_host_lets_uv_remove_is_installed_again(bundle: Bundle) -> None:
    bundle.requires("1.0")
    bundle.answer()
    subprocess.run(
        [Path(sys.executable).with_name("uv"), "pip", "uninstall", "--python", bundle.directory / ".venv", "mcp"],
        check=True,
        capture_output=True,
        timeout=30,
    )
    assert bundle.answer()["mcp"]


def test_the_environment_may_be_where_the_host_says(bundle: Bundle, tmp_path: Path) -> None:
    bundle.requires("1.0")
    told = bundle.answer(UV_PROJECT_ENVIRONMENT=str(tmp_path / "elsewhere"))
    assert Path(told["mcp"]).is_relative_to(tmp_path / "elsewhere")


def test_an_environment_of_somebody_elses_is_left_as_it_is(bundle: Bundle) -> None:
    bundle.requires("1.0", other_hash=True)
    done = subprocess.run(
        [sys.executable, bundle.directory / "server" / "main.py"],
        input="",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "No module named 'on_the_path'" in done.stderr
    assert not (bundle.directory / ".venv").exists()
