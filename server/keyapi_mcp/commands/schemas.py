"""`tools` and `schemas`: what a model sees of this server, written down and counted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
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


def run(wanted: Mapping[Path, str], directory: Path, *, check: bool) -> int:
    """Write the generated files, or compare them; with `check` the exit code is 1 if any differs.

    Schema files in `directory` that nothing emits any more are removed, too (or named).
    """
    left = set(directory.glob("*.json")) - wanted.keys()
    stale = sorted(path for path, content in wanted.items() if not path.exists() or path.read_text("utf-8") != content)
    if check:
        for path in [*stale, *sorted(left)]:
            print(f"{path} is not what the server emits", file=sys.stderr)
        if stale or left:
            print("Rewrite with: make schemas (and say in CHANGELOG.md what changed for clients)", file=sys.stderr)
        return 1 if stale or left else 0
    directory.mkdir(exist_ok=True)
    for path in left:
        path.unlink()
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    return 0


def print_tools() -> int:
    """Print each tool's name, size, description and parameters."""
    count = token_counter()
    texts = []
    for definition in definitions():
        text = seen_by_model(definition)
        texts.append(text)
        size = f"{count(text):,} tokens (o200k_base)" if count else f"{len(text.encode()):,} bytes"
        print(f"{definition['name']} — {definition['title']} — {size} as the model sees it")
        print(f"  {definition['description']}")
        for name, schema in definition["inputSchema"]["properties"].items():
            required = " (required)" if name in definition["inputSchema"].get("required", ()) else ""
            print(f"  {name}: {schema['type']}{required} — {schema['description']}")
    if count:
        print(f"all tools: {sum(map(count, texts)):,} tokens as the model sees them")
    return 0


def _pretty(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
