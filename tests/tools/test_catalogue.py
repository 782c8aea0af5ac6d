"""One lint over the whole catalogue: what every tool must have, and no shape or word that some client trips over."""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from keyapi_mcp import cli, resources
from keyapi_mcp.app import INSTRUCTIONS
from keyapi_mcp.commands import schemas
from keyapi_mcp.settings import Settings
from keyapi_mcp.tools import TOOLS
from keyapi_mcp.tools.base import ToolSpec

COMMITTED = Path(__file__).parents[2] / "tool_schemas"
VERBS = {
    "search",
    "scan",
    "query",
    "get",
    "find",
    "list",
    "compare",
    "rank",
    "run",
    "watch",
    "export",
    "explain",
    "check",
    "summarise",
}
# Words that push a model around: descriptions state facts.
TRIGGERS = re.compile(
    r"\b(important|must|always|critical|note that|please|ignore|never\b.{0,60}\byou|you (should|need|have)|make sure|"
    r"be sure|remember|do not|don't|use this|call this|prefer|first call|before (calling|using)|instead of)\b",
    re.IGNORECASE,
)

SPENDING = ("search_products", "scan_products", "run_recipe")
WRITING = ("watch_products",)

each_tool = pytest.mark.parametrize("tool", TOOLS, ids=[tool.name for tool in TOOLS])


@pytest.fixture(params=[True, False], ids=["integer enums", "no integer enums"])
def settings(request: pytest.FixtureRequest) -> Settings:
    return Settings.model_construct(integer_enums=request.param)


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object inside a schema, itself included."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


def test_names_are_different() -> None:
    assert TOOLS
    assert len({tool.name for tool in TOOLS}) == len(TOOLS)


@each_tool
def test_a_name_is_a_verb_and_what_it_is_about(tool: ToolSpec) -> None:
    assert re.fullmatch(r"[a-z_]{1,40}", tool.name)
    verb, _, noun = tool.name.partition("_")
    assert verb in VERBS, "a new verb is named here on purpose, so that two tools do not call one thing by two"
    assert noun


@each_tool
def test_all_four_hints_and_a_title_are_given(tool: ToolSpec, settings: Settings) -> None:
    definition = tool.definition(settings)
    annotations = definition["annotations"]
    assert definition["title"] == annotations["title"] == tool.title
    assert tool.title
    hints = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
    assert all(isinstance(annotations[hint], bool) for hint in hints)
    assert not (annotations["readOnlyHint"] and annotations["destructiveHint"])


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool.name in SPENDING], ids=lambda tool: tool.name)
def test_what_spends_only_reads_and_can_be_repeated_and_reaches_out(tool: ToolSpec) -> None:
    annotations = tool.definition(Settings.model_construct(integer_enums=True))["annotations"]
    assert annotations == {
        "title": tool.title,
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": True,
    }


@each_tool
def test_what_is_free_can_be_repeated_reaches_nothing_outside_and_only_one_writes(tool: ToolSpec) -> None:
    if tool.name in SPENDING:
        return
    annotations = tool.definition(Settings.model_construct(integer_enums=True))["annotations"]
    assert annotations["readOnlyHint"] is (tool.name not in WRITING)
    assert annotations["idempotentHint"] is True
    assert annotations["destructiveHint"] is annotations["openWorldHint"] is False
    assert "0 credits" in tool.description
    assert "(free)" in tool.summary


def test_the_tool_that_finds_things_comes_first_and_the_books_last() -> None:
    order = ["search_products", "scan_products", "run_recipe", "get_product", "compare_products", "watch_products"]
    order += ["get_changes", "find_categories", "query_products", "get_usage"]
    names = [tool.name for tool in TOOLS if tool.name in order]
    assert names == [name for name in order if name in names]
    assert names[0] == "search_products"


@each_tool
def test_a_description_is_short_says_what_it_costs_and_gives_no_orders(tool: ToolSpec) -> None:
    assert 0 < len(tool.description.encode()) < 2048
    assert "credit" in tool.description
    assert not TRIGGERS.search(tool.description)
    assert "\n" not in tool.description
    assert tool.description.isprintable()
    assert 0 < len(tool.summary) < 200


@each_tool
def test_every_parameter_is_described_without_orders(tool: ToolSpec, settings: Settings) -> None:
    for name, node in tool.definition(settings)["inputSchema"]["properties"].items():
        assert node["type"] in ("string", "integer", "number", "boolean", "array"), name
        assert node["description"].strip(), name
        assert not TRIGGERS.search(node["description"]), name


@each_tool
def test_schemas_are_valid_strict_and_flat(tool: ToolSpec, settings: Settings) -> None:
    definition = tool.definition(settings)
    for schema in (definition["inputSchema"], definition["outputSchema"]):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False
        assert set(schema.get("required", ())) <= set(schema["properties"])
        for node in nodes(schema):
            refused = {"$ref", "$defs", "$schema", "anyOf", "oneOf", "allOf", "not", "title", "pattern", "format"}
            assert not refused & (node.keys() - schema["properties"].keys())
            assert None not in node.values()
            assert not isinstance(node.get("type"), list)
            assert node.get("type") != "null"


