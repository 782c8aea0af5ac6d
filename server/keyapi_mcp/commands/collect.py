"""`collect`: run recipes by a scheduler, and print what changed."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import anyio

from keyapi_mcp.app import App
from keyapi_mcp.commands import exit_codes
from keyapi_mcp.commands.exit_codes import ExitCode
from keyapi_mcp.commands.progress import progress
from keyapi_mcp.errors import InvalidQuery, KeyApiMcpError, LimitReached, as_text
from keyapi_mcp.recipes.loading import as_name
from keyapi_mcp.reference import regions
from keyapi_mcp.results.untrusted import clean


@dataclass(slots=True)
class _Collected:
    """spent: credits, also those that may have been; changed: recipes of which something did; unpaid: those that were
    not run for lack of credits; failed: the exit code of the first failure; unwritable: why nothing can be printed any
    more.
    """

    spent: int = 0
    changed: int = 0
    unpaid: list[str] = field(default_factory=list)
    failed: int = 0
    unwritable: OSError | None = None

    @property
    def exit_code(self) -> int:
        refused = ExitCode.REFUSED if self.unpaid else 0
        return self.failed or refused or (ExitCode.FOUND if self.changed else ExitCode.DONE)

    def in_words(self, recipes: int) -> str:
        words = f"Something changed in {self.changed} of {recipes} recipes" if self.changed else "Nothing moved"
        known = ", as far as is known" if self.failed or self.unpaid else ""
        unpaid = f" Not run for lack of credits: {', '.join(self.unpaid)}." if self.unpaid else ""
        return f"Credits: {self.spent}. {words}{known}.{unpaid}"


def run(app: App, recipes: Sequence[str], region: str, max_credits: int | None) -> int:
    """Each recipe is one call against the limits; max_credits caps all of them together.

    Prints what changed on standard output, progress and failures on standard error. Exit code 0 = nothing changed,
    1 = something did, otherwise that of the first failure, also of one for which older pages stood in; one recipe's
    failure does not keep the others from running. Raises BrokenPipeError when nobody reads any more.
    """
    known = app.recipes.by_name
    names = list(dict.fromkeys(map(as_name, recipes)))
    if unknown := [clean(name) for name in names if name not in known]:
        print(f"keyapi-mcp collect: no recipe {', '.join(unknown)}. There are: {', '.join(known)}.", file=sys.stderr)
        return ExitCode.REFUSED

    async def collect() -> _Collected:
        collected = _Collected()
        async with app.running():
            for number, name in enumerate(names, 1):
                try:
                    await _collect(app, name, region, max_credits, collected)
                except KeyApiMcpError as error:
                    collected.spent += error.maybe_spent
                    collected.failed = collected.failed or exit_codes.of(error)
                    print(f"{name}: {as_text(error)}", file=sys.stderr)
                    if isinstance(error, LimitReached):
                        collected.unpaid += names[number:]
                        break  # the next one would be refused, too
                except OSError as error:
                    collected.unwritable = error
                    break  # no more is spent on what nobody gets
        return collected

    collected = anyio.run(collect)
    if collected.unwritable is not None:
        raise collected.unwritable
    print(collected.in_words(len(names)), flush=True)
    return collected.exit_code


async def _collect(app: App, recipe: str, region: str, max_credits: int | None, collected: _Collected) -> None:
    """Run one recipe and print what changed of the products that it returned. Raises KeyApiMcpError."""
    most = app.recipes.by_name[recipe].pages
    left = None if max_credits is None else max(0, max_credits - collected.spent)
    most = min([most, *(limit for limit in (app.settings.credits_per_call, left) if limit is not None)])

    async def pages_read(done: float, total: float, _message: str) -> None:
        progress(f"{recipe}, pages", int(done), int(total))

    asked = {"recipe": recipe, "region": region}
    try:
        ran = await app.call("run_recipe", {**asked, "max_credits": most}, pages_read)
    except InvalidQuery:
        if left != 0:
            raise
        collected.unpaid.append(recipe)  # nothing of it is kept
        return
    collected.spent += ran.spending.call + ran.spending.call_maybe
    if left == 0 and ran.failure is None and ran.facts.keys() & {"missing_pages", "stale_pages"}:
        collected.unpaid.append(recipe)  # what is kept of it is old, or not all
        return
    told = [ran.scope, *ran.lines, *ran.notes]
    if not ran.structured()["rows"] and (doubt := regions.doubt(regions.normalise(region).code)):
        told.append(doubt)
    # Where it could not be written down that it was run, nothing is known of what changed.
    with suppress(InvalidQuery):
        changed = await app.call("get_changes", {"scope": "recipe", **asked})
        (of_run,) = changed.facts["runs"].values()
        if of_run.get("first_read_today"):
            has_changed = _has_changed(changed.facts, of_run)
            collected.changed += has_changed
            told += [changed.scope, *changed.lines, *(_table(changed.table) if has_changed else []), *changed.notes]
        else:
            told.append(f"Nothing newer than the data of {of_run['day']}, which was read on an earlier day.")
    print("\n".join(told) + "\n", flush=True)
    if ran.failure is not None:
        collected.failed = collected.failed or exit_codes.of(ran.failure)
        print(f"{recipe}: {ran.failure.what} Next: {ran.failure.next_step}", file=sys.stderr)


def _has_changed(facts: Mapping[str, Any], of_run: Mapping[str, Any]) -> bool:
    """Whether anything has, by what this run has read."""
    moved = facts["moved"] - facts.get("moved_before_last_run", 0)
    return bool(moved or of_run.get("new") or of_run.get("no_longer"))


def _table(table: object) -> list[str]:
    text = getattr(table, "text", "")
    return [text] if text else []
