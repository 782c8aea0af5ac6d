"""`doctor`'s part on clients: for each entry that starts this program, what would keep the client from starting it.

The entry's own command is run, as the client would run it, but only to say its version and to look at the store: that
reads its settings, its key file and its store, and asks the service nothing.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final

from keyapi_mcp import __version__
from keyapi_mcp.clients.entry import SANDBOX, TOKEN, TOKEN_FILE, Refused, read
from keyapi_mcp.clients.files import read_text
from keyapi_mcp.clients.places import CLIENTS, Client
from keyapi_mcp.commands.finding import Finding
from keyapi_mcp.commands.machine import Machine
from keyapi_mcp.commands.rights import readable_by_others

OLDEST_PYTHON: Final = (3, 11)
_SECONDS: Final = 20.0
# What a program needs to run at all; neither keys nor anything that turns Python to other packages.
_BASE: Final = ("PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "APPDATA", "LOCALAPPDATA", "TEMP", "TMP", "TMPDIR", "LANG")
_PYTHON: Final = re.compile(r"(python|pypy)[\d.]*w?(\.exe)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Entry:
    """where: the client and the entry's name, for a reader; what: the entry."""

    client: Client
    where: str
    what: dict[str, Any]

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


def findings(machine: Machine) -> Iterator[Finding]:
    """What there is to say of every client's files on this machine."""
    found = False
    for client in CLIENTS.values():
        for path in client.places(machine.system, machine.home, machine.environment):
            try:
                text = read_text(path)
                if text is None:
                    continue
                servers = _servers(read(text.removeprefix("\ufeff"), client).value, client)
            except Refused as refusal:
                yield Finding(False, f"{client.title}: {path}: {refusal}; so it starts no server of that file")
                continue
            for name, what in servers:
                if _is_ours(what):
                    found = True
                    yield from _examined(_Entry(client, f'{client.title}: "{name}" in {path}', what), machine)
    if not found:
        yield Finding(None, "no client is told to start keyapi-mcp: keyapi-mcp install --client … does that")


def _servers(content: dict[str, Any], client: Client) -> Iterator[tuple[str, dict[str, Any]]]:
    projects = content.get("projects")  # Claude Code's, where it was added for one folder
    holders = [content, *(projects.values() if isinstance(projects, dict) else ())]
    for holder in holders:
        servers = holder.get(client.key) if isinstance(holder, dict) else None
        for name, what in servers.items() if isinstance(servers, dict) else ():
            if isinstance(what, dict):
                yield name, what


def _is_ours(what: dict[str, Any]) -> bool:
    arguments = what.get("args")
    words = [what.get("command"), *(arguments if isinstance(arguments, list) else ())]
    return any("keyapi-mcp" in word or "keyapi_mcp" in word for word in words if isinstance(word, str))


def _examined(entry: _Entry, machine: Machine) -> Iterator[Finding]:
    trouble = _command(entry)
    if trouble is None:
        trouble = yield from _start(entry, machine)
    if trouble is not None:
        yield Finding(False, f"{entry.where}: {trouble}")
    yield from _key(entry, machine)


def _command(entry: _Entry) -> str | None:
    """What is wrong with the command as it is written."""
    again = f"keyapi-mcp install --client {entry.client.name} writes it anew"
    if not isinstance(entry.command, str) or not entry.command:
        return f"it has no command; {again}"
    if not Path(entry.command).is_absolute():
        return (
            f"its command {entry.command!r} is not absolute, and a client does not look where your shell does; {again}"
        )
    if not Path(entry.command).is_file():
        return f"its command {entry.command} is not there (moved or removed?); {again}"
    return None


def _start(entry: _Entry, machine: Machine) -> Generator[Finding, None, str | None]:
    """Try the command. Returns what is wrong with it, in words."""
    assert isinstance(entry.command, str)
    program = _program(entry)
    if program is None:
        yield Finding(None, f"{entry.where}: started through {PurePath(entry.command).name}, which was not tried")
        return None
    base = {name: machine.environment[name] for name in _BASE if name in machine.environment}
    code, out, err = _output([*program, "--version"], base)
    if code != 0:
        return _why_not(program, err, base)
    version = out.strip().removeprefix("keyapi-mcp ")
    # What the client fills in is not known here.
    own = {name: value for name, value in entry.env.items() if "${" not in value}
    given = entry.arguments[len(program) - 1 :]
    code, _, err = _output([*program, *given, "store", "info"], base | own)
    if code != 0:
        return f"it ends at once: {_last_words(err)}"
    yield Finding(True, f"{entry.where}: starts (version {version})")
    if version != __version__:
        yield Finding(None, f"{entry.where}: that is version {version}, this one is {__version__}")
    return None


