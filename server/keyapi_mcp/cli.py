"""Arguments in, exit codes out; no logic. Without a command the server speaks MCP on standard input and output."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from keyapi_mcp import __version__
from keyapi_mcp.clients.places import CLIENTS
from keyapi_mcp.commands import exit_codes
from keyapi_mcp.commands.exit_codes import ExitCode
from keyapi_mcp.errors import KeyApiMcpError, as_text
from keyapi_mcp.sandbox import options as sandbox_options
from keyapi_mcp.settings import Settings, read_settings

if TYPE_CHECKING:
    from keyapi_mcp.app import App


def main(arguments: Sequence[str], imported: Callable[[], None] = lambda: None) -> int:
    """Run one command. `imported` is called when the long imports are done."""
    options = _parse(arguments)
    try:
        return int(options.run(options, imported))
    except KeyApiMcpError as error:
        print(f"keyapi-mcp: {as_text(error)}", file=sys.stderr)
        return exit_codes.of(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough (`keyapi-mcp tools | head`). Python would complain again at its end.
        _write_no_more()
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _write_no_more()
        print(f"keyapi-mcp: cannot write: {error.strerror}.", file=sys.stderr)
        return ExitCode.SETUP


def _write_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    top = parser()
    options, rest = top.parse_known_args(arguments)
    # argparse takes no further name=value after an option in between.
    if rest and (options.run is not _call or any(word.startswith("-") for word in rest)):
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.arguments += rest
    return options


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="keyapi-mcp",
        description="TikTok Shop product research for models: an MCP server over KeyAPI's product analytics. "
        "Without a command it serves one client on standard input and output (this is what client "
        "configurations start). Settings come from the environment: KEYAPI_TOKEN and KEYAPI_MCP_…",
        epilog="The command demo tries it without a key.",
    )
    top.add_argument("--version", action="version", version=f"keyapi-mcp {__version__}")
    _server_options(top)
    top.set_defaults(run=_stdio)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve many clients over HTTP (streamable HTTP and SSE)")
    _server_options(serve)
    serve.add_argument("--transport", choices=("http", "sse"), default="http", help="whose address to print")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (beyond loopback needs a token)")
    serve.add_argument("--port", type=sandbox_options.port, default=8000, help="port to listen on; 0 picks a free one")
    serve.set_defaults(run=_serve)

    call = commands.add_parser("call", help="call a tool once and print its answer")
    _server_options(call)
    call.add_argument("tool", help="for example search_products")
    call.add_argument("arguments", nargs="*", metavar="name=value", help="for example region=US")
    call.add_argument("--json", action="store_true", help="print the structured form")
    call.set_defaults(run=_call)

    collect = commands.add_parser("collect", help="run recipes, by a scheduler, and print what changed")
    _server_options(collect)
    collect.add_argument("recipes", nargs="+", metavar="RECIPE", help="for example breaking-out")
    collect.add_argument("--region", required=True, help="market, for example US")
    collect.add_argument("--max-credits", type=_count, metavar="N", help="most credits of all recipes together")
    collect.set_defaults(run=_collect)

    tools = commands.add_parser(
        "tools",
        help="list what the model sees, with its size (in tokens where the development requirements are, else bytes)",
    )
    tools.set_defaults(run=_tools)

    schemas = commands.add_parser("schemas", help="write tool_schemas/ and the README's tables (or compare them)")
    schemas.add_argument("--check", action="store_true", help="write nothing; exit 1 if the files differ")
    schemas.add_argument("--directory", default="tool_schemas", help="where the schema files are")
    schemas.add_argument("--readme", help="a README whose generated parts are made anew, too")
    schemas.set_defaults(run=_schemas)

    doctor = commands.add_parser("doctor", help="check Python, settings, key and the way to the service")
    _server_options(doctor)
    doctor.add_argument("--spend-one", action="store_true", help="also ask the service one question (1 credit)")
    doctor.set_defaults(run=_doctor)

    install = commands.add_parser(
        "install",
        help="tell a client how to start this program",
        description="Write how to start this program into a client's own configuration file. All else in the file "
        "stays as it is, and a copy of the former file is put beside it.",
        epilog="Example: keyapi-mcp install --client claude-desktop --key-file ~/keyapi.key",
    )
    install.add_argument("--client", required=True, choices=tuple(CLIENTS), help="whose configuration to change")
    install.add_argument("--sandbox", action="store_true", help="synthetic answers; no key needed")
    install.add_argument("--key-file", metavar="FILE", help="a file that holds the KeyAPI key; its path is written")
    install.add_argument("--name", default="keyapi", help="what the client calls the server (default: %(default)s)")
    install.add_argument("--config", metavar="FILE", help="another file than the client's usual one")
    install.add_argument("--dry-run", action="store_true", help="only say what would be written, and where")
    install.set_defaults(run=_install)

    store = commands.add_parser(
        "store",
        help="what is kept on this machine: look, check, make smaller",
        description="The local store of everything that was ever paid for. info: what is in it; check: whether the "
        "file is sound; prune: forget products not seen for long; vacuum: give free space back to the disk.",
        epilog="Example: keyapi-mcp store prune --older-than 180d (says what would go; --yes removes it)",
    )
    _server_options(store)
    store.add_argument("action", choices=("info", "check", "prune", "vacuum"), help="what to do")
    store.add_argument("--older-than", type=_days, metavar="180d", help="prune: what was last seen before so many days")
    store.add_argument("--yes", action="store_true", help="prune: remove it, instead of only saying what there is")
    store.add_argument(
        "--accept-lost-ledger",
        action="store_true",
        help="check: where a damaged file's ledger could not be read whole, spend again, counting what could",
    )
    store.set_defaults(run=_store)

    demo = commands.add_parser(
        "demo",
        help="a short conversation with a real server over synthetic data",
        description="Start the synthetic KeyAPI and a real server on this machine, ask it a few questions as a client "
        "does, and print the answers. No key, nothing is spent, nothing leaves this machine.",
        epilog="Example: keyapi-mcp demo | less",
    )
    demo.set_defaults(run=_demo)

    sandbox = commands.add_parser("sandbox", help="run the synthetic KeyAPI on this machine")
    sandbox_options.add_arguments(sandbox)
    sandbox.set_defaults(run=_sandbox)
    return top


def _server_options(command: argparse.ArgumentParser) -> None:
    # A default of SUPPRESS keeps a flag given before the command from being overwritten by the command's own.
    command.add_argument(
        "--sandbox",
        action="store_true",
        default=argparse.SUPPRESS,
        help="answer from the built-in synthetic catalogue; no key needed, none used",
    )
    command.add_argument(
        "--log-level",
        default=argparse.SUPPRESS,
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        help="to standard error",
    )


def _settings(options: argparse.Namespace) -> Settings:
    settings = read_settings(sandbox=getattr(options, "sandbox", None), log_level=getattr(options, "log_level", None))
    from keyapi_mcp.logs import configure

    configure(settings.log_level)
    return settings


def _app(settings: Settings) -> App:
    from keyapi_mcp.app import App

    upstream = None
    if settings.sandbox:
        import httpx2 as httpx

        from keyapi_mcp.clock import data_day, utc_now
        from keyapi_mcp.sandbox.app import create_app

        upstream = httpx.ASGITransport(create_app(today=lambda: data_day(utc_now())))
    return App(settings, upstream=upstream)


def _stdio(options: argparse.Namespace, imported: Callable[[], None]) -> int:
    import anyio

    from keyapi_mcp.transports.stdio import serve_stdio

    app = _app(_settings(options))
    imported()
    if sys.stdin is not None and sys.stdin.isatty():
        print(
            "keyapi-mcp: waiting for an MCP client on standard input. "
            "To tell a client: keyapi-mcp install --help. Ctrl-C ends this.",
            file=sys.stderr,
            flush=True,
        )

    async def serve() -> int:
        async with app.running():
            return await serve_stdio(app.server)

    return anyio.run(serve)


def _serve(options: argparse.Namespace, imported: Callable[[], None]) -> int:
    from keyapi_mcp.transports.http import serve_http

    settings = _settings(options)
    app = _app(settings)
    imported()
    return serve_http(
        app.server,
        settings,
        transport=options.transport,
        host=options.host,
        port=options.port,
        resources=app.running,
    )


def _call(options: argparse.Namespace, imported: Callable[[], None]) -> int:
    from keyapi_mcp.commands import call

    app = _app(_settings(options))
    imported()
    return call.run(app, options.tool, options.arguments, as_json=options.json)


def _collect(options: argparse.Namespace, imported: Callable[[], None]) -> int:
    from keyapi_mcp.commands import collect

    app = _app(_settings(options))
    imported()
    return collect.run(app, options.recipes, options.region, options.max_credits)


def _count(text: str) -> int:
    """A number from 0 on. Raises ValueError, which argparse words."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _tools(_options: argparse.Namespace, _imported: Callable[[], None]) -> int:
    from keyapi_mcp.commands import schemas

    return schemas.print_tools()


