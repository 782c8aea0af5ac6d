"""Nothing on the way of a call is there on some systems only; where it is, something else is there for the others."""

from __future__ import annotations

import ast
from pathlib import Path

import keyapi_mcp

PACKAGE = Path(keyapi_mcp.__file__).parent
# Names that Python for Windows does not have (`os.set_blocking` only since 3.12).
MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
ATTRIBUTES = {
    "os": {"fork", "forkpty", "getuid", "geteuid", "getgid", "killpg", "setsid", "mkfifo", "fchmod", "chown", "nice"}
    | {"set_blocking", "register_at_fork", "sysconf", "uname", "wait", "waitid", "O_CLOEXEC", "O_NOFOLLOW"},
    "signal": {"SIGKILL", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGPIPE", "alarm", "setitimer", "pthread_kill"},
    "socket": {"AF_UNIX", "socketpair", "SO_REUSEPORT"},
}
# Each with what is done where it is missing.
KNOWN = {
    ("store/sql_worker.py", "resource"): "the import is tried; without it memory is limited by SQLite alone",
    ("transports/pipes.py", "os.set_blocking"): "asked only where `_is_pipe` says so, which it never does on Windows",
}


def uses(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} & MODULES
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in ATTRIBUTES.get(node.value.id, ()):
                found.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.keyword) and node.arg in ("preexec_fn", "start_new_session", "pass_fds"):
            found.add(node.arg)
    return found


def test_what_only_some_systems_have_is_known_and_has_a_substitute() -> None:
    found = {(path.relative_to(PACKAGE).as_posix(), use) for path in PACKAGE.rglob("*.py") for use in uses(path)}
    assert found == set(KNOWN)


def test_every_text_file_is_opened_with_its_encoding_named() -> None:
    """What Windows takes by default is another one."""
    bare = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                place = {"read_text": 0, "write_text": 1}.get(node.func.attr)
                named = any(keyword.arg == "encoding" for keyword in node.keywords)
                if place is not None and not named and len(node.args) <= place:
                    bare.append((path.name, node.lineno))
    assert bare == []
