"""The bundle: its manifest is valid, holds what the project says, and starts the server that is in it."""

from __future__ import annotations

import json
import re
import sys
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from distribution.host import Start, conversation, start_of
from distribution.manifest import manifest
from distribution.project import LOCK, PROJECT, SCHEMAS, locked
from distribution.stage import stage, without_times
from jsonschema import Draft7Validator

from keyapi_mcp import __version__, installation
from keyapi_mcp.settings import Settings, variable
from keyapi_mcp.tools import TOOLS


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bundle")
    stage(directory)
    return directory


def test_the_manifest_is_as_the_official_schema_has_it() -> None:
    schema = json.loads((SCHEMAS / "manifest-0.4.json").read_text("utf-8"))
    assert list(Draft7Validator(schema).iter_errors(manifest())) == []
    assert manifest()["manifest_version"] == "0.4"
    assert manifest()["server"]["type"] == "uv"


def test_the_manifest_says_what_the_project_says() -> None:
    made = manifest()
    assert (made["name"], made["version"]) == ("keyapi-mcp", __version__)
    assert [tool["name"] for tool in made["tools"]] == [tool.name for tool in TOOLS]
    assert made["compatibility"]["runtimes"]["python"] == PROJECT["requires-python"]


def test_the_key_is_a_secret_that_the_sandbox_does_not_need() -> None:
    options = manifest()["user_config"]
    assert options["api_key"]["sensitive"] is True
    assert {name: (option["type"], option["required"]) for name, option in options.items()} == {
        "api_key": ("string", False),
        "data_directory": ("directory", False),
        "accepted_loss": ("string", False),
        "sandbox": ("boolean", False),
    }


def test_what_a_person_fills_in_reaches_settings_that_there_are(staged: Path) -> None:
    known = {variable((name,)) for name in Settings.model_fields}
    given: dict[str, str | bool] = {
        "api_key": "sk_live_filled_in",
        "data_directory": "/data",
        "accepted_loss": "a.sqlite",
        "sandbox": True,
    }
    start = start_of(staged, given)
    assert start.environment.keys() <= known
    assert start.environment == {
        "KEYAPI_TOKEN": "sk_live_filled_in",
        "KEYAPI_MCP_HOME": "/data",
        "KEYAPI_MCP_ACCEPTED_LOSS": "a.sqlite",
        "KEYAPI_MCP_SANDBOX": "true",
    }
    assert "${" not in json.dumps(start_of(staged, {}).environment)


def test_what_a_bundle_s_user_is_told_to_fill_in_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(installation.BUNDLE, "1")
    titles = {option["title"] for option in manifest()["user_config"].values()}
    told = [
        installation.set_a_key(),
        installation.where_the_key_is(),
        installation.choose_another_directory(),
        installation.accept_the_loss("keyapi.damaged.sqlite"),
    ]
    assert {title for text in told for title in re.findall(r'"([^"]+)"', text)} == titles
    for text in [*told, installation.check_the_way(), installation.set_aside_now()]:
        assert not re.search(r"KEYAPI_|--|`", text)


def test_uv_makes_an_empty_environment_and_builds_nothing(staged: Path) -> None:
    made: dict[str, Any] = tomllib.loads((staged / "pyproject.toml").read_text("utf-8"))
    assert made["project"]["dependencies"] == []
    assert made["project"]["requires-python"] == PROJECT["requires-python"]
    assert made["tool"]["uv"]["package"] is False
    assert "build-system" not in made


def test_what_is_required_is_locked_by_the_same_hashes_as_everywhere(staged: Path) -> None:
    text = (staged / "requirements.txt").read_text("utf-8")
    assert text == LOCK.read_text("utf-8")
    parts = locked(text)
    assert {re.split(r"[<>=]", one)[0] for one in PROJECT["dependencies"]} <= parts.keys()
    assert all(hashes for _, hashes in parts.values())
    assert re.search(r"^pywin32==\S+ ; sys_platform == 'win32' ", text, re.MULTILINE)


def test_no_file_in_it_names_where_to_download_from(staged: Path) -> None:
    for name in ("requirements.txt", "pyproject.toml", "manifest.json"):
        assert not re.search("://|index-url|find-links", (staged / name).read_text("utf-8")), name


def test_its_readme_is_for_those_who_have_nothing_but_the_bundle(staged: Path) -> None:
    text = (staged / "README.md").read_text("utf-8")
    assert not re.findall(r"make |\.venv|pip |npx|SECURITY\.md|docs/", text)
    for option in manifest()["user_config"].values():
        assert f"**{option['title']}**" in text
    default = Settings.model_fields
    limits = [default[f"credits_per_{name}"].default for name in ("call", "day", "month")]
    assert "{:,} credits a call, {:,} a day, {:,} a month".format(*limits) in text


def test_nothing_is_in_it_but_what_is_needed(staged: Path) -> None:
    top = {path.name for path in staged.iterdir()}
    assert top == {"manifest.json", "pyproject.toml", "requirements.txt", "README.md", "LICENSE", "server"}
    assert {path.name for path in (staged / "server").iterdir()} == {"keyapi_mcp", "main.py"}
    assert not [path for path in staged.rglob("*") if path.suffix == ".pyc" or path.name == "__pycache__"]


def without_uv(start: Start) -> Start:
    """The same with this interpreter, which has what uv would have installed."""
    assert (start.command, start.arguments[:2]) == ("uv", ["run", "--directory"])
    directory, script = start.arguments[2:]
    return replace(start, command=sys.executable, arguments=[str(Path(directory) / script)])


@pytest.mark.slow
def test_it_starts_from_its_own_manifest_with_its_own_copy(tmp_path: Path) -> None:
    stage(tmp_path / "unpacked here")
    own = tmp_path / "unpacked here" / "server" / "keyapi_mcp" / "__init__.py"
    own.write_text(own.read_text("utf-8").replace(__version__, "9.9.9"), "utf-8")
    start = start_of(tmp_path / "unpacked here", {"sandbox": True, "data_directory": str(tmp_path / "kept")})
    version, tools, answer = conversation(without_uv(start))
    assert version == "9.9.9"
    assert tools == [tool.name for tool in TOOLS]
    assert answer.startswith("SANDBOX (synthetic data)")
    assert (tmp_path / "kept" / "sandbox.sqlite").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("left", [{}, {"api_key": "${user_config.api_key}"}], ids=["empty", "left as it is"])
def test_with_nothing_filled_in_it_starts_and_asks_for_a_key(left: dict[str, str | bool], staged: Path) -> None:
    start = start_of(staged, left)
    del start.environment["KEYAPI_MCP_HOME"]
    _, tools, answer = conversation(without_uv(start))
    assert tools
    assert answer.startswith("No KeyAPI key is set")
    assert 'enter it as "KeyAPI key" in this extension\'s settings' in answer
    assert "KEYAPI_TOKEN" not in answer


def test_equal_content_makes_equal_bundles(tmp_path: Path) -> None:
    for name, year in (("a", 2025), ("b", 2026)):
        with zipfile.ZipFile(tmp_path / name, "w") as packed:
            for file in ("x", "y") if name == "a" else ("y", "x"):
                packed.writestr(zipfile.ZipInfo(file, (year, 1, 1, 0, 0, 0)), file * 1000)
        without_times(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with zipfile.ZipFile(tmp_path / "a") as packed:
        assert packed.read("y") == b"y" * 1000
