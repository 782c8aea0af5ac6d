"""`collect`: run recipes by a scheduler, and print what changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import anyio

from keyapi_mcp.app import App
from keyapi_mcp.cli import EXIT_CHANGED, EXIT_REFUSED
from keyapi_mcp.commands.call import exit_code
from keyapi_mcp.commands.progress import progress
from keyapi_mcp.errors import InvalidQuery, KeyApiMcpError, LimitReached, as_text
from keyapi_mcp.recipes.loading import as_name
from keyapi_mcp.reference import regions
from keyapi_mcp.results.untrusted import clean


@dataclass(slots=True)
class _Collected:
    """spent: credits, also those that may have been; moved: recipes of whose products some did; failed: the exit code
    of the first failure; unwritable: why nothing can be printed any more.
    """

    spent: int = 0
    moved: int = 0
    failed: int = 0
    unwritable: OSError | None = None


def run(app: App, recipes: Sequence[str], region: str, max_credits: int | None) -> int:
    """Each recipe is one call against the limits; max_credits caps all of them together.

    Prints what changed on standard output, progress and failures on standard error. Exit code 0 = nothing changed,
    1 = something did, otherwise that of the first failure; one recipe's failure does not keep the others from running.
    Raises BrokenPipeError when nobody reads any more.
    """
    known = app.recipes.by_name
    names = list(dict.fromkeys(map(as_name, recipes)))
    if unknown := [clean(name) for name in names if name not in known]:
        print(f"keyapi-mcp collect: no recipe {', '.join(unknown)}. There are: {', '.join(known)}.", file=sys.stderr)
        return EXIT_REFUSED

    async def collect() -> _Collected:
        collected = _Collected()
        async with app.running():
            for name in names:
                try:
                    await _collect(app, name, region, max_credits, collected)
                except KeyApiMcpError as error:
                    collected.spent += error.maybe_spent
                    collected.failed = collected.failed or exit_code(error)
                    print(f"{name}: {as_text(error)}", file=sys.stderr)
                    if isinstance(error, LimitReached):
                        break  # the next one would be refused, too
                except OSError as error:
                    collected.unwritable = error
                    break  # no more is spent on what nobody gets
        return collected

    collected = anyio.run(collect)
    if collected.unwritable is not None:
        raise collected.unwritable
    moved = f"Something moved in {collected.moved} of {len(names)} recipes." if collected.moved else "Nothing moved."
    print(f"Credits: {collected.spent}. {moved}", flush=True)
    return collected.failed or (EXIT_CHANGED if collected.moved else 0)


async def _collect(app: App, recipe: str, region: str, max_credits: int | None, collected: _Collected) -> None:
    """Run one recipe and print what changed of the products that it returned. Raises KeyApiMcpError."""
    most = app.recipes.by_name[recipe].pages
    limits = [app.settings.credits_per_call, None if max_credits is None else max(0, max_credits - collected.spent)]
    most = min([most, *(limit for limit in limits if limit is not None)])

    async def pages_read(done: float, total: float, _message: str) -> None:
        progress(f"{recipe}, pages", int(done), int(total))

    ran = await app.call("run_recipe", {"recipe": recipe, "region": region, "max_credits": most}, pages_read)
    collected.spent += ran.spending.call + ran.spending.call_maybe
    told = [ran.scope, *ran.lines]
    if not ran.structured()["rows"] and (doubt := regions.doubt(regions.normalise(region).code)):
        told.append(doubt)
    # What has never returned anything has nothing that could have changed.
    with suppress(InvalidQuery):
        changed = await app.call("get_changes", {"scope": "recipe", "recipe": recipe, "region": region})
        collected.moved += changed.facts.get("moved", 0) > 0
        told += [changed.scope, *changed.lines, *_table(changed.table)]
    print("\n".join(told) + "\n", flush=True)


def _table(table: object) -> list[str]:
    text = getattr(table, "text", "")
    return [text] if text else []
