"""The layout's directions hold: what may import what."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import keyapi_mcp

PACKAGE = Path(keyapi_mcp.__file__).parent

_BASE = {"errors", "clock", "credits", "installation", "printed", ""}
_REFERENCE = _BASE | {"reference"}
_ROWS = _REFERENCE | {"product", "query", "arguments"}
# Each part, and the parts that it may import. `""` is the package itself (the version).
ALLOWED = {
    "installation": set(),
    "errors": {"installation", ""},
    "clock": set(),
    "credits": {"errors"},
    "flat_schema": set(),
    "key_file": set(),
    "printed": set(),
    "logs": {"printed"},
    "reference": _BASE,
    "settings": _REFERENCE | {"key_file"},
    "query": _REFERENCE | {"flat_schema"},
    "arguments": _REFERENCE | {"query"},
    "product": _REFERENCE,
    "research": _ROWS,
    "api": _ROWS | {"settings"},
    "home": _BASE | {"settings"},
    "judging": _BASE | {"settings", "home", "research"},
    "fields": _REFERENCE | {"product"},
    "store": _ROWS | {"fields", "research", "settings", "home"},
    "recipes": _ROWS | {"fields", "research", "settings", "home"},
    "asking": _ROWS | {"api"},
    "results": _ROWS | {"research", "settings", "judging", "recipes"},
    "tools": _ROWS | {"flat_schema", "research", "settings", "judging", "recipes", "api", "store", "asking", "results"},
    "transports": _BASE | {"settings", "logs"},
    "resources": _REFERENCE | {"store", "results"},
    "completion": _REFERENCE | {"store"},
    "prompts": _REFERENCE | {"results"},
    "app": _ROWS
    | {
        "settings",
        "judging",
        "recipes",
        "api",
        "store",
        "asking",
        "results",
        "tools",
        "resources",
        "prompts",
        "completion",
    },
    "clients": set(),
    "commands": _ROWS
    | {
        "clients",
        "key_file",
        "settings",
        "judging",
        "recipes",
        "research",
        "store",
        "tools",
        "results",
        "app",
        "logs",
    },
    "cli": _ROWS | {"settings", "app", "clients", "transports", "commands", "logs", "sandbox"},
    "sandbox": set(),
    "__main__": {"cli"},
}


def imports_of(path: Path) -> set[str]:
    """The parts of the package that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
            if node.module == "keyapi_mcp":
                names = [
                    f"keyapi_mcp.{alias.name}" if alias.name != "__version__" else "keyapi_mcp" for alias in node.names
                ]
        for name in names:
            top, _, rest = name.partition(".")
            if top == "keyapi_mcp":
                found.add(rest.partition(".")[0])
    return found


def files() -> list[tuple[str, Path]]:
    return [
        (path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != PACKAGE / "__init__.py"
    ]


@pytest.mark.parametrize(("part", "path"), files(), ids=lambda value: value.stem if isinstance(value, Path) else value)
def test_a_file_imports_only_what_its_part_may(part: str, path: Path) -> None:
    assert part in ALLOWED, f"{part} is new: say here what it may import"
    assert imports_of(path) <= ALLOWED[part] | {part}


def test_no_file_outgrows_its_subject() -> None:
    long = {path.name: lines for _, path in files() if (lines := len(path.read_text("utf-8").splitlines())) > 400}
    assert long == {}
