"""`doctor`'s part on clients: for each entry that starts this program, what would keep the client from starting it."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final

from keyapi_mcp import __version__, installation
from keyapi_mcp.clients.entry import SANDBOX, TOKEN, TOKEN_FILE, Refused, read
from keyapi_mcp.clients.files import read_text
from keyapi_mcp.clients.places import CLIENTS, Client
from keyapi_mcp.commands.doctor_trial import program, tried
from keyapi_mcp.commands.fetching import fetcher
from keyapi_mcp.commands.finding import Finding
from keyapi_mcp.commands.install import own_command
from keyapi_mcp.commands.machine import Machine
from keyapi_mcp.commands.rights import readable_by_others
from keyapi_mcp.key_file import UnusableKey, looks_like_a_key, may_wait, read_key
from keyapi_mcp.settings import switch

_OFFLINE: Final = "KEYAPI_MCP_OFFLINE"
# What a program needs to run at all; neither keys nor anything that turns Python to other packages.
_BASE: Final = ("PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "APPDATA", "LOCALAPPDATA", "TEMP", "TMP", "TMPDIR", "LANG")


@dataclass(slots=True)
class Served:
    """ready: nothing is in the way of some entry; asks: such a one asks the service, with a key."""

    ready: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    """where: the client, the entry's name and its file, for a reader; again: how to have it written anew; what: the
    entry; foreign: it stands in a file of the working directory, which may be somebody else's."""

    where: str
    again: str
    what: dict[str, Any]
    foreign: bool

    @property
    def command(self) -> object:
        return self.what.get("command")

    @property
    def arguments(self) -> list[str]:
        given = self.what.get("args")
        return [str(one) for one in given] if isinstance(given, list) else []

    @property
    def env(self) -> dict[str, str]:
        given = self.what.get("env")
        return {name: str(value) for name, value in given.items()} if isinstance(given, dict) else {}

    @property
    def loose(self) -> list[str]:
        """The variables whose value is a number or the like."""
        given = self.what.get("env")
        return [name for name, value in given.items() if not isinstance(value, str)] if isinstance(given, dict) else []

    @property
    def secrets(self) -> list[str]:
        return [value.strip() for name, value in self.env.items() if "TOKEN" in name and name != TOKEN_FILE]


def findings(machine: Machine) -> Generator[Finding, None, Served]:
    """What there is to say of every client's files on this machine."""
    served, found = Served(), False
    for client in CLIENTS.values():
        for path, foreign in _files(client, machine):
            try:
                text = read_text(path)
                if text is None:
                    continue
                entries = list(_entries(read(text.removeprefix("\ufeff"), client).value, client, path, foreign))
            except Refused as refusal:
                yield Finding(False, f"{client.title}: {path}: {refusal}; so it starts no server of that file")
                continue
            for entry in entries:
                found = True
                for finding in _examined(entry, machine, served):
                    yield finding.without(entry.secrets)
    if not found:
        does = installation.command("install", "--client")
        looked = "the clients' own files and those of this folder were looked at"
        yield Finding(None, f"no client is told to start keyapi-mcp: {does} … does that ({looked})")
    return served


def _files(client: Client, machine: Machine) -> list[tuple[Path, bool]]:
    """The user's own, then that of the working directory, and whether it is foreign."""
    own = client.places(machine.system, machine.home, machine.environment)
    files = [(path, False) for path in own]
    if machine.folder is not None and client.in_folder:
        path = machine.folder / client.in_folder
        if path.resolve() not in [one.resolve() for one in own]:
            files.append((path, True))
    return files


def _entries(content: dict[str, Any], client: Client, path: Path, foreign: bool) -> Iterator[_Entry]:
    projects = content.get("projects")  # Claude Code's, where it was added for one folder
    holders = [(None, content), *(projects.items() if isinstance(projects, dict) else ())]
    for project, holder in holders:
        servers = holder.get(client.key) if isinstance(holder, dict) else None
        for name, what in servers.items() if isinstance(servers, dict) else ():
            if not isinstance(what, dict) or not _is_ours(what):
                continue
            if project is None:
                where = f'{client.title}: "{name}" in {path}'
                options = ["--client", client.name]
                options += ["--name", name] if name != "keyapi" else []
                options += ["--config", str(path)] if foreign else []
                again = f"{installation.command('install', *options)} writes it anew"
            else:
                where = f'{client.title}: "{name}" of {project} in {path}'
                again = f'mend it by hand, in that file under "projects", {json.dumps(project, ensure_ascii=False)}'
            yield _Entry(where, again, what, foreign)


def _is_ours(what: dict[str, Any]) -> bool:
    arguments = what.get("args")
    words = [what.get("command"), *(arguments if isinstance(arguments, list) else [arguments])]
    return any(
        # The folder of that name is what another server may be given to work on.
        ("keyapi-mcp" in word or "keyapi_mcp" in word) and not Path(word).is_dir()
        for word in words
        if isinstance(word, str)
    )