def _program(entry: _Entry) -> list[str] | None:
    """The words that make it this program, without its options; `None` where something else starts it."""
    assert isinstance(entry.command, str)
    name = PurePath(entry.command).name
    if name.lower().removesuffix(".exe") == "keyapi-mcp":
        return [entry.command]
    if _PYTHON.fullmatch(name) and entry.arguments[:2] == ["-m", "keyapi_mcp"]:
        return [entry.command, "-m", "keyapi_mcp"]
    return None


def _output(command: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    try:
        done = subprocess.run(  # noqa: S603 the client would run it, too
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, "", f"it does not answer within {_SECONDS:.0f} s"
    except OSError as error:
        return 1, "", f"it cannot be run: {error.strerror}"
    return done.returncode, done.stdout, done.stderr


def _why_not(program: list[str], err: str, base: Mapping[str, str]) -> str:
    """Why not even its version came."""
    python = program[0] if len(program) > 1 else _interpreter(Path(program[0]))
    if python is None:
        return f"it does not start: {_last_words(err)}"
    if not Path(python).is_file():
        return f"its Python, {python}, is not there any more: install keyapi-mcp anew"
    code, out, _ = _output([python, "-c", "import sys; print(*sys.version_info[:2])"], base)
    if code == 0 and (version := tuple(map(int, out.split()))) < OLDEST_PYTHON:
        needed, there = (".".join(map(str, one)) for one in (OLDEST_PYTHON, version))
        return f"its Python, {python}, is {there}; keyapi-mcp needs {needed} or newer"
    if "No module named" in err:
        return f"its Python, {python}, has no keyapi-mcp installed: {_last_words(err)}"
    return f"it does not start: {_last_words(err)}"


def _interpreter(script: Path) -> str | None:
    """The one that a script names in its first line; a program of Windows hides it."""
    try:
        with script.open("rb") as opened:
            first = opened.readline(1_000)
    except OSError:
        return None
    return first[2:].decode("utf-8", "replace").strip() if first.startswith(b"#!/") else None


def _last_words(err: str) -> str:
    """What a program said last, without the prefix that ours has."""
    lines = [line for line in err.strip().splitlines() if line and not line.startswith(("Credits:", "Next:"))]
    return lines[-1].removeprefix("keyapi-mcp: ") if lines else "it says nothing"


def _key(entry: _Entry, machine: Machine) -> Iterator[Finding]:
    env = entry.env
    if "--sandbox" in entry.arguments or env.get(SANDBOX, "").strip().lower() in ("1", "true", "on", "yes"):
        yield Finding(None, f"{entry.where}: sandbox; its answers are synthetic")
        return
    token, file = env.get(TOKEN, "").strip(), env.get(TOKEN_FILE, "").strip()
    if token in ("sk_live_your_key", "sk_live_…"):
        yield Finding(False, f"{entry.where}: its {TOKEN} is still the example's, not a key")
    elif token:
        return
    elif file:
        yield from _key_file(entry.where, file)
    elif machine.environment.get(TOKEN) or machine.environment.get(TOKEN_FILE):
        yield Finding(
            None, f"{entry.where}: it has no key; where the client does not pass on your shell's variables, none is set"
        )
    else:
        yield Finding(
            False, f"{entry.where}: it has no key: put {TOKEN} or {TOKEN_FILE} into its env, or --sandbox into its args"
        )


def _key_file(where: str, file: str) -> Iterator[Finding]:
    """What else there is to say of it; that it cannot be read, the program has said itself."""
    path = Path(file)
    if "${" in file:
        return
    if not path.is_absolute():
        yield Finding(False, f"{where}: its {TOKEN_FILE} {file!r} is not absolute; a client starts it in any folder")
    elif readable_by_others(path):
        yield Finding(None, f"{where}: others on this machine can read {file}: chmod 600 {file}")
