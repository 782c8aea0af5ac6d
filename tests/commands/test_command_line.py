"""The command line as a whole: help, version, the demo, the listing, the generated files."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from keyapi_mcp import __version__
from keyapi_mcp.cli import parser
from keyapi_mcp.commands.demo import next_step
from keyapi_mcp.commands.machine import Machine
from support.command import KEYAPI_MCP, keyapi_mcp, keyapi_mcp_in

ROOT = Path(__file__).parents[2]


def test_the_version_is_told() -> None:
    assert keyapi_mcp("--version").stdout == f"keyapi-mcp {__version__}\n"


@pytest.mark.parametrize("command", ["", "serve", "call", "tools", "schemas", "doctor", "install", "demo", "sandbox"])
def test_help_is_there_for_everything(command: str) -> None:
    done = keyapi_mcp(*command.split(), "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: keyapi-mcp")


@pytest.mark.parametrize("command", ["install", "store", "demo"])
def test_the_help_of_what_a_user_meets_first_says_what_it_does_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([command, "--help"])
    usage, description, *_, example = capsys.readouterr().out.strip().split("\n\n")
    assert usage.startswith("usage: ")
    assert description.replace("\n", " ").endswith(".")
    assert example.startswith(f"Example: keyapi-mcp {command}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("serve", "--port", "70000"), "invalid port value"),
        (("sandbox", "--port", "-1"), "invalid port value"),
        (("sandbox", "--products", "0"), "--products"),
        (("sandbox", "--date", "yesterday"), "--date"),
        (("tools", "extra"), "unrecognized arguments: extra"),
        (("unknown",), "invalid choice"),
    ],
)
def test_wrong_usage_is_said_with_exit_code_2(arguments: tuple[str, ...], said: str) -> None:
    done = keyapi_mcp(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_asks_shows_a_refusal_and_pays_nothing_twice() -> None:
    done = keyapi_mcp("demo")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for part in (
        "Which beauty products are breaking out",
        "SANDBOX (synthetic data) · TikTok Shop products · US · Beauty & Personal Care (601450)",
        "Credits: 1 for this call; 1 today, 199 left within your limits",
        "SANDBOX (synthetic data) · Recipe proven-and-open: ",
        "Credits: 5 for this call; 6 today, 194 left within your limits",
        "there is no keyword search",
        "Credits: 0 for this call (kept answer); 6 today, 194 left within your limits",
        "SANDBOX (synthetic data) · SQL over the local store · ",
        "SANDBOX (synthetic data) · 3 products compared · US",
        "Counted: 6 today, 6 this month.",
        "Credits: 0 for this call (from the store); 6 today, 194 left",
    ):
        assert part in done.stdout
    tables = [line for line in done.stdout.splitlines() if re.match(r"\d+ +\d{19} ", line)]
    kept = re.search(r"^Kept: (\d+) of \d+", done.stdout, re.MULTILINE)
    assert kept is not None
    assert len(tables) == 10 + min(int(kept[1]), 10)
    sizes = re.search(r"([\d,]+) bytes; the first answer: ([\d,]+) bytes", done.stdout)
    assert sizes is not None
    raw, ours = (int(size.replace(",", "")) for size in sizes.groups())
    assert raw > 40 * ours
    (words,) = re.findall(r"^Next, in your own client: (.+)$", done.stdout, re.MULTILINE)
    command, *arguments = shlex.split(words)
    assert command == KEYAPI_MCP
    assert parser().parse_args(arguments).client == "claude-desktop"


@pytest.mark.parametrize(
    ("system", "start"),
    [("linux", "'{folder}/keyapi-mcp' install "), ("win32", '"{folder}/keyapi-mcp.exe" install ')],
)
def test_the_demo_ends_with_a_command_that_can_be_typed(system: str, start: str, tmp_path: Path) -> None:
    folder = tmp_path / "with a space"
    folder.mkdir()
    for name in ("keyapi-mcp", "keyapi-mcp.exe"):
        (folder / name).touch()
    assert start.format(folder=folder) in next_step(Machine(system, tmp_path, {}, folder / "python"))


def test_help_says_in_what_the_size_is_told() -> None:
    assert "in tokens where the development requirements are, else bytes" in re.sub(
        r"\s+", " ", keyapi_mcp("--help").stdout
    )


def test_tools_lists_each_parameter_with_its_meaning_and_the_size() -> None:
    done = keyapi_mcp("tools")
    assert "search_products — Search TikTok Shop products — 1," in done.stdout
    assert "tokens (o200k_base)" in done.stdout
    of_search = done.stdout.split("\nscan_products — ")[0]
    assert len(re.findall(r"^  \w+: (?:string|integer|number)(?: \(required\))? — .", of_search, re.MULTILINE)) == 36
    assert re.search(r"^all tools: [\d,]+ tokens", done.stdout, re.MULTILINE)


def test_what_the_outputs_by_default_cannot_write_is_written_all_the_same() -> None:
    # As on Windows, where a pipe's encoding knows few characters.
    narrow = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert " — " in keyapi_mcp("tools", **narrow).stdout
    done = keyapi_mcp("tools", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert " ? " in done.stdout


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    pipe = f"{KEYAPI_MCP} tools | head -c 10"
    done = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    """A copy of the generated files."""
    shutil.copytree(ROOT / "tool_schemas", tmp_path / "tool_schemas")
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


def test_the_generated_files_are_what_the_server_emits(generated: Path) -> None:
    done = keyapi_mcp_in(generated, "schemas", "--check", "--readme", "README.md")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["tool_schemas/search_products.json", "tool_schemas/index.json", "README.md"])
def test_a_generated_file_that_differs_is_named_with_the_way_to_mend_it(name: str, generated: Path) -> None:
    path = generated / name
    written = path.read_text("utf-8")
    path.write_text(written.replace("search_products", "find_products"), "utf-8")
    done = keyapi_mcp_in(generated, "schemas", "--check", "--readme", "README.md")
    assert done.returncode == 1
    assert f"{name} is not what the server emits" in done.stderr
    assert "make schemas" in done.stderr
    assert keyapi_mcp_in(generated, "schemas", "--readme", "README.md").returncode == 0
    if name != "README.md":
        assert path.read_text("utf-8") == written


def test_a_schema_file_of_no_tool_is_named_and_removed(generated: Path) -> None:
    left = generated / "tool_schemas" / "old_tool.json"
    left.write_text("{}")
    assert "old_tool.json" in keyapi_mcp_in(generated, "schemas", "--check").stderr
    assert keyapi_mcp_in(generated, "schemas").returncode == 0
    assert not left.exists()


def test_a_readme_without_its_marks_is_refused(generated: Path) -> None:
    (generated / "README.md").write_text("# nothing\n")
    done = keyapi_mcp_in(generated, "schemas", "--check", "--readme", "README.md")
    assert done.returncode == 1
    assert "<!-- tools -->" in done.stderr
    assert "Traceback" not in done.stderr
