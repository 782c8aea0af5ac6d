"""The README and the example configuration say what is so."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from keyapi_mcp.cli import parser
from keyapi_mcp.settings import Settings, variable

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
TEXTS = {
    path.name: path.read_text("utf-8") for path in (ROOT / "README.md", ROOT / "claude_desktop_config.example.json")
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def servers() -> list[dict[str, Any]]:
    """Every server entry that a user may copy."""
    documents = [json.loads(TEXTS["claude_desktop_config.example.json"]), *map(json.loads, blocks("json"))]
    return [entry for document in documents for entry in (document.get("mcpServers") or document["servers"]).values()]


def test_the_example_and_every_json_block_start_the_installed_command_by_its_absolute_path() -> None:
    assert len(servers()) >= 3
    for entry in servers():
        assert entry["command"].startswith("/absolute/path/to/")
        assert entry["command"].endswith("/.venv/bin/keyapi-mcp")


def test_keys_come_from_the_environment_under_names_that_are_read() -> None:
    known = {variable((name,)) for name in Settings.model_fields}
    for entry in servers():
        assert "KEYAPI_TOKEN" in entry["env"]
        assert set(entry["env"]) <= known
        assert not any("sk_" in argument for argument in entry.get("args", ()))


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_tells_a_tool_to_fetch_the_name_from_an_index(name: str) -> None:
    assert not re.search(r"(uvx|pipx|uv tool|npx)\b[^\n]*keyapi|pip install (?!\.|--)", TEXTS[name])


def test_every_variable_that_is_named_is_a_setting() -> None:
    known = {variable((name,)) for name in Settings.model_fields}
    assert set(re.findall(r"KEYAPI_[A-Z_]+[A-Z]", README)) <= known
    assert known <= set(re.findall(r"KEYAPI_[A-Z_]+[A-Z]", README))


def test_every_command_that_is_shown_is_one() -> None:
    shown = re.findall(
        r"\.venv[/\\](?:bin|Scripts)[/\\]keyapi-mcp (.+)", "\n".join(blocks("sh") + blocks("powershell"))
    )
    assert len(shown) >= 5
    for line in shown:
        parser().parse_args(line.split("#")[0].split())


def test_every_make_target_that_is_shown_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^make (\w+)", "\n".join(blocks("sh")), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_file_that_is_linked_exists() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_requirements_are_pinned_by_hash_and_name_no_index() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text("utf-8")
        assert "://" not in text
        assert "index-url" not in text
        for requirement in re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL):
            assert re.match(r"[\w.-]+(\[[\w,-]+\])?==", requirement), requirement
            assert "--hash=sha256:" in requirement


def test_the_lock_covers_what_the_project_and_its_build_ask_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    asked = project["project"]["dependencies"] + project["build-system"]["requires"]
    locked = set(re.findall(r"^([\w.-]+)", (ROOT / "requirements" / "run.txt").read_text("utf-8"), re.MULTILINE))
    for requirement in asked:
        name = re.match(r"[\w-]+", requirement)
        assert name is not None
        assert name[0] in locked


def test_an_empty_bearer_or_plain_secret_is_in_no_file_of_the_repository_root() -> None:
    for name, text in TEXTS.items():
        assert not re.search(r"sk_live_(?!your_key)\w", text), name
