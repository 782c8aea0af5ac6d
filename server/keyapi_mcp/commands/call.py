"""`call`: one tool call from a terminal or script, through the same code as a client's."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import anyio

from keyapi_mcp.app import App
from keyapi_mcp.commands import exit_codes
from keyapi_mcp.commands.exit_codes import ExitCode
from keyapi_mcp.errors import KeyApiMcpError, as_text


def run(app: App, tool: str, arguments: Sequence[str], *, as_json: bool) -> int:
    """Print the answer on standard output, an error on standard error."""
    pairs = [argument.partition("=") for argument in arguments]
    if wrong := [name for name, separator, _ in pairs if not separator]:
        print(f"keyapi-mcp: arguments are written name=value; this is not: {wrong[0]}", file=sys.stderr)
        return ExitCode.USAGE

    async def ask() -> int:
        async with app.running():
            try:
                answer = await app.call(tool, {name: value for name, _, value in pairs})
            except KeyApiMcpError as error:
                print(as_text(error), file=sys.stderr)
                return exit_codes.of(error)
        print(json.dumps(answer.structured(), ensure_ascii=False) if as_json else answer.text())
        return ExitCode.DONE

    return anyio.run(ask)
