"""What a tool is: a name, words for the model, a schema, hints, and a function from arguments to an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from keyapi_mcp.clock import Clock
from keyapi_mcp.judging import Judging
from keyapi_mcp.recipes.loading import Recipes
from keyapi_mcp.results.answer import OUTPUT_SCHEMA, Answer, Spending
from keyapi_mcp.settings import Settings
from keyapi_mcp.store.store import Store
from keyapi_mcp.tools.pages import PageReader


class Progress(Protocol):
    """Told how far a call is: so much of so much, in words."""

    async def __call__(self, progress: float, total: float, message: str, /) -> None: ...


async def untold(_progress: float, _total: float, _message: str) -> None:
    """For callers who do not want to know."""


@dataclass(frozen=True, slots=True)
class Services:
    """What tools work with; opened once per process. progress: that of the call."""

    settings: Settings
    pages: PageReader
    store: Store
    clock: Clock
    judging: Judging
    recipes: Recipes
    progress: Progress = untold

    async def spending(self, call: int = 0, call_maybe: int = 0, source: str = "from the store") -> Spending:
        """The credits line of an answer."""
        totals = await self.store.totals()
        return Spending(call, call_maybe, totals, source, per_process=self.settings.store == "memory")


@dataclass(frozen=True, slots=True)
class Hints:
    """The protocol's four hints, none left to a client's guess."""

    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool. `run` raises a KeyApiMcpError for everything that the caller should read."""

    name: str
    title: str
    description: str
    summary: str
    hints: Hints
    input_schema: Callable[[Settings], dict[str, Any]]
    run: Callable[[Services, Mapping[str, Any]], Awaitable[Answer]]

    def definition(self, settings: Settings) -> dict[str, Any]:
        """The tool as the protocol lists it."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.input_schema(settings),
            "outputSchema": OUTPUT_SCHEMA,
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.hints.read_only,
                "destructiveHint": self.hints.destructive,
                "idempotentHint": self.hints.idempotent,
                "openWorldHint": self.hints.open_world,
            },
        }
