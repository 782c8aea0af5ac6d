"""`call`: one tool call from a terminal or script, through the same code as a client's."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import anyio

from keyapi_mcp.app import App
from keyapi_mcp.cli import EXIT_REFUSED, EXIT_SERVICE, EXIT_SETUP, EXIT_USAGE
from keyapi_mcp.errors import KeyApiMcpError, ServiceError, SetupError, as_text


def run(app: App, tool: str, arguments: Sequence[str], *, as_json: bool) -> int:
    """Print the answer on standard output, an error on standard error."""
    pairs = [argument.partition("=") for argument in arguments]
    if wrong := [name for name, separator, _ in pairs if not separator]:
        print(f"keyapi-mcp: arguments are written name=value; this is not: {wrong[0]}", file=sys.stderr)
        return EXIT_USAGE

    async def ask() -> int:
        async with app.running():
            try:
                answer = await app.call(tool, {name: value for name, _, value in pairs})
            except KeyApiMcpError as error:
                print(as_text(error), file=sys.stderr)
                return exit_code(error)
        print(json.dumps(answer.structured(), ensure_ascii=False) if as_json else answer.text())
        return 0

    return anyio.run(ask)


def exit_code(error: KeyApiMcpError) -> int:
    """For scripts: who can mend it."""
    if isinstance(error, SetupError):
        return EXIT_SETUP
    return EXIT_SERVICE if isinstance(error, ServiceError) else EXIT_REFUSED
