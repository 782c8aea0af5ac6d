"""`tools` and `schemas`: what a model sees of this server, written down and counted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keyapi_mcp.settings import Settings
from keyapi_mcp.tools import TOOLS


def definitions() -> list[dict[str, Any]]:
    """Every tool as the protocol lists it, under default settings whatever the environment says."""
    settings = Settings.model_construct(integer_enums=True)
    return [tool.definition(settings) for tool in TOOLS]


def seen_by_model(definition: dict[str, Any]) -> str:
    """The part of a definition that clients put before the model, as compact JSON."""
    seen = {name: definition[name] for name in ("name", "description", "inputSchema")}
    return json.dumps(seen, ensure_ascii=False, separators=(",", ":"))


def token_counter() -> Callable[[str], int] | None:
    """Counts o200k_base tokens, where the development requirements are installed."""
    try:
        import bpe_openai
    except ImportError:
        return None
    encoding = bpe_openai.get_encoding("o200k_base")
    return lambda text: len(encoding.encode(text))


def files() -> dict[str, str]:
    """File name → content of `tool_schemas/`."""
    count = token_counter()
    if count is None:
        raise SystemExit("keyapi-mcp schemas counts tokens, which needs the development requirements: make schemas")
    contents = {}
    index = []
    for definition in definitions():
        name = definition["name"]
        contents[f"{name}.json"] = _pretty(definition)
        index.append({"name": name, "file": f"{name}.json", "tokens_seen_by_model": count(seen_by_model(definition))})
    total = sum(entry["tokens_seen_by_model"] for entry in index)
    contents["index.json"] = _pretty({"tokenizer": "o200k_base", "tokens_seen_by_model": total, "tools": index})
    return contents


def run(directory: Path, *, check: bool) -> int:
    """Write the files, or compare them; with `check` the exit code is 1 if any differs."""
    wanted = files()
    present = {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.json")}
    if check:
        wrong = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
        for name in wrong:
            print(f"{directory / name} is not what the server emits", file=sys.stderr)
        if wrong:
            print("Rewrite with: make schemas (and say in CHANGELOG.md what changed for clients)", file=sys.stderr)
        return 1 if wrong else 0
    directory.mkdir(exist_ok=True)
    for name in present.keys() - wanted.keys():
        (directory / name).unlink()
    for name, content in wanted.items():
        (directory / name).write_text(content, encoding="utf-8")
    return 0


def print_tools() -> int:
    """Print each tool's name, size, description and parameters."""
    count = token_counter()
    for definition in definitions():
        text = seen_by_model(definition)
        size = f"{count(text):,} tokens (o200k_base)" if count else f"{len(text.encode()):,} bytes"
        print(f"{definition['name']} — {definition['title']} — {size} as the model sees it")
        print(f"  {definition['description']}")
        for name, schema in definition["inputSchema"]["properties"].items():
            required = " (required)" if name in definition["inputSchema"]["required"] else ""
            print(f"  {name}: {schema['type']}{required} — {schema['description']}")
    return 0


def _pretty(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
