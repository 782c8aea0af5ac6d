"""The entry for the MCP registry: valid, with the owner left open until somebody names one."""

from __future__ import annotations

from distribution.server_json import OWNER, faults, server_json

from keyapi_mcp import __version__

DIGEST = "ab" * 32


def test_with_an_owner_it_is_as_the_registry_has_it() -> None:
    document = server_json(DIGEST, "somebody")
    assert faults(document) == []
    assert document["name"] == "io.github.somebody/keyapi-mcp"
    assert document["packages"][0]["fileSha256"] == DIGEST


def test_without_one_the_name_alone_is_open() -> None:
    document = server_json(DIGEST)
    assert document["name"] == f"io.github.{OWNER}/keyapi-mcp"
    assert [fault.partition(":")[0] for fault in faults(document)] == ["name"]


def test_the_key_is_declared_a_secret() -> None:
    variables = {one["name"]: one for one in server_json(DIGEST)["packages"][0]["environmentVariables"]}
    assert variables["KEYAPI_TOKEN"]["isSecret"] is True
    assert variables["KEYAPI_MCP_HOME"]["isSecret"] is False


def test_the_bundle_that_it_names_is_of_this_version() -> None:
    document = server_json(DIGEST)
    assert document["version"] == __version__
    assert document["packages"][0]["identifier"].endswith(f"/v{__version__}/keyapi-mcp-{__version__}.mcpb")


def test_a_fault_is_found() -> None:
    document = server_json("no digest", "somebody") | {"description": "x" * 101}
    assert [fault.partition(":")[0] for fault in faults(document)] == ["description", "packages.0.fileSha256"]
