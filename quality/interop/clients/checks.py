"""What every Python client is asked to do. Runs in the client's own environment: nothing of the server is imported.

One JSON line a check on standard output: {"check": …, "ok": …, "detail": …}.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio

WAIT_SECONDS = 30
QUESTION = {"region": "US", "category_id": "Beauty & Personal Care"}


@dataclass(frozen=True)
class Told:
    """A tool's result. progress: (done, of) as they came."""

    text: str
    structured: dict[str, Any] | None
    is_error: bool
    progress: tuple[tuple[float, float | None], ...] = ()


class Client:
    """What a client's script puts its SDK behind. Everything comes back as plain data."""

    server: str
    version: str
    capabilities: dict[str, Any]

    async def tools(self) -> list[dict[str, Any]]:
        raise NotImplementedError

    async def call(self, name: str, arguments: dict[str, Any]) -> Told:
        raise NotImplementedError

    async def cancelled(self, name: str, arguments: dict[str, Any], when: Callable[[], Awaitable[None]]) -> None:
        """Start a call, wait for `when`, cancel it as this SDK cancels."""
        raise NotImplementedError

    async def resources(self) -> list[str]:
        raise NotImplementedError

    async def templates(self) -> list[str]:
        raise NotImplementedError

    async def read(self, uri: str) -> str:
        raise NotImplementedError

    async def complete(self, reference: dict[str, str], name: str, value: str) -> list[str]:
        raise NotImplementedError

    async def prompts(self) -> list[dict[str, Any]]:
        raise NotImplementedError

    async def prompt(self, name: str, arguments: dict[str, str]) -> list[str]:
        raise NotImplementedError


async def run(client: Client, era: str, service: str) -> None:
    """Every check, each whatever became of the others."""
    checks = Checks(client, era, service)
    for name, check in checks.all().items():
        try:
            with anyio.fail_after(3 * WAIT_SECONDS):
                await check()
        except Exception as error:
            say(name, f"{type(error).__name__}: {error}")
        else:
            say(name, None)


def say(name: str, failure: str | None) -> None:
    detail = {} if failure is None else {"detail": failure[:400]}
    print(json.dumps({"check": name, "ok": failure is None, **detail}), flush=True)


def expect(condition: object, what: str) -> None:
    if not condition:
        raise AssertionError(what)


