"""`make demo` on machines whose Python cannot make an environment, is too old, or is not there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not on the path")

# As Debian's without python3-venv: the environment has its Python, but no pip, and the command fails.
HALF = 'mkdir -p .venv/bin && echo "exit 1" > .venv/bin/python && chmod +x .venv/bin/python && exit 1'
# What is installed into it is of no matter here.
WHOLE = """[ "$3" = --clear ] && rm -rf .venv
mkdir -p .venv/bin && cd .venv/bin && touch pip
echo exit 0 > python && echo "echo the demo is played" > keyapi-mcp && chmod +x python keyapi-mcp"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `make demo` looks at."""
    (tmp_path / "requirements").mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements/run.txt"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def python(clone: Path, *, venv: str = "exit 1", version_check: int = 0) -> str:
    """An interpreter that ends its `-c` so, and does this for `-m venv`."""
    path = clone / "fake-python"
    path.write_text(f"#!/bin/sh\n[ $1 = -c ] && exit {version_check}\n{venv}\n", "utf-8")
    path.chmod(0o755)
    return str(path)


def make_demo(clone: Path, interpreter: str) -> tuple[int, list[str]]:
    """Exit code, and the lines written without make's own."""
    done = subprocess.run(
        ["make", "demo", f"PYTHON={interpreter}"],
        cwd=clone,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, [line for line in done.stdout.splitlines() if not line.startswith("make")]


def test_an_environment_that_could_not_be_made_is_made_anew_the_next_time(clone: Path) -> None:
    code, lines = make_demo(clone, python(clone, venv=HALF))
    assert code != 0
    assert lines[-1].endswith(
        "cannot make an environment; on Debian and Ubuntu: apt install python3-venv. Then try again."
    )
    assert make_demo(clone, python(clone, venv=WHOLE)) == (
        0,
        ["Building .venv (once, about a minute)...", "the demo is played"],
    )


def test_an_environment_that_is_there_is_not_made_again(clone: Path) -> None:
    make_demo(clone, python(clone, venv=WHOLE))
    assert make_demo(clone, python(clone, venv="exit 1")) == (0, ["the demo is played"])


def test_a_python_that_is_too_old_is_told_in_one_line(clone: Path) -> None:
    code, lines = make_demo(clone, python(clone, version_check=1))
    assert code != 0
    assert len(lines) == 1
    assert lines[0].startswith("keyapi-mcp needs Python 3.11 or newer")
    assert lines[0].endswith("Name another: make demo PYTHON=python3.12")
    assert not (clone / ".venv").exists()


def test_no_python_is_told_too(clone: Path) -> None:
    code, lines = make_demo(clone, "python-that-is-not-there")
    assert code != 0
    assert lines[-1].startswith("keyapi-mcp needs Python 3.11 or newer, which python-that-is-not-there is not.")
