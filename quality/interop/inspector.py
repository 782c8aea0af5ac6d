"""MCP Inspector from the command line: its `--cli` for every method that has one, its `mcpdo` for completions."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from quality.interop import processes
from quality.interop.environments import modules, node, version_of
from quality.interop.foreign import LEGACY, MODERN
from quality.interop.judge import Check, Row

_PACKAGE: Final = "@modelcontextprotocol/inspector"
_SECONDS: Final = 60
_REFUSED: Final = 5  # the exit code for a tool's error
_ERAS: Final = {LEGACY: "legacy", MODERN: "modern"}
_FAILED: Final = (AssertionError, KeyError, ValueError, StopIteration)
_TEMPLATE: Final = "keyapi://product/{region}/{product_id}"


@dataclass(frozen=True, slots=True)
class Inspector:
    """Runs one method a call. target: what to connect to; env: the programs' own, not the server's; products: ids."""

    target: tuple[str, ...]
    era: str
    env: Mapping[str, str]
    products: tuple[str, ...] = ()

    @property
    def product(self) -> str:
        return self.products[0]

    def cli(self, method: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = str(modules() / _PACKAGE / "clients" / "launcher" / "build" / "index.js")
        options = ["--protocol-era", _ERAS[self.era], "--format", "json", "--method", method]
        return self._run([node(), program, "--cli", *self.target, *options, *arguments])

    def result(self, method: str, *arguments: str, code: int = 0) -> dict[str, Any]:
        """What the method gave. Raises AssertionError where the exit code is another one."""
        done = self.cli(method, *arguments)
        assert done.returncode == code, f"exit code {done.returncode}: {_last(done)}"
        result: dict[str, Any] = json.loads(done.stdout)["result"]
        return result

    def tool(self, name: str, *arguments: str, code: int = 0) -> str:
        result = self.result("tools/call", "--tool-name", name, *arguments, code=code)
        return "\n".join(block["text"] for block in result["content"])

    def mcpdo(self, *arguments: str) -> dict[str, Any]:
        program = str(modules() / _PACKAGE / "clients" / "mcpdo" / "build" / "mcp-bin.js")
        done = self._run([node(), program, "--format", "json", *arguments])
        assert done.returncode == 0, f"exit code {done.returncode}: {_last(done)}"
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return processes.run(command, seconds=_SECONDS, **self.env)


def _last(done: subprocess.CompletedProcess[str]) -> str:
    told = (done.stderr or done.stdout).strip().splitlines()
    return told[-1] if told else "it said nothing"


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        own = {"HOME": folder, "MCP_INSPECTOR_SECRET_STORE": "memory", "MCP_INSPECTOR_DAEMON_TOKEN": "interop"}
        env = {"KEYAPI_MCP_HOME": str(home / "store")}
        with processes.server(env, processes.KEYAPI_MCP, "--sandbox", "serve", "--port", "0") as served:
            prompts = processes.offers_prompts(served.url)
            targets = {
                "stdio": (processes.KEYAPI_MCP, "--sandbox", "-e", f"KEYAPI_MCP_HOME={home / 'store'}"),
                "streamable HTTP": ("--server-url", f"{served.url}/mcp", "--transport", "http"),
            }
            for transport, target in targets.items():
                for era in _ERAS:
                    daemon = home / f"{transport[:5]}-{era}"
                    inspector = Inspector(target, era, own | {"MCP_INSPECTOR_DAEMON_DIR": str(daemon)})
                    checks = _all(inspector, prompts=prompts)
                    note = "" if prompts else "prompts not offered"
                    yield Row(f"MCP Inspector {version_of(_PACKAGE)}", transport, era, checks, note)


def _all(inspector: Inspector, *, prompts: bool) -> tuple[Check, ...]:
    checks: dict[str, Callable[[Inspector], None]] = dict(_CHECKS)
    if prompts:
        checks |= {"prompts": _prompts}
    try:
        inspector = replace(inspector, products=_call(inspector))
    except _FAILED as error:
        return (Check("tools/call", False, f"{type(error).__name__}: {error}"),)

    def one(name: str) -> Check:
        try:
            checks[name](inspector)
        except _FAILED as error:
            return Check(name, False, f"{type(error).__name__}: {error}")
        return Check(name, True)

    # Each is a process of its own, and most of its time is Node starting.
    with ThreadPoolExecutor(2) as pool:
        return (Check("tools/call", True), *pool.map(one, checks))


def _call(inspector: Inspector) -> tuple[str, ...]:
    """The ids of products, those that are other ones as JavaScript numbers."""
    result = inspector.result("tools/call", "--tool-name", "search_products", "--tool-arg", "region=US")
    structured = result["structuredContent"]
    position = structured["columns"].index("product_id")
    ids = [str(row[position]) for row in structured["rows"]]
    assert len(ids) == 10, ids
    harmed = tuple(one for one in ids if str(int(float(one))) != one)
    assert len(harmed) > 1, f"no id would be harmed as a number: {ids}"
    return harmed


def _initialise(inspector: Inspector) -> None:
    opened = inspector.result("initialize")
    assert opened["serverInfo"]["name"] == "keyapi-mcp", opened["serverInfo"]
    assert opened["protocolVersion"] == inspector.era, opened["protocolVersion"]


def _strict(inspector: Inspector) -> None:
    done = inspector.cli("tools/list", "--strict")
    assert done.returncode == 0, _last(done)
    assert not done.stderr.strip(), f"it is not clean: {_last(done)}"
    assert json.loads(done.stdout)["result"]["tools"][0]["name"] == "search_products"


def _refusal(inspector: Inspector) -> None:
    told = inspector.tool("search_products", "--tool-arg", "region=US", "keyword=lip oil", code=_REFUSED)
    assert "no keyword search" in told, told


def _ids(inspector: Inspector) -> None:
    told = inspector.tool(
        "get_product", "--tool-args-json", json.dumps({"product_id": inspector.product, "region": "US"})
    )
    assert inspector.product in told, told


def _rounded_ids(inspector: Inspector) -> None:
    """`--tool-arg` makes numbers of digits, which harms ids of 19: the answer has to say so and name the right one."""
    told = inspector.tool("get_product", "--tool-arg", f"product_id={inspector.product}", "region=US", code=_REFUSED)
    assert f"There is {inspector.product}" in told, told
    assert "sent as a number instead of text" in told, told


def _resources(inspector: Inspector) -> None:
    listed = inspector.result("resources/list")["resources"]
    assert any(one["uri"] == "keyapi://regions" for one in listed), listed
    (content,) = inspector.result("resources/read", "--uri", "keyapi://regions")["contents"]
    assert json.loads(content["text"])["regions"], content


def _template(inspector: Inspector) -> None:
    listed = inspector.result("resources/templates/list")["resourceTemplates"]
    assert [one["uriTemplate"] for one in listed] == [_TEMPLATE], listed
    (content,) = inspector.result("resources/read", "--uri", f"keyapi://product/US/{inspector.product}")["contents"]
    assert json.loads(content["text"])["product_id"] == inspector.product, content


def _completions(inspector: Inspector) -> None:
    target = inspector.target
    if "-e" in target:
        cut = target.index("-e")
        target = (*target[cut:], "--", *target[:cut])
    inspector.mcpdo("--connection", "interop", "connect", "--era", _ERAS[inspector.era], *target)
    try:
        asked = ["prompts/complete", "--complete-ref-type", "ref/resource", "--complete-ref", _TEMPLATE]
        asked += ["--complete-arg-name", "region", "--complete-arg-value", "U"]
        values = inspector.mcpdo("--connection", "interop", *asked)["values"]
        assert "US" in values, values
        if "prompts" in inspector.mcpdo("--connection", "interop", "connections/show")["capabilities"]:
            name = next(
                prompt["name"]
                for prompt in inspector.result("prompts/list")["prompts"]
                if any(argument["name"] == "region" for argument in prompt.get("arguments", ()))
            )
            asked[2], asked[4] = "ref/prompt", name
            values = inspector.mcpdo("--connection", "interop", *asked)["values"]
            assert "US" in values, values
    finally:
        inspector.mcpdo("daemon", "stop")


def _prompts(inspector: Inspector) -> None:
    listed = inspector.result("prompts/list")["prompts"]
    assert listed, "none is listed"
    known = {"region": "US", "category": "Beauty & Personal Care", "product_id": inspector.product}
    known["product_ids"] = ", ".join(inspector.products[:2])
    for prompt in listed:
        required = [one["name"] for one in prompt.get("arguments", ()) if one.get("required")]
        # In quotes, because bare digits would be made a number, and an id rounded.
        given = [f"{name}={json.dumps(known.get(name, '10'))}" for name in required]
        arguments = ["--prompt-args", *given] if given else []
        result = inspector.result("prompts/get", "--prompt-name", prompt["name"], *arguments)
        assert all(message["content"]["text"] for message in result["messages"]), prompt["name"]


_CHECKS: Final[dict[str, Callable[[Inspector], None]]] = {
    "initialize": _initialise,
    "tools/list --strict": _strict,
    "a refused call": _refusal,
    "19-digit ids": _ids,
    "rounded ids": _rounded_ids,
    "resources": _resources,
    "resource template": _template,
    "completions": _completions,
}
