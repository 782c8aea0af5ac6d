"""The store's door to what the user watches and to what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol

from keyapi_mcp.clock import Clock
from keyapi_mcp.reference.commission import CommissionUnit

if TYPE_CHECKING:
    from keyapi_mcp.research.change_list import Changes, Origin, Scope, Watched
    from keyapi_mcp.research.derived import Rules
    from keyapi_mcp.store.database import Database, Operation, T


class Write(Protocol):
    """Runs an operation that writes, see `Database.run`."""

    async def __call__(self, operation: Operation[T]) -> T: ...


@dataclass(frozen=True, slots=True)
class WatchList:
    """Every method raises StoreUnavailable."""

    database: Database
    write: Write
    clock: Clock
    unit: CommissionUnit
    rules: Rules

    async def add(self, product_ids: Sequence[str], note: str | None) -> frozenset[str]:
        """Watch these; returns those that were not watched before. note: `None` leaves notes as they are."""
        from keyapi_mcp.store import watching

        now = self.clock()
        return await self.write(lambda connection: watching.add(connection, product_ids, note, now))

    async def remove(self, product_ids: Sequence[str]) -> frozenset[str]:
        """Watch these no more; returns those that were watched."""
        from keyapi_mcp.store import watching

        return await self.write(lambda connection: watching.remove(connection, product_ids))

    async def everything(self) -> tuple[Watched, ...]:
        """The whole list, in the order in which it was made."""
        from keyapi_mcp.store import watching

        return await self.database.run(watching.everything, writes=False)

    async def regions(self) -> dict[str, tuple[str, ...]]:
        """The regions in which each watched product was seen; without those that never were."""
        from keyapi_mcp.store import watching

        return await self.database.run(watching.regions, writes=False)

    async def origins(self, product_ids: Sequence[str], recipes: Sequence[str]) -> dict[tuple[str, str], Origin]:
        """By region and id, what returned these products last. recipes: those that can be run again."""
        from keyapi_mcp.store import watching

        return await self.database.run(
            lambda connection: watching.origins(connection, product_ids, recipes), writes=False
        )

    async def recipes_run(self) -> dict[str, list[str]]:
        """Recipes that were run by their name alone → the regions in which they were."""
        from keyapi_mcp.store import watching

        return await self.database.run(watching.recipes_run, writes=False)

    async def changes(self, scope: Scope, since: date | None, most: int) -> Changes:
        """What moved since a day, `None` = the one before each product's latest. most: how many to list."""
        from keyapi_mcp.store import changed

        return await changed.changes(self.database, scope, since, most, self.unit, self.rules)