def _examined(entry: _Entry, machine: Machine, served: Served) -> Iterator[Finding]:
    trouble = _written(entry)
    if trouble is None:
        trouble = yield from _start(entry, machine)
    if trouble is not None:
        yield Finding(False, f"{entry.where}: {trouble}")
    for name in entry.loose:
        yield Finding(None, f"{entry.where}: {name} in its env is no text in quotes, which not every client takes")
    source = yield from _source(entry, machine)
    if trouble is None and source is not None:
        served.ready = True
        served.asks |= source == "service"


def _written(entry: _Entry) -> str | None:
    """What is wrong with it as it is written."""
    command, arguments, env = entry.command, entry.what.get("args", []), entry.what.get("env", {})
    if not isinstance(command, str) or not command:
        return f"it has no command; {entry.again}"
    if not isinstance(arguments, list) or not all(isinstance(one, str) for one in arguments):
        return f'its "args" has to be a list of texts, such as ["--sandbox"]; {entry.again}'
    if not isinstance(env, dict):
        return f'its "env" has to be an object, such as {{"{TOKEN_FILE}": "…"}}; {entry.again}'
    if by := fetcher([command, *arguments]):
        return (
            f"{by} fetches keyapi-mcp by its name, and the package of that name, if there is one, is somebody else's: "
            f"it would be given the key; {entry.again}"
        )
    if "${" in command:
        return None
    if not Path(command).is_absolute():
        return (
            f"its command {command!r} is not absolute, and a client does not look where your shell does; {entry.again}"
        )
    if not Path(command).is_file():
        return f"its command {command} is not there (moved or removed?); {entry.again}"
    return None


def _start(entry: _Entry, machine: Machine) -> Generator[Finding, None, str | None]:
    """Try the command. Returns what is wrong with it, in words."""
    assert isinstance(entry.command, str)
    if "${" in entry.command:
        yield Finding(None, f"{entry.where}: the client fills in its command, so it was not tried")
        return None
    words = program(entry.command, entry.arguments)
    if words is None:
        yield Finding(None, f"{entry.where}: started through {PurePath(entry.command).name}, which was not tried")
        return None
    if entry.foreign and not _is_this(words, entry, machine):
        yield Finding(
            None, f"{entry.where}: not tried: this folder's file starts another program than this one, or sets it up"
        )
        return None
    base = {name: machine.environment[name] for name in _BASE if name in machine.environment}
    # What the client fills in is not known here.
    own = {name: value for name, value in entry.env.items() if "${" not in value}
    trial = tried(words, entry.arguments[len(words) - 1 :], base, own)
    if trial.trouble is not None:
        return trial.trouble
    yield Finding(True, f"{entry.where}: starts (version {trial.version})")
    if trial.version != __version__:
        yield Finding(None, f"{entry.where}: that is version {trial.version}, this one is {__version__}")
    return None


def _is_this(words: list[str], entry: _Entry, machine: Machine) -> bool:
    """Whether it starts the program that is running, with nothing in its environment but this program's settings."""
    return tuple(words) == own_command(machine) and all(name.startswith("KEYAPI_") for name in entry.env)


def _source(entry: _Entry, machine: Machine) -> Generator[Finding, None, str | None]:
    """Where its answers come from: "service", with a key; "here"; `None` where a key is missing."""
    env = entry.env
    if "--sandbox" in entry.arguments or _is_on(env.get(SANDBOX)):
        yield Finding(None, f"{entry.where}: sandbox; its answers are synthetic")
        return "here"
    if _is_on(env.get(_OFFLINE)):
        yield Finding(None, f"{entry.where}: {_OFFLINE} is on; it answers from the store only")
        return "here"
    token, file = env.get(TOKEN, "").strip(), env.get(TOKEN_FILE, "").strip()
    if token in ("sk_live_your_key", "sk_live_…"):
        yield Finding(False, f"{entry.where}: its {TOKEN} is still the example's, not a key")
        return None
    if token:
        return "service"
    if file:
        return (yield from _key_file(entry.where, file))
    if machine.environment.get(TOKEN) or machine.environment.get(TOKEN_FILE):
        yield Finding(
            None, f"{entry.where}: it has no key; where the client does not pass on your shell's variables, none is set"
        )
    else:
        yield Finding(
            False, f"{entry.where}: it has no key: put {TOKEN} or {TOKEN_FILE} into its env, or --sandbox into its args"
        )
    return None


def _is_on(text: str | None) -> bool:
    try:
        return text is not None and switch(text) is True
    except ValueError:  # the program has said so itself
        return False


def _key_file(where: str, file: str) -> Generator[Finding, None, str | None]:
    path = Path(file)
    if "${" in file:
        return "service"
    if not path.is_absolute():  # not shown: it may be the key itself
        yield Finding(False, f"{where}: its {TOKEN_FILE} is not absolute; a client starts it in any folder")
        return None
    if may_wait(path):
        yield Finding(None, f"{where}: the file that {TOKEN_FILE} names is a pipe or device, which was not read")
        return "service"
    try:
        key = read_key(path)
    except UnusableKey as fault:
        yield Finding(False, f"{where}: the file that {TOKEN_FILE} names {fault}")
        return None
    if not looks_like_a_key(key):
        yield Finding(None, f"{where}: what the file that {TOKEN_FILE} names holds does not look like sk_live_…")
    if readable_by_others(path):
        yield Finding(None, f"{where}: others on this machine can read {file}: chmod 600 {file}")
    return "service"
