"""`store`: what is kept on this machine, whether it is sound, and making it smaller."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Connection

from keyapi_mcp import installation
from keyapi_mcp.clock import Clock, data_day, iso
from keyapi_mcp.commands.exit_codes import ExitCode
from keyapi_mcp.commands.progress import progress
from keyapi_mcp.judging import read_judging
from keyapi_mcp.research.derived import Rules
from keyapi_mcp.settings import Settings
from keyapi_mcp.store import renewal, rescue, upkeep
from keyapi_mcp.store.database import Database
from keyapi_mcp.store.location import is_made, store_path

_PRUNED_AT_ONCE = 1_000
_RENEWED_AT_ONCE = 500


def run(
    settings: Settings, action: str, clock: Clock, *, days: int | None, yes: bool, accept_lost_ledger: bool = False
) -> int:
    """One action on the store of the service that the settings name. Exit code 1 when a check finds the file unsound.

    Raises StoreUnavailable when it cannot be used at all.

    accept_lost_ledger: set a damaged file aside now, and count on from what could be read of its ledger.
    """
    path = store_path(settings)
    if path is None:
        print("KEYAPI_MCP_STORE=memory: nothing is kept beyond a server's process.")
        return ExitCode.DONE
    if not is_made(path):
        print(f"{path}: nothing is kept yet.")
        return ExitCode.DONE
    database = Database(path, mends=accept_lost_ledger)
    try:
        if action == "check":
            return _check(database, path, settings, accept_lost_ledger)
        if action == "vacuum":
            return _vacuum(database, path)
        if action == "prune":
            assert days is not None
            return _prune(database, clock, days, yes)
        return _info(database, path, read_judging(settings).rules)
    finally:
        database.close()


def _info(database: Database, path: Path, rules: Rules) -> int:
    found = database.run_now(upkeep.contents, writes=False)
    outdated = database.run_now(lambda connection: renewal.outdated(connection, rules), writes=False)
    span = f"{iso(found.first_day)} to {iso(found.last_day)}" if found.first_day and found.last_day else "none"
    print(f"{path}: {upkeep.size(path):,} bytes")
    print(f"products {found.products:,} · snapshots {found.snapshots:,} · searches {found.searches:,}")
    print(f"data days {span} · attempts in the credit ledger {found.attempts:,} · watched {found.watched:,}")
    if outdated:
        print(f"{outdated:,} products are computed by other rules; a server renews them meanwhile, check at once")
    return ExitCode.DONE


def _check(database: Database, path: Path, settings: Settings, accept_lost_ledger: bool) -> int:
    if accept_lost_ledger:
        database.run_now(rescue.look, writes=False)
    faults = database.run_now(upkeep.faults, writes=False)
    for fault in faults:
        print(f"FAIL  {path}: {fault}")
    if faults:
        return ExitCode.FOUND
    print(f"ok    {path} is sound")
    if (found := rescue.last(path)) is not None:
        print(f"{'note' if found.whole else 'FAIL'}  {found.in_words()}")
        if not found.whole and not accept_lost_ledger:
            return ExitCode.FOUND
        rescue.confirm(path)
        if not found.whole:
            print("note  Accepted: credits are counted on from what could be read.")
    _renew(database, settings)
    return ExitCode.DONE


def _renew(database: Database, settings: Settings) -> None:
    """Compute anew what older rules have computed, with progress."""
    unit, rules = settings.service_commission_unit, read_judging(settings).rules
    whole = database.run_now(lambda connection: renewal.outdated(connection, rules), writes=False)
    done = 0

    def some_more(connection: Connection) -> int:
        return renewal.recompute(connection, unit, rules, _RENEWED_AT_ONCE)

    while whole and (some := database.run_now(some_more)):
        done += some
        progress("computed anew", done, whole)


def _prune(database: Database, clock: Clock, days: int, yes: bool) -> int:
    today = data_day(clock())
    before = today - timedelta(days=min(days, (today - date.min).days))
    found = database.run_now(lambda connection: upkeep.old(connection, before), writes=False)
    print(
        f"Before {before}: {found.snapshots:,} snapshots, {found.searches:,} searches and {found.products:,} products "
        "whose last sight is older, watched ones included. The credit ledger and the watch list are kept."
    )
    whole = found.snapshots + found.searches + found.products
    if not whole:
        return ExitCode.DONE
    if not yes:
        print("Nothing was removed. --yes removes them.")
        return ExitCode.DONE
    done = 0
    while some := database.run_now(lambda connection: upkeep.prune(connection, before, _PRUNED_AT_ONCE)):
        done += some
        progress("removed", done, whole)
    print(f"Removed. `{installation.command('store', 'vacuum')}` gives the space back to the disk.")
    return ExitCode.DONE


def _vacuum(database: Database, path: Path) -> int:
    before = upkeep.size(path)
    database.vacuum()
    print(f"{path}: {before:,} bytes before, {upkeep.size(path):,} after")
    return ExitCode.DONE
