"""`doctor`: why would it not work? Python, settings, store, clients, key, the way to the service; spends nothing unless
asked to."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import anyio

from keyapi_mcp import __version__
from keyapi_mcp.commands import doctor_clients, doctor_keys, doctor_way
from keyapi_mcp.commands.doctor_clients import Served
from keyapi_mcp.commands.exit_codes import ExitCode
from keyapi_mcp.commands.finding import Finding
from keyapi_mcp.commands.machine import Machine
from keyapi_mcp.commands.rights import readable_by_others
from keyapi_mcp.errors import InvalidSettings, KeyApiMcpError, StoreUnavailable, as_text
from keyapi_mcp.judging import read_judging
from keyapi_mcp.key_file import looks_like_a_key
from keyapi_mcp.recipes.loading import read_recipes
from keyapi_mcp.settings import Settings, unknown_variables, variable
from keyapi_mcp.store import rescue
from keyapi_mcp.store.database import Database
from keyapi_mcp.store.location import is_made, store_path


def run(options: Namespace, read: Callable[[Namespace], Settings], build: Callable[[Settings], Any]) -> int:
    """Print a line a finding; exit code 1 if something is in the way."""
    failed = False
    for finding in chain(_findings(options, read, build), doctor_keys.findings(Machine.this())):
        print(finding.line(), flush=True)
        failed |= finding.good is False
    return ExitCode.FOUND if failed else ExitCode.DONE


def _findings(
    options: Namespace, read: Callable[[Namespace], Settings], build: Callable[[Settings], Any]
) -> Iterator[Finding]:
    yield Finding(True, f"keyapi-mcp {__version__}, Python {sys.version.split()[0]}, {sys.executable}")
    for name in unknown_variables(os.environ):
        yield Finding(None, f"{name} is set, but no setting has this name")
    try:
        settings = read(options)
    except InvalidSettings as error:
        yield Finding(False, f"settings: {error.what}")
        yield from doctor_clients.findings(Machine.this())
        return
    yield Finding(True, "settings can be used")
    yield from _store(settings)
    if broken := read_judging(settings).broken:
        yield Finding(False, f"own weights: {broken}")
    for problem in read_recipes(settings).problems:
        yield Finding(False, f"own recipes: {problem}")
    if settings.sandbox:
        yield Finding(True, "sandbox: answers are synthetic, no key is used, nothing leaves this machine")
    served = yield from doctor_clients.findings(Machine.this())
    if not settings.sandbox:
        yield from _service(settings, served, options.spend_one)
    if options.spend_one:
        yield _ask(build(settings))


def _store(settings: Settings) -> Iterator[Finding]:
    """Opened only if it is there: looking must not make one."""
    path = store_path(settings)
    if path is None:
        yield Finding(None, "store: in memory; nothing is kept beyond a server's process, nor are its limits")
        return
    if readable_by_others(path.parent):
        yield Finding(None, f"others on this machine can look into {path.parent}: chmod 700 {path.parent}")
    try:
        if not is_made(path):
            yield Finding(True, f"store: {path} (made with the first question)")
            return
    except StoreUnavailable as error:
        yield _unavailable(error)
        return
    from keyapi_mcp.store.upkeep import contents, size

    if readable_by_others(path):
        yield Finding(None, f"store: others on this machine can read {path}: chmod 600 {path}")
    shut = [place for place in (path, path.parent) if not os.access(place, os.W_OK)]
    if shut:
        yield Finding(False, f"store: {shut[0]} cannot be written, so nothing new can be asked")
    database = Database(path)
    try:
        # In its turn among those who write, as the first question is: what is kept locked can still be read.
        found = database.run_now(contents, writes=not shut)
    except StoreUnavailable as error:
        yield _unavailable(error)
    else:
        yield Finding(True, f"store: {path}, {found.products:,} products, {size(path):,} bytes")
    finally:
        database.close()
    if (rescued := rescue.last(path)) is not None:
        yield Finding(None if rescued.whole else False, f"store: {rescued.in_words()}")


def _unavailable(error: StoreUnavailable) -> Finding:
    return Finding(False, f"store: {error.what} Next: {error.next_step}")


def _service(settings: Settings, served: Served, spend_one: bool) -> Iterator[Finding]:
    """Limits, this shell's key and the way to the service, where something needs them."""
    for limit in ("credits_per_call", "credits_per_day", "credits_per_month"):
        if getattr(settings, limit) == 0:
            yield Finding(None, f"{variable((limit,))} is 0: only what is kept is answered, nothing is asked")
    if settings.offline:
        yield Finding(None, "KEYAPI_MCP_OFFLINE is on: only what is kept is answered; no connection was tried")
        return
    keyless = settings.api_key is None and settings.key_fault is None
    if keyless and served.ready:
        yield Finding(None, "no key in this shell; only `call`, `collect` and `serve` need one here")
    else:
        yield _key(settings)
    if settings.token_file is not None and settings.token_file.is_file() and readable_by_others(settings.token_file):
        yield Finding(None, "others on this machine can read the file that KEYAPI_TOKEN_FILE names")
    if keyless and served.ready and not served.asks:
        yield Finding(None, "the way to the service was not tried: nothing that is set up here asks it")
        return
    yield from doctor_way.findings(settings.base_url)
    if settings.api_key is not None and not spend_one:
        yield Finding(None, "the key itself was not tried; --spend-one asks the service one question (1 credit)")


def _key(settings: Settings) -> Finding:
    if settings.key_fault is not None:
        return Finding(False, f"no key: {settings.key_fault}")
    if settings.api_key is None:
        return Finding(False, "no key: set KEYAPI_TOKEN (or KEYAPI_TOKEN_FILE), or use --sandbox")
    if not looks_like_a_key(settings.api_key.get_secret_value()):
        return Finding(None, "a key is set, but it does not look like sk_live_… (not shown here)")
    return Finding(True, "a key is set and looks like one (not shown here)")


def _ask(app: Any) -> Finding:
    async def ask() -> Finding:
        async with app.running():
            try:
                answer = await app.call("search_products", {"region": "US", "page_size": 1})
            except KeyApiMcpError as error:
                return Finding(False, f"the service: {' '.join(as_text(error).split())}")
        return Finding(True, f"the service answered. {answer.spending.in_words()}")

    return anyio.run(ask)