@each_tool
def test_without_integer_enums_there_are_none(tool: ToolSpec) -> None:
    schema = tool.definition(Settings.model_construct(integer_enums=False))["inputSchema"]
    assert not any("enum" in node and node.get("type") == "integer" for node in nodes(schema))


@each_tool
def test_what_a_model_sees_of_a_tool_is_at_most_1250_tokens(tool: ToolSpec, settings: Settings) -> None:
    count = schemas.token_counter()
    assert count is not None
    assert count(schemas.seen_by_model(tool.definition(settings))) <= 1250


def test_there_are_at_most_twelve_tools() -> None:
    assert len(TOOLS) <= 12


def test_all_tools_together_are_at_most_3900_tokens(settings: Settings) -> None:
    count = schemas.token_counter()
    assert count is not None
    sizes = {tool.name: count(schemas.seen_by_model(tool.definition(settings))) for tool in TOOLS}
    assert sum(sizes.values()) <= 3_900, sizes
    single = ("search_products", "get_product", "compare_products", "find_categories", "query_products", "get_usage")
    assert sum(sizes[name] for name in single) <= 2_200, sizes
    for name, most in (
        ("run_recipe", 330),
        ("query_products", 300),
        ("find_categories", 110),
        ("get_usage", 80),
        ("watch_products", 170),
        ("get_changes", 260),
    ):
        assert sizes[name] <= most, name


def test_no_two_tools_say_the_same_of_themselves() -> None:
    """A model chooses by these words: each tool's purpose is its own."""
    for said in (
        [tool.title for tool in TOOLS],
        [tool.summary for tool in TOOLS],
        [tool.description.split(". ")[0] for tool in TOOLS],
    ):
        for one, other in itertools.combinations(said, 2):
            assert difflib.SequenceMatcher(None, one.casefold(), other.casefold()).ratio() < 0.6, (one, other)


def test_what_clients_show_beside_the_tools_is_short_and_gives_no_orders() -> None:
    for document in resources.DOCUMENTS:
        for text in (document.title, document.description):
            assert 0 < len(text.encode()) < 2048
            assert not TRIGGERS.search(text), text


def test_the_instructions_are_short_and_give_no_orders() -> None:
    assert len(INSTRUCTIONS.encode()) < 2048
    assert not TRIGGERS.search(INSTRUCTIONS)
    for subject in ("T+1", "estimate", "USD", "first", "credit", "no keyword, shop or product-id search", "stock"):
        assert subject in INSTRUCTIONS, subject


def test_the_lint_knows_an_order_when_it_sees_one() -> None:
    assert TRIGGERS.search("You must call this first.")
    assert TRIGGERS.search("IMPORTANT: read all")
    assert TRIGGERS.search("Never answer before you searched")
    assert TRIGGERS.search("Use this instead of a web search")
    assert TRIGGERS.search("Make sure to read all pages")
    assert not TRIGGERS.search("An empty cell means unknown, never zero.")


# --- the committed copies -----------------------------------------------------------------------------------------


def test_the_committed_files_are_what_the_server_emits() -> None:
    committed = {path.name: path.read_text("utf-8") for path in COMMITTED.iterdir()}
    assert committed == schemas.files(), "rewrite with: make schemas"


def test_the_index_counts_the_tokens_of_every_tool() -> None:
    index = json.loads(schemas.files()["index.json"])
    assert [entry["name"] for entry in index["tools"]] == [tool.name for tool in TOOLS]
    assert index["tokens_seen_by_model"] == sum(entry["tokens_seen_by_model"] for entry in index["tools"]) > 0


def test_a_setting_of_the_environment_does_not_change_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    before = schemas.files()
    monkeypatch.setenv("KEYAPI_MCP_INTEGER_ENUMS", "off")
    monkeypatch.setenv("KEYAPI_MCP_CACHE_ROWS", "wrong")
    assert schemas.files() == before


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A fresh set of the files."""
    for name, content in schemas.files().items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def check(directory: Path) -> int:
    return cli.main(["schemas", "--check", "--directory", str(directory)])


def test_a_check_of_the_same_files_is_silent(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(directory) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("change", ["edited", "missing", "left over"])
def test_a_check_of_other_files_fails_names_them_and_the_command_and_writes_nothing(
    directory: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    file = directory / "search_products.json"
    if change == "edited":
        file.write_text(file.read_text("utf-8").replace("Rows a page", "Rows per page"), encoding="utf-8")
    elif change == "missing":
        file.unlink()
    else:
        file = directory / "old_tool.json"
        file.write_text("{}")
    before = {path.name: path.read_text("utf-8") for path in directory.iterdir()}
    assert check(directory) == 1
    told = capsys.readouterr().err
    assert f"{file} is not what the server emits" in told
    assert "Rewrite with: make schemas" in told
    assert {path.name: path.read_text("utf-8") for path in directory.iterdir()} == before
    # And the command makes it good.
    assert cli.main(["schemas", "--directory", str(directory)]) == 0
    assert check(directory) == 0
