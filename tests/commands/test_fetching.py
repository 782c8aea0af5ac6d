"""What fetches the package by its name is told from what starts one that is there."""

from __future__ import annotations

import pytest

from keyapi_mcp.commands.fetching import fetcher


@pytest.mark.parametrize(
    ("command", "by"),
    [
        ("uvx keyapi-mcp", "uvx"),
        ("uvx.exe keyapi-mcp@latest", "uvx"),
        ("uvx --from keyapi-mcp[all]>=0.1 keyapi-mcp", "uvx"),
        ("uvx --from=keyapi_mcp keyapi-mcp", "uvx"),
        ("/usr/bin/env A=1 /opt/bin/uvx -q keyapi-mcp", "uvx"),
        ("C:\\tools\\uv.exe tool run keyapi-mcp", "uv tool run"),
        ("uv run --with keyapi-mcp keyapi-mcp", "uv run --with"),
        ("pipx run keyapi-mcp==0.1.0", "pipx run"),
        ("npx -y keyapi-mcp", "npx"),
        ("cmd /c npx.cmd -y @someone/keyapi-mcp", "npx"),
        ("npm exec -- keyapi-mcp", "npm exec"),
        ("uvx --from /home/me/keyapi-mcp keyapi-mcp", None),
        ("uvx --from=git+https://example.com/keyapi-mcp keyapi-mcp", None),
        ("uv run --with ./keyapi-mcp keyapi-mcp", None),
        ("uv --directory /home/me/keyapi-mcp run keyapi-mcp", None),
        ("npx -y files /home/me/keyapi-mcp", None),
        ("/home/me/.venv/bin/keyapi-mcp --sandbox", None),
        ("/home/me/.venv/bin/python -m keyapi_mcp", None),
    ],
)
def test_a_fetch_by_name_is_recognised(command: str, by: str | None) -> None:
    assert fetcher(command.split()) == by


def test_a_shell_s_line_is_looked_into() -> None:
    assert fetcher(["/bin/sh", "-c", "pip install keyapi-mcp && keyapi-mcp"]) == "pip install"