def _schemas(options: argparse.Namespace, _imported: Callable[[], None]) -> int:
    from pathlib import Path

    from keyapi_mcp.commands import readme, schemas
    from keyapi_mcp.sandbox.app import create_app

    directory = Path(options.directory)
    files = {directory / name: content for name, content in schemas.files().items()}
    if options.readme:
        path = Path(options.readme)
        files[path] = readme.filled(path.read_text(encoding="utf-8"), create_app)
    return schemas.run(files, directory, check=options.check)


def _doctor(options: argparse.Namespace, imported: Callable[[], None]) -> int:
    from keyapi_mcp.commands import doctor

    imported()
    return doctor.run(options, _settings, _app)


def _install(options: argparse.Namespace, imported: Callable[[], None]) -> int:
    from datetime import datetime
    from pathlib import Path

    from keyapi_mcp.commands import install
    from keyapi_mcp.commands.machine import Machine

    imported()
    return install.run(
        Machine.this(),
        CLIENTS[options.client],
        name=options.name,
        sandbox=options.sandbox,
        key_file=Path(options.key_file) if options.key_file else None,
        config=Path(options.config) if options.config else None,
        dry_run=options.dry_run,
        now=datetime.now(),
    )


def _days(text: str) -> int:
    """`180d` or `180`. Raises ValueError, which argparse words."""
    days = int(text.strip().lower().removesuffix("d"))
    if days < 1:
        raise ValueError
    return days


def _store(options: argparse.Namespace, imported: Callable[[], None]) -> int:
    from keyapi_mcp.clock import utc_now
    from keyapi_mcp.commands import store

    settings = _settings(options)
    imported()
    if options.action == "prune" and options.older_than is None:
        print("keyapi-mcp store prune: say how old, for example --older-than 180d", file=sys.stderr)
        return ExitCode.USAGE
    if options.accept_lost_ledger and options.action != "check":
        print("keyapi-mcp store: --accept-lost-ledger goes with check", file=sys.stderr)
        return ExitCode.USAGE
    return store.run(
        settings,
        options.action,
        utc_now,
        days=options.older_than,
        yes=options.yes,
        accept_lost_ledger=options.accept_lost_ledger,
    )


def _demo(_options: argparse.Namespace, imported: Callable[[], None]) -> int:
    from keyapi_mcp.commands import demo

    imported()
    return demo.run()


def _sandbox(options: argparse.Namespace, imported: Callable[[], None]) -> int:
    from keyapi_mcp.logs import configure
    from keyapi_mcp.sandbox.serve import main as serve

    configure("WARNING")
    imported()
    return serve(options)
