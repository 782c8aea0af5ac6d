"""`collect`: run recipes by a scheduler, and print what changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from keyapi_mcp.app import App
from keyapi_mcp.cli import EXIT_CHANGED, EXIT_REFUSED
from keyapi_mcp.commands.call import exit_code
from keyapi_mcp.commands.progress import progress
from keyapi_mcp.errors import KeyApiMcpError, LimitReached, as_text


@dataclass(slots=True)
class _Collected:
    """spent: credits, also those that may have been; moved: products; failed: the exit code of the first failure."""

    spent: int = 0
    moved: int = 0
    failed: int = 0


def run(app: App, recipes: Sequence[str], region: str, max_credits: int | None) -> int:
    """Each recipe is one call against the limits; max_credits caps all of them together.

    Prints what changed on standard output, progress and failures on standard error. Exit code 0 = nothing changed,
    1 = something did, otherwise that of the first failure; one recipe's failure does not keep the others from running.
    """
    known = app.recipes.by_name
    if unknown := [name for name in recipes if name not in known]:
        print(f"keyapi-mcp collect: no recipe {', '.join(unknown)}. There are: {', '.join(known)}.", file=sys.stderr)
        return EXIT_REFUSED

    async def collect() -> _Collected:
        collected = _Collected()
        async with app.running():
            for name in dict.fromkeys(recipes):
                try:
                    await _collect(app, name, region, max_credits, collected)
                except KeyApiMcpError as error:
                    collected.spent += error.maybe_spent
                    collected.failed = collected.failed or exit_code(error)
                    print(f"{name}: {as_text(error)}", file=sys.stderr)
                    if isinstance(error, LimitReached):
                        break  # the next one would be refused, too
        return collected

    collected = anyio.run(collect)
    print(f"Credits: {collected.spent}. Moved: {collected.moved}.")
    return collected.failed or (EXIT_CHANGED if collected.moved else 0)


async def _collect(app: App, recipe: str, region: str, max_credits: int | None, collected: _Collected) -> None:
    """Run one recipe and print what changed of the products that it returned. Raises KeyApiMcpError."""
    most = app.recipes.by_name[recipe].pages
    limits = [app.settings.credits_per_call, None if max_credits is None else max(0, max_credits - collected.spent)]
    most = min([most, *(limit for limit in limits if limit is not None)])

    async def told(done: float, total: float, _message: str) -> None:
        progress(f"{recipe}, pages", int(done), int(total))

    ran = await app.call("run_recipe", {"recipe": recipe, "region": region, "max_credits": most}, told)
    collected.spent += ran.spending.call + ran.spending.call_maybe
    changed = await app.call("get_changes", {"scope": "recipe", "recipe": recipe, "region": region})
    collected.moved += changed.facts.get("moved", 0)
    print("\n".join([ran.scope, *ran.lines, changed.scope, *changed.lines, *_table(changed.table)]) + "\n")


def _table(table: object) -> list[str]:
    text = getattr(table, "text", "")
    return [text] if text else []
