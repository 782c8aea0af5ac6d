"""Only requests to the base URL leave a server, as an audit hook inside of its process sees a whole conversation."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from keyapi_mcp.store import sql_worker
from support.connections import environment_for
from support.raw_stdio import INITIALIZED, RawServer, initialize, raw_server
from support.sandbox_server import RunningSandbox, running_sandbox

# Python runs a module of this name before anything else.
HOOK = """\
import json, os, sys

def told(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname",
                 "socket.bind", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "webbrowser.open"):
        line = json.dumps([event, [str(one) for one in arguments[1:] if event.startswith("socket.")] or str(arguments)])
        os.write(record, line.encode() + b"\\n")

record = os.open(os.environ["AUDIT_RECORD"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
sys.addaudithook(told)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HOOK)
    return {
        "PYTHONPATH": str(tmp_path / "hook"),
        "AUDIT_RECORD": str(tmp_path / "record"),
        "KEYAPI_MCP_HOME": str(tmp_path / "home"),
    }


def ask(server: RawServer, method: str, **params: Any) -> dict[str, Any]:
    answer = server.ask({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    assert "result" in answer, answer
    result = answer["result"]
    assert isinstance(result, dict)
    assert not result.get("isError"), result
    return result


def recorded(environment: dict[str, str]) -> list[list[Any]]:
    return [json.loads(line) for line in Path(environment["AUDIT_RECORD"]).read_text().splitlines()]


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(products=200) as running:
        yield running


@pytest.mark.skipif(sys.platform == "win32", reason="an event loop connects to itself there")
def test_a_server_connects_to_the_base_url_and_to_nothing_else(
    environment: dict[str, str], sandbox: RunningSandbox
) -> None:
    with raw_server(**environment_for(sandbox.url) | environment) as server:
        server.ask(initialize())
        server.write(INITIALIZED)
        ask(server, "tools/list")
        assert [one for one in recorded(environment) if one[0].startswith("socket.")] == [], "before a question"
        found = ask(server, "tools/call", name="search_products", arguments={"region": "US"})
        ids = [row[0] for row in found["structuredContent"]["rows"]]
        for name, arguments in (
            ("scan_products", {"region": "US", "pages": 2}),
            ("get_product", {"product_id": ids[0]}),
            ("compare_products", {"product_ids": ids[:3]}),
            ("find_categories", {"text": "lip oil"}),
            ("query_products", {"sql": "SELECT name FROM products"}),
            ("run_recipe", {}),
            ("watch_products", {"action": "add", "product_ids": ids[:1]}),
            ("get_changes", {"scope": "watch"}),
            ("get_usage", {}),
        ):
            ask(server, "tools/call", name=name, arguments=arguments)
        ask(server, "resources/read", uri=f"keyapi://product/US/{ids[0]}")
        ask(server, "prompts/get", name="morning_brief", arguments={})
        server.hang_up()
        assert server.wait() == 0
    address = urlsplit(sandbox.url)
    events = recorded(environment)
    connected = [arguments for event, arguments in events if event == "socket.connect"]
    assert connected
    assert {arguments[-1] for arguments in connected} == {str((address.hostname, address.port))}
    rest = [one for one in events if one[0] != "socket.connect"]
    assert [one for one in rest if one[0] not in ("socket.getaddrinfo", "subprocess.Popen", "os.posix_spawn")] == []
    for event, arguments in rest:
        # Names that are looked up are the base URL's; the one process that is started answers SQL.
        assert str(address.hostname if event == "socket.getaddrinfo" else sql_worker.__file__) in str(arguments)
    assert sum(event == "subprocess.Popen" for event, _ in rest) == 1
    assert {one["path"] for one in sandbox.requests} == {"/v1/tiktok/product/list/analytics"}
    assert len(sandbox.requests) == 2


def test_the_process_that_answers_sql_has_nothing_to_connect_with() -> None:
    tree = ast.parse(Path(sql_worker.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"__future__", "contextlib", "json", "re", "resource", "sqlite3", "sys", "time", "typing"}
