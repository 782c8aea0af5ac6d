"""The log at its most talkative: no listing is in it, and what a client sends makes no line and no escape in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from keyapi_mcp.sandbox.attacks import ATTACKS
from support.connections import KEY, environment_for
from support.raw_stdio import INITIALIZED, initialize, raw_server
from support.sandbox_server import RunningSandbox

RECORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (?:DEBUG|INFO|WARNING|ERROR) [\w.]+: ")
# Words that are in attacks and in nothing that the server says itself.
FROM_LISTINGS = ("evil.example", "Lip oil", "previous instructions", "counterfeit", "WWWWWWWW", "desrever")


def test_every_line_is_a_record_and_holds_nothing_of_a_listing(hostile_sandbox: RunningSandbox, tmp_path: Path) -> None:
    environment = environment_for(hostile_sandbox.url) | {"KEYAPI_MCP_HOME": str(tmp_path)}
    with raw_server(**environment) as server:
        server.ask(initialize())
        server.write(INITIALIZED)
        for page in range(1, 6):
            found = server.ask(tool("search_products", {"region": "US", "page_num": page}))["result"]
            assert len(found["structuredContent"]["rows"]) == 10
        product_id = found["structuredContent"]["rows"][0][0]
        for message in (
            tool("scan_products", {"region": "US", "pages": 2}),
            tool("get_product", {"product_id": product_id}),
            tool("query_products", {"sql": "SELECT name, discount FROM products"}),
            {"method": "resources/read", "params": {"uri": f"keyapi://product/US/{product_id}"}},
        ):
            assert "result" in server.ask({"jsonrpc": "2.0", "id": 1} | message)
        server.ask(tool("no_listings_from_here", {}))
        for attack in ATTACKS:
            # Half a pair of surrogates is no JSON text that a client could send.
            text = attack.text.encode("utf-8", "ignore").decode()[:3_000]
            for message in (
                tool(text, {"region": "US"}),
                tool("search_products", {"region": text, text: text}),
                tool("query_products", {"sql": text}),
                {"method": "resources/read", "params": {"uri": text}},
            ):
                server.ask({"jsonrpc": "2.0", "id": 1} | message)
        server.hang_up()
        server.wait()
        log = server.errors()
    lines = log.removesuffix("\n").split("\n")
    assert len(lines) > len(ATTACKS)
    for line in lines:
        assert RECORD.match(line), line
        assert line.isprintable(), line
    of_listings, _, of_the_client = log.partition("no_listings_from_here")
    assert [word for word in FROM_LISTINGS if word in of_listings] == []
    assert "counterfeit" in of_the_client
    assert KEY not in log


def tool(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    params = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
