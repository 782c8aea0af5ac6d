"""What a tool is: a name, words for the model, a schema, hints, and a function from arguments to an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

from pydantic import BaseModel

from keyapi_mcp.asking.pages import PageReader
from keyapi_mcp.clock import Clock
from keyapi_mcp.flat_schema import flat_schema
from keyapi_mcp.judging import Judging
from keyapi_mcp.recipes.loading import Recipes
from keyapi_mcp.results.answer import OUTPUT_SCHEMA, Answer, Spending
from keyapi_mcp.settings import Settings
from keyapi_mcp.store.store import Store
from keyapi_mcp.tools.reading import read

_M = TypeVar("_M", bound=BaseModel)


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

    @classmethod
    def of(
        cls,
        arguments: type[_M],
        run: Callable[[Services, _M], Awaitable[Answer]],
        *,
        name: str,
        title: str,
        description: str,
        summary: str,
        hints: Hints,
        prepare: Callable[[Services, Mapping[str, Any]], Mapping[str, Any]] = lambda _services, given: given,
    ) -> Self:
        """A tool whose arguments are all of one model, which makes its schema and reads them. prepare: says in the
        model's own terms what can mean only one thing."""

        def input_schema(_settings: Settings) -> dict[str, Any]:
            return flat_schema(arguments)

        async def read_and_run(services: Services, given: Mapping[str, Any]) -> Answer:
            return await run(services, read(arguments, prepare(services, given)))

        return cls(name, title, description, summary, hints, input_schema, read_and_run)

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
