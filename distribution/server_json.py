"""`server.json`, the entry for the MCP registry. Who publishes it is not known here: the owner is a parameter."""

from __future__ import annotations

import json
from typing import Any, Final

from jsonschema import Draft7Validator

from distribution.manifest import ENVIRONMENT, manifest
from distribution.project import PROJECT, SCHEMAS
from keyapi_mcp import __version__
from keyapi_mcp.app import TITLE

OWNER: Final = "<owner>"
_SCHEMA: Final = json.loads((SCHEMAS / "server-2025-12-11.json").read_text("utf-8"))


def file_name() -> str:
    """Of the bundle, which the entry names."""
    return f"{PROJECT['name']}-{__version__}.mcpb"


def server_json(sha256: str, owner: str = OWNER) -> dict[str, Any]:
    """The entry for a bundle with this digest, published by this owner."""
    name = PROJECT["name"]
    options = manifest()["user_config"]
    return {
        "$schema": _SCHEMA["$id"],
        "name": f"io.github.{owner}/{name}",
        "title": TITLE,
        "description": PROJECT["description"],
        "version": __version__,
        "packages": [
            {
                "registryType": "mcpb",
                "identifier": f"https://github.com/{owner}/{name}/releases/download/v{__version__}/{file_name()}",
                "fileSha256": sha256,
                "transport": {"type": "stdio"},
                "environmentVariables": [
                    {
                        "name": variable,
                        "description": options[option]["description"],
                        "isRequired": options[option]["required"],
                        "isSecret": options[option].get("sensitive", False),
                    }
                    for variable, option in ENVIRONMENT.items()
                ],
            }
        ],
    }


def faults(document: dict[str, Any]) -> list[str]:
    """What the registry's schema does not allow, each with its place."""
    found = Draft7Validator(_SCHEMA).iter_errors(document)
    return sorted(f"{'.'.join(map(str, fault.path)) or 'document'}: {fault.message}" for fault in found)
