"""`doctor`: why would it not work? Python, settings, store, key, the way to the service, clients; spends nothing unless
asked to."""

from __future__ import annotations

import os
import re
import socket
import ssl
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final
from urllib.parse import urlsplit

import anyio

from keyapi_mcp import __version__
from keyapi_mcp.commands import doctor_clients
from keyapi_mcp.commands.finding import Finding
from keyapi_mcp.commands.machine import Machine
from keyapi_mcp.commands.rights import readable_by_others
from keyapi_mcp.errors import InvalidSettings, KeyApiMcpError, StoreUnavailable, as_text
from keyapi_mcp.judging import read_judging
from keyapi_mcp.recipes.loading import read_recipes
from keyapi_mcp.settings import Settings, unknown_variables
from keyapi_mcp.store import rescue
from keyapi_mcp.store.database import Database
from keyapi_mcp.store.location import store_path

_TIMEOUT_S: Final = 5.0
_KEY_SHAPE: Final = re.compile(r"sk_\w{8,}")


def run(options: Namespace, read: Callable[[Namespace], Settings], build: Callable[[Settings], Any]) -> int:
    """Print a line a finding; exit code 1 if something is in the way."""
    failed = False
    for finding in chain(_findings(options, read, build), doctor_clients.findings(Machine.this())):
        print(finding.line(), flush=True)
        failed |= finding.good is False
    return 1 if failed else 0


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
        return
    yield Finding(True, "settings can be used")
    yield from _store(settings)
    if broken := read_judging(settings).broken:
        yield Finding(False, f"own weights: {broken}")
    for problem in read_recipes(settings).problems:
        yield Finding(False, f"own recipes: {problem}")
    if (rescued := rescue.last(store_path(settings))) is not None:
        yield Finding(None if rescued.whole else False, f"store: {rescued.in_words()}")
    if settings.sandbox:
        yield Finding(True, "sandbox: answers are synthetic, no key is used, nothing leaves this machine")
    else:
        yield _key(settings)
        if (
            settings.token_file is not None
            and settings.token_file.is_file()
            and readable_by_others(settings.token_file)
        ):
            yield Finding(None, "others on this machine can read the file that KEYAPI_TOKEN_FILE names")
        yield from _way(settings)
    if options.spend_one:
        yield _ask(build(settings))
    elif not settings.sandbox:
        yield Finding(None, "the key itself was not tried; --spend-one asks the service one question (1 credit)")


def _store(settings: Settings) -> Iterator[Finding]:
    """Opened only if it is there: looking must not make one."""
    path = store_path(settings)
    if path is None:
        yield Finding(None, "store: in memory; nothing is kept beyond a server's process, nor are its limits")
        return
    if not path.exists():
        yield Finding(True, f"store: {path} (made with the first question)")
        return
    from keyapi_mcp.store.upkeep import contents, size

    if readable_by_others(path):
        yield Finding(None, f"store: others on this machine can read {path}: chmod 600 {path}")
    if not os.access(path, os.W_OK):
        yield Finding(False, f"store: {path} cannot be written, so nothing new can be asked")
    database = Database(path)
    try:
        found = database.run_now(contents, writes=False)
    except StoreUnavailable as error:
        yield Finding(False, f"store: {error.what} Next: {error.next_step}")
    else:
        yield Finding(True, f"store: {path}, {found.products:,} products, {size(path):,} bytes")
    finally:
        database.close()


def _key(settings: Settings) -> Finding:
    if settings.api_key is None:
        return Finding(False, "no key: set KEYAPI_TOKEN (or KEYAPI_TOKEN_FILE), or use --sandbox")
    if not _KEY_SHAPE.fullmatch(settings.api_key.get_secret_value()):
        return Finding(None, "a key is set, but it does not look like sk_live_… (not shown here)")
    return Finding(True, "a key is set and looks like one (not shown here)")


def _way(settings: Settings) -> Iterator[Finding]:
    """Name resolution, connection and TLS to the base URL. No request is sent."""
    parts = urlsplit(settings.base_url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if proxies := sorted(name for name in os.environ if name.lower() in ("https_proxy", "all_proxy", "http_proxy")):
        yield Finding(None, f"a proxy is set ({', '.join(proxies)}); the lines below test the direct way")
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
    except OSError:
        yield Finding(False, f"the name {host} cannot be resolved: check the network, or KEYAPI_API_BASE_URL")
        return
    yield Finding(True, f"{host} is {address}")
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_S) as plain:
            if parts.scheme == "https":
                with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure:
                    yield Finding(True, f"{secure.version()} to {host}:{port}, certificate verified")
            else:
                yield Finding(True, f"connected to {host}:{port} (plain http, this machine)")
    except ssl.SSLCertVerificationError as error:
        yield Finding(False, f"the certificate of {host} cannot be verified: {error.verify_message}")
    except OSError as error:
        yield Finding(False, f"no connection to {host}:{port}: {error.strerror or type(error).__name__}")


def _ask(app: Any) -> Finding:
    async def ask() -> Finding:
        async with app.running():
            try:
                answer = await app.call("search_products", {"region": "US", "page_size": 1})
            except KeyApiMcpError as error:
                return Finding(False, f"the service: {' '.join(as_text(error).split())}")
        return Finding(True, f"the service answered. {answer.spending.in_words()}")

    return anyio.run(ask)
