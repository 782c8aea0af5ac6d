"""Processes of their own on a store's file, run as `python store_process.py ACTION …`; what they did is on the output.

- `crowd spend|write|watch HOME MANY COUNT`: so many processes that begin together, each of which reserves and settles
  up to so many credits, keeps so many pages, or watches so many products, the same as all others; a line from each: how
  many it did (watched: how many were new), or what went wrong.
- `crowd make HOME MANY COUNT`: the same for opening so many new files, each of which all of them open at once.
- `victims keep|watch|ask HOME [URL]`: for each number on its input, a process that pays for pages from that number on,
  or watches products, by the store alone, or pays by a whole server that asks the service at this address, until it is
  killed. It says its process id, before and after each page or product its number, and its parent says when it is dead.

All are forks of this one, so that none of them has to load everything first.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

import sqlalchemy  # noqa: F401  # loaded before the forks

from keyapi_mcp.api import client  # noqa: F401  # likewise
from keyapi_mcp.app import App
from keyapi_mcp.credits import Budget, Outcome
from keyapi_mcp.errors import LimitReached
from keyapi_mcp.product import Page, Product
from keyapi_mcp.research.derived import Rules
from keyapi_mcp.settings import Settings, read_settings
from keyapi_mcp.store import books, keeping, opening, reading, watching  # noqa: F401  # likewise
from keyapi_mcp.store.database import Database
from keyapi_mcp.store.store import Store

NOW: Final = datetime(2026, 11, 23, 9, tzinfo=UTC)
CREDITS: Final = 20
_LIMITS: Final[dict[str, Any]] = {
    "spend": {"credits_per_day": CREDITS},
    "write": {"credits_per_day": "off"},
    "watch": {},
    "follow": {},
    "keep": {"credits_per_day": "off", "credits_per_month": "off"},
    "ask": {"credits_per_day": "off", "credits_per_month": "off"},
}


def question(number: int) -> str:
    return f"region=US&product_sort_field=7&sort_type=1&page_num={number}&page_size=10"


def page(number: int) -> Page:
    """Three products that other pages have, too, with figures of this page's own."""
    rows = [
        {"product_id": f"17293845012345{number % 7 + place:05}", "total_sale_cnt": number, "total_sale_1d_cnt": 1}
        for place in range(3)
    ]
    return Page(tuple(map(Product, rows)), 3, NOW, f"r{number}")


def say(line: str) -> None:
    """At once and in one piece, whenever this process is killed."""
    os.write(1, f"{line}\n".encode())


async def spend(store: Store, most: int) -> int:
    for number in range(most):
        try:
            reservation = await store.reserve(f"{question(number)}&process={os.getpid()}", Budget(None))
        except LimitReached:
            return number
        await reservation.settle(Outcome.UNKNOWN, None)
    return most


async def write(store: Store, many: int) -> str | int:
    for number in range(many):
        reservation = await store.reserve(question(number), Budget(None))
        kept = await reservation.settle_paid(page(number))
        if kept.not_kept:
            return kept.not_kept
    return many


async def watch(store: Store, many: int) -> int:
    return sum([len(await store.watch_list.add([watched_id(number)], None)) for number in range(many)])


def watched_id(number: int) -> str:
    return f"17293845012345{number:05}"


async def follow(store: Store, first: int) -> None:
    for number in count(first):
        say(f"asking {number}")
        await store.watch_list.add([watched_id(number)], f"note {number}")
        say(f"kept {number}")


async def keep(store: Store, first: int) -> None:
    for number in count(first):
        say(f"asking {number}")
        reservation = await store.reserve(question(number), Budget(None))
        kept = await reservation.settle_paid(page(number))
        say(f"failed {kept.not_kept}" if kept.not_kept else f"kept {number}")


async def ask(app: App, first: int) -> None:
    for number in count(first):
        say(f"asking {number}")
        answer = await app.call("search_products", {"region": "US", "page_num": number})
        say(f"kept {number}" if "could not be kept" not in answer.text() else f"failed {number}")


def run(action: Callable[[Store, int], Any], home: Path, number: int) -> Any:
    async def whole() -> Any:
        store = Store(_settings(action.__name__, home), lambda: NOW, Rules())
        try:
            return await action(store, number)
        finally:
            await store.aclose()

    return asyncio.run(whole())


def serve(home: Path, url: str, first: int) -> None:
    async def whole() -> None:
        app = App(_settings("ask", home, base_url=url, min_interval_s=0), clock=lambda: NOW)
        async with app.running():
            await ask(app, first)

    asyncio.run(whole())


def _settings(action: str, home: Path, **more: Any) -> Settings:
    return read_settings(**{"token": "sk_live_process", "home": home, "fresh_s": 0} | _LIMITS[action] | more)


def made(path: Path) -> int:
    """Open a file; how many steps of its schema are there."""
    database = Database(path)
    try:
        return int(database.run_now(lambda connection: connection.exec_driver_sql("PRAGMA user_version").scalar_one()))
    finally:
        database.close()


def crowd(many: int, work: Callable[[], object]) -> None:
    begin, release = os.pipe()
    children = []
    for _ in range(many):
        if not (child := os.fork()):
            os.close(release)
            os.read(begin, 1)  # its end is the sign
            try:
                said = work()
            except BaseException as error:
                said = repr(error)
            say(str(said))
            os._exit(0)
        children.append(child)
    os.close(release)
    for child in children:
        os.waitpid(child, 0)


def victims(begin: Callable[[int], None]) -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            say(f"pid {os.getpid()}")
            begin(int(line))
            os._exit(0)
        os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    _home = Path(sys.argv[3])
    if sys.argv[1:3] == ["crowd", "make"]:
        for _number in range(int(sys.argv[5])):
            crowd(int(sys.argv[4]), lambda path=_home / f"{_number}.sqlite": made(path))  # type: ignore[misc]
    elif sys.argv[1] == "crowd":
        _action = {"spend": spend, "write": write, "watch": watch}[sys.argv[2]]
        crowd(int(sys.argv[4]), lambda: run(_action, _home, int(sys.argv[5])))
    elif sys.argv[2] == "ask":
        victims(lambda first: serve(_home, sys.argv[4], first))
    else:
        _victim = {"keep": keep, "watch": follow}[sys.argv[2]]
        victims(lambda first: run(_victim, _home, first))