class Checks:
    def __init__(self, client: Client, era: str, service: str) -> None:
        self.client = client
        self.era = era
        self.service = service
        self.products: list[str] = []

    def all(self) -> dict[str, Callable[[], Awaitable[None]]]:
        checks: dict[str, Callable[[], Awaitable[None]]] = {
            "initialise": self.initialise,
            "list tools": self.list_tools,
            "call": self.call,
            "19-digit ids": self.ids,
            "refusal": self.refusal,
            "progress": self.progress,
            "cancel": self.cancel,
            "resources": self.resources,
            "resource template": self.template,
            "completion": self.completion,
        }
        if "prompts" in self.client.capabilities:
            checks |= {"prompts": self.prompts, "prompt completion": self.prompt_completion}
        return checks

    async def initialise(self) -> None:
        expect(self.client.server == "keyapi-mcp", f"the server is called {self.client.server}")
        expect(self.client.version == self.era, f"the version is {self.client.version}")
        expect({"tools", "resources", "completions"} <= self.client.capabilities.keys(), str(self.client.capabilities))

    async def list_tools(self) -> None:
        tools = await self.client.tools()
        expect(tools[0]["name"] == "search_products", "search_products comes first")
        expect(all(tool["description"] and tool["schema"]["type"] == "object" for tool in tools), "a tool is bare")

    async def call(self) -> None:
        told = await self.client.call("search_products", QUESTION)
        expect(not told.is_error, told.text)
        structured = told.structured or {}
        expect(len(structured.get("rows", ())) == 10, "ten rows were expected")
        expect("credit" in told.text.lower(), "the text tells no credits")

    async def ids(self) -> None:
        """A number would be rounded on its way; each id is text and stays the product's."""
        told = await self.client.call("search_products", QUESTION)
        structured = told.structured or {}
        position = structured["columns"].index("product_id")
        found = [row[position] for row in structured["rows"]]
        expect(all(isinstance(one, str) and re.fullmatch(r"\d{19}", one) for one in found), f"ids are {found[:2]}")
        expect(any(str(int(float(one))) != one for one in found), "no id would be harmed as a number")
        expect(all(one in told.text for one in found), "the text has other ids")
        self.products = [one for one in found if str(int(float(one))) != one]
        again = await self.client.call("get_product", {"product_id": self.products[0], "region": "US"})
        expect(not again.is_error and self.products[0] in again.text, again.text)

    async def refusal(self) -> None:
        told = await self.client.call("search_products", {"region": "US", "keyword": "lip oil"})
        expect(told.is_error, "the answer is no error")
        expect("no keyword search" in told.text, told.text)

    async def progress(self) -> None:
        told = await self.client.call("scan_products", {**QUESTION, "pages": 3})
        expect(not told.is_error, told.text)
        # The last one may be overtaken by the result, and a client then drops it.
        expect(told.progress[:2] == ((1, 3), (2, 3)), f"progress was {told.progress}")

    async def cancel(self) -> None:
        """A request that has left is let finish, because it is paid for; a cancelled scan sends no further one.

        One goes to the service at a time, so that a scan that went on would mix its pages with what is asked after it.
        """
        await self._service("reset", {})
        await self._service("faults", {"kind": "delay", "seconds": 2})
        await self.client.cancelled("scan_products", {**QUESTION, "pages": 10}, self._asked)
        await self._service("reset", {})
        with anyio.fail_after(WAIT_SECONDS):
            for page in (11, 12, 13):
                told = await self.client.call("search_products", {**QUESTION, "page_num": page})
                expect(not told.is_error, told.text)
        count = (await self._service("requests"))["count"]
        expect(count <= 4, f"the service was asked {count} times")

    async def _asked(self) -> None:
        with anyio.fail_after(WAIT_SECONDS):
            while not (await self._service("requests"))["count"]:  # noqa: ASYNC110 (it is another process's)
                await anyio.sleep(0.02)

    async def resources(self) -> None:
        uris = await self.client.resources()
        expect("keyapi://schema" in uris, f"the resources are {uris}")
        for uri in uris:
            json.loads(await self.client.read(uri))

    async def template(self) -> None:
        templates = await self.client.templates()
        expect("keyapi://product/{region}/{product_id}" in templates, f"the templates are {templates}")
        expect(self.products, "no product was found before")
        document = json.loads(await self.client.read(f"keyapi://product/US/{self.products[0]}"))
        expect(document["product_id"] == self.products[0], "another product came")

    async def completion(self) -> None:
        reference = {"type": "ref/resource", "uri": "keyapi://product/{region}/{product_id}"}
        values = await self.client.complete(reference, "region", "U")
        expect("US" in values, f"the regions are {values}")

    async def prompts(self) -> None:
        listed = await self.client.prompts()
        expect(listed, "none is listed")
        for prompt in listed:
            texts = await self.client.prompt(prompt["name"], self._filled(prompt))
            expect(texts and all(texts), f"{prompt['name']} is empty")

    async def prompt_completion(self) -> None:
        listed = await self.client.prompts()
        name = next(prompt["name"] for prompt in listed if "region" in prompt["arguments"])
        values = await self.client.complete({"type": "ref/prompt", "name": name}, "region", "U")
        expect("US" in values, f"the regions are {values}")

    def _filled(self, prompt: dict[str, Any]) -> dict[str, str]:
        known = {
            "region": "US",
            "category": "Beauty & Personal Care",
            "product_id": self.products[0],
            "product_ids": ", ".join(self.products[:2]),
        }
        return {name: known.get(name, "10") for name in prompt["required"]}

    async def _service(self, switch: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return await anyio.to_thread.run_sync(_switch, f"{self.service}/_sandbox/{switch}", body)


def _switch(url: str, body: dict[str, Any] | None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def plan() -> dict[str, Any]:
    """What the script is told on its command line: transport, era, url, command, env, service."""
    document: dict[str, Any] = json.loads(sys.argv[1])
    return document
