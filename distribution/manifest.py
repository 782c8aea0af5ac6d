"""The bundle's `manifest.json` and `pyproject.toml`, derived from the project."""

from __future__ import annotations

import json
from typing import Any, Final

from distribution.project import PROJECT
from keyapi_mcp import __version__
from keyapi_mcp.app import TITLE
from keyapi_mcp.tools import TOOLS

ENTRY_POINT: Final = "server/main.py"

# Each has a default: a host leaves a placeholder as it is where nothing was given for it.
_USER_CONFIG: Final = {
    "api_key": {
        "type": "string",
        "title": "KeyAPI key",
        "description": "Your key from KeyAPI's console (sk_live_…). Not needed for synthetic answers.",
        "sensitive": True,
        "required": False,
        "default": "",
    },
    "data_directory": {
        "type": "directory",
        "title": "Data directory",
        "description": "Where products seen and credits spent are kept. Empty: your system's place for data.",
        "required": False,
        "default": "",
    },
    "accepted_loss": {
        "type": "string",
        "title": "Accepted loss",
        "description": "Only when an answer asks for it: the name of the damaged file whose lost count of credits you "
        "accept.",
        "required": False,
        "default": "",
    },
    "sandbox": {
        "type": "boolean",
        "title": "Synthetic answers",
        "description": "Answer from a built-in synthetic catalogue, to look around without a key or credits.",
        "required": False,
        "default": False,
    },
}
ENVIRONMENT: Final = {
    "KEYAPI_TOKEN": "api_key",
    "KEYAPI_MCP_HOME": "data_directory",
    "KEYAPI_MCP_ACCEPTED_LOSS": "accepted_loss",
    "KEYAPI_MCP_SANDBOX": "sandbox",
}


def manifest() -> dict[str, Any]:
    """The manifest. The host makes an environment from `pyproject.toml` with uv, and starts the entry point in it."""
    return {
        "manifest_version": "0.4",
        "name": PROJECT["name"],
        "display_name": TITLE,
        "version": __version__,
        "description": PROJECT["description"],
        "author": {"name": PROJECT["authors"][0]["name"]},
        "server": {
            "type": "uv",
            "entry_point": ENTRY_POINT,
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", ENTRY_POINT],
                "env": {variable: f"${{user_config.{name}}}" for variable, name in ENVIRONMENT.items()},
            },
        },
        "tools": [{"name": tool.name, "description": f"{tool.title}: {tool.summary}"} for tool in TOOLS],
        # What they say depends on what is filled in.
        "prompts_generated": True,
        "keywords": PROJECT["keywords"],
        "license": PROJECT["license"],
        "compatibility": {
            "platforms": ["darwin", "linux", "win32"],
            "runtimes": {"python": PROJECT["requires-python"]},
        },
        "user_config": _USER_CONFIG,
    }


def pyproject() -> str:
    """What uv makes the bundle's environment from: empty, for the entry point installs by hash what is required."""
    return (
        "# Made by `make bundle`. What is required is in requirements.txt, and installed by server/main.py.\n"
        "[project]\n"
        f"name = {json.dumps(PROJECT['name'])}\n"
        f"version = {json.dumps(__version__)}\n"
        f"description = {json.dumps(PROJECT['description'])}\n"
        f"requires-python = {json.dumps(PROJECT['requires-python'])}\n"
        "dependencies = []\n"
        "\n"
        "[tool.uv]\n"
        "package = false\n"
    )
