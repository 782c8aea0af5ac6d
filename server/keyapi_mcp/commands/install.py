"""`install`: tell a client how to start this very program, by changing one entry of the client's own file."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from keyapi_mcp import installation
from keyapi_mcp.clients.entry import TOKEN, TOKEN_FILE, Edit, Refused, Wish, edited
from keyapi_mcp.clients.files import read_text, write_text
from keyapi_mcp.clients.places import Client
from keyapi_mcp.commands.machine import Machine
from keyapi_mcp.commands.rights import readable_by_others
from keyapi_mcp.key_file import UnusableKey, looks_like_a_key, may_wait, read_key
from keyapi_mcp.printed import masked


def own_command(machine: Machine) -> tuple[str, ...]:
    """How to start this installation from anywhere."""
    return installation.words(machine.executable, machine.system)


def run(
    machine: Machine,
    client: Client,
    *,
    name: str,
    sandbox: bool,
    key_file: Path | None,
    config: Path | None,
    dry_run: bool,
    now: datetime,
) -> int:
    """Change the file, or only say how. Exit code 1 when it cannot be changed; then nothing is."""
    wish = Wish(own_command(machine), sandbox, key_file.expanduser().absolute() if key_file else None)
    paths = [config.absolute()] if config else client.places(machine.system, machine.home, machine.environment)
    edits: list[tuple[Path, Edit]] = []
    for path in paths:
        try:
            edits.append((path, edited(read_text(path), client, name, wish)))
        except Refused as refusal:
            return _refused(path, refusal, client, name, wish)
    for path, edit in edits:
        print(f"{client.title}: {path}")
        if not path.parent.exists():
            print(f"  This folder is not there yet; is {client.title} installed?")
        print(f"  {_what_happens(edit, name)}")
        print(_indented(_shown(name, edit.entry)))
        if edit.before == edit.after or dry_run:
            continue
        try:
            backup = write_text(path, edit.before, edit.after, now)
        except Refused as refusal:
            return _refused(path, refusal, client, name, wish)
        print("  Written." + (f" What was there before: {backup}" if backup else ""))
        if backup and edit.held:
            print("  The copy still holds the key; delete it when you no longer need it.")
    if dry_run:
        print("Nothing was written (--dry-run).")
    for line in _advice(client, edits[0][1].entry, wish, machine):
        print(line)
    return 0


def _what_happens(edit: Edit, name: str) -> str:
    if edit.before == edit.after:
        return f'The entry "{name}" is there already, as it should be. Nothing changes.'
    if edit.before is None:
        return f'A new file, with the entry "{name}":'
    if not edit.replaced:
        return f'One more entry, "{name}"; everything else stays as it is:'
    dropped = f" Its {TOKEN} gives way to {TOKEN_FILE}." if edit.dropped else ""
    return f'The entry "{name}" is replaced; everything else stays as it is.{dropped} It is now:'


def _advice(client: Client, entry: dict[str, Any], wish: Wish, machine: Machine) -> list[str]:
    """What is left to do for a person."""
    env = entry.get("env", {})
    lines = []
    if wish.sandbox:
        lines.append("Answers will be synthetic and say so. Install again without --sandbox for real ones.")
    elif wish.key_file is not None:
        lines += _of_key_file(wish.key_file)
    elif str(env.get(TOKEN, "")).startswith("${input:"):
        lines.append(f"{client.title} will ask for the KeyAPI key and keep it; the file does not hold it.")
    elif TOKEN not in env and TOKEN_FILE not in env:
        if machine.environment.get(TOKEN):
            lines.append(f"{TOKEN} is set here, but was not copied: the file would hold the key in plain text.")
        lines.append(
            "The entry has no key, so only questions about kept answers are answered. Put the key into a file that "
            "you alone can read, and install again with --key-file /absolute/path/to/your.key; "
            f'or write "env": {{"{TOKEN}": "sk_live_…"}} into the entry yourself.'
        )
    lines.append(f"Then restart {client.title}. If it does not start the server: {installation.command('doctor')}")
    return lines


def _of_key_file(path: Path) -> list[str]:
    """What is wrong with it now: a client would show nothing of that."""
    if may_wait(path):
        return [f"The key file {path} is a pipe or device, which was not read."]
    lines = []
    try:
        if not looks_like_a_key(read_key(path)):
            lines.append(f"What the key file {path} holds does not look like a key, sk_live_… (not shown here).")
    except UnusableKey as fault:
        lines.append(f"The key file {path} {fault}. Until the key is in it, the server only answers from the store.")
    if path.is_file() and readable_by_others(path):
        lines.append(f"Others on this machine can read {path}: chmod 600 {path}")
    return lines


def _refused(path: Path, refusal: Refused, client: Client, name: str, wish: Wish) -> int:
    entry = edited(None, client, name, wish).entry
    print(
        f"keyapi-mcp: {path} was left as it is: {refusal}.\n"
        f'Next: mend it and try again, or put this under "{client.key}" yourself:\n{_shown(name, entry)}',
        file=sys.stderr,
    )
    return 1


def _shown(name: str, entry: dict[str, Any]) -> str:
    """The entry for a person's eyes; what may be a secret is not among it."""
    env = {
        variable: value if variable == TOKEN_FILE or str(value).startswith("${") else "(set, not shown here)"
        for variable, value in entry.get("env", {}).items()
    }
    shown = entry | ({"env": env} if "env" in entry else {})
    return masked(
        json.dumps({name: shown}, indent=2, ensure_ascii=False)[2:-2].replace("\n  ", "\n").removeprefix("  ")
    )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
