"""The server, put together: client and store are opened for the process, TOOLS registered, errors worded once.

No module globals: everything hangs on one `App`, so that tests and transports can have several.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from keyapi_mcp import __version__, resources
from keyapi_mcp.clock import Clock, utc_now
from keyapi_mcp.completion import complete
from keyapi_mcp.errors import KeyApiMcpError, StoreUnavailable, as_text
from keyapi_mcp.judging import read_judging
from keyapi_mcp.prompts import PROMPTS
from keyapi_mcp.recipes.loading import read_recipes
from keyapi_mcp.results.answer import Answer
from keyapi_mcp.settings import Settings
from keyapi_mcp.store.store import Store
from keyapi_mcp.tools import TOOLS
from keyapi_mcp.tools.base import Progress, Services, untold

if TYPE_CHECKING:
    import httpx2 as httpx

logger = logging.getLogger(__name__)

NAME: Final = "keyapi-mcp"
TITLE: Final = "TikTok Shop product research (KeyAPI)"
INSTRUCTIONS: Final = """\
Product analytics for TikTok Shop, one row a product, from KeyAPI (a reseller of EchoTik). Unofficial.
What the figures are: sales and GMV are estimates of the source, one day old (T+1). All money is USD in every market. \
Windows (7 d, 30 d) are sums of the last days; figures without a window are lifetime. "First seen" is the day the \
source first met the product, not its listing date. Commission is a fraction (0.15 = 15 %). Growth compares the last \
7 days with the 8 days before, per day. An empty cell or null means unknown, not zero. Delisted products appear and \
are marked.
Credits: each request that reaches the service costs one credit of the user's KeyAPI account, within the user's own \
limits; the same question within hours costs 0. The last line of each answer says what it cost.
How to search: there is no keyword, shop or product-id search at the service. Choose a category (id or English name; \
find_categories helps) and filters, then read the names; page_num reads on. Filters and sort decide which ten rows \
come; scan_products takes the same filters and tells of many pages in one call, as figures of that sample; \
run_recipe runs named screens.
Everything that these three returned stays in a local store, which the other tools read for 0 credits: \
query_products by SQL (names too: name LIKE '%…%'), get_product one product with its history, compare_products \
several, get_changes what moved between two data days (of all, of a recipe, of those that watch_products marks). They \
know only what was seen, and say from which day it is.
Not in this source: which creators, which videos, review texts, stock, advertising spend, seller names, the account's \
balance. Such names or links cannot be derived from these rows; the nearest figures are the counts of creators, \
videos and lives, and the channel shares. The only link is the product page given with each answer."""


class App:
    """One MCP server and what it needs. `server` may serve any number of connections while `running()` is open."""

    def __init__(
        self, settings: Settings, *, upstream: httpx.AsyncBaseTransport | None = None, clock: Clock = utc_now
    ) -> None:
        """upstream: stands in for the network (the built-in sandbox)."""
        self.settings = settings
        self._upstream = upstream
        self._clock = clock
        self.judging = read_judging(settings)
        self.recipes = read_recipes(settings)
        self._services: Services | None = None
        self._tools = {tool.name: tool for tool in TOOLS}
        self._listing = types.ListToolsResult.model_validate(
            {"tools": [tool.definition(settings) for tool in TOOLS]}, by_name=False
        )
        self.server: Server[Any] = Server(
            NAME,
            version=__version__,
            title=TITLE,
            instructions=INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_resource_templates,
            on_read_resource=self._read_resource,
            on_completion=self._complete,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open what the process shares; once per process, outside of any connection (SSE makes one lifespan each)."""
        # Imported here, so that a client that only lists the tools does not wait for the HTTP client.
        from keyapi_mcp.api.client import KeyApiClient
        from keyapi_mcp.asking.pages import PageReader

        if self.settings.key_fault:
            logger.warning("there is no key: %s", self.settings.key_fault)
        if self.judging.broken:
            logger.warning("%s", self.judging.broken)
        for problem in self.recipes.problems:
            logger.warning("%s", problem)
        store = Store(self.settings, self._clock, self.judging.rules)
        client = KeyApiClient(self.settings, store, transport=self._upstream, clock=self._clock)
        try:
            async with anyio.create_task_group() as tasks:
                pages = PageReader(
                    client, store, tasks, total_s=self.settings.total_timeout_s, offline=self.settings.offline
                )
                self._services = Services(self.settings, pages, store, self._clock, self.judging, self.recipes)
                try:
                    yield
                finally:
                    self._services = None
                    tasks.cancel_scope.cancel()
        finally:
            # Only now: requests that were cut off have still settled what they cost.
            with anyio.CancelScope(shield=True):
                await client.aclose()
                await store.aclose()

    async def call(self, name: str, arguments: dict[str, Any], progress: Progress = untold) -> Answer:
        """Run a tool; `progress` is told how far it is. Raises a KeyApiMcpError for what the caller should read."""
        services = self._running_services()
        tool = self._tools.get(name)
        if tool is None:
            raise KeyApiMcpError(f"There is no tool {name[:60]!r}.", f"the tools are: {', '.join(self._tools)}.")
        return await tool.run(replace(services, progress=progress), arguments)

    def _running_services(self) -> Services:
        if self._services is None:
            raise RuntimeError("App.running() is not open")
        return self._services

    async def _list_tools(
        self, _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return self._listing

    async def _call_tool(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        try:
            # Nothing is sent to a client that did not ask for progress.
            answer = await self.call(params.name, params.arguments or {}, context.session.report_progress)
            return types.CallToolResult(
                content=[types.TextContent(type="text", text=answer.text())], structured_content=answer.structured()
            )
        except KeyApiMcpError as error:
            logger.info("%s refused or failed: %s", params.name[:60], type(error).__name__)
            text = as_text(error)
        except Exception:
            # The one place where a defect of ours surfaces: the log has the stack, the model a plain sentence.
            logger.exception("internal error in %s", params.name[:60])
            text = (
                "keyapi-mcp failed inside (a defect of the server, not of the question). The server's log has the "
                "details.\nNext: try a simpler call; if it stays so, report it with the log."
            )
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)

    async def _list_resources(
        self, _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    name=one.name,
                    title=one.title,
                    uri=one.uri,
                    description=one.description,
                    mime_type=resources.MIME_TYPE,
                )
                for one in resources.DOCUMENTS
            ]
        )

    async def _list_resource_templates(
        self, _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        product = types.ResourceTemplate(
            name="product",
            title="Product",
            uri_template=resources.PRODUCT,
            description="The last row of a product that a search has shown, as the service sent it, texts cleaned.",
            mime_type=resources.MIME_TYPE,
        )
        return types.ListResourceTemplatesResult(resource_templates=[product])

    async def _read_resource(
        self, _context: ServerRequestContext[Any], params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        services = self._running_services()
        try:
            text = await resources.read(params.uri, services.store)
        except StoreUnavailable as error:
            raise MCPError(types.INTERNAL_ERROR, error.what) from None
        if text is None:
            raise MCPError(types.INVALID_PARAMS, "There is no such resource.", {"uri": params.uri})
        content = types.TextResourceContents(uri=params.uri, mime_type=resources.MIME_TYPE, text=text)
        return types.ReadResourceResult(contents=[content])

    async def _complete(
        self, _context: ServerRequestContext[Any], params: types.CompleteRequestParams
    ) -> types.CompleteResult:
        argument, services = params.argument, self._running_services()
        if argument.name not in _completed_arguments(params.ref):
            raise MCPError(types.INVALID_PARAMS, "The resource template or prompt has no such argument.")
        others = (params.context and params.context.arguments) or {}
        values, total = await complete(
            argument.name, argument.value, others, services.store, tuple(services.recipes.by_name)
        )
        return types.CompleteResult(
            completion=types.Completion(values=values, total=total, has_more=total > len(values))
        )

    async def _list_prompts(
        self, _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        return types.ListPromptsResult(
            prompts=[
                types.Prompt(
                    name=prompt.name,
                    title=prompt.title,
                    description=prompt.description,
                    arguments=[
                        types.PromptArgument(name=one.name, description=one.description, required=one.required)
                        for one in prompt.arguments
                    ],
                )
                for prompt in PROMPTS.values()
            ]
        )

    async def _get_prompt(
        self, _context: ServerRequestContext[Any], params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        prompt = PROMPTS.get(params.name)
        if prompt is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no such prompt. There are: {', '.join(PROMPTS)}.")
        try:
            text = prompt.message(params.arguments or {})
        except KeyApiMcpError as error:
            raise MCPError(types.INVALID_PARAMS, as_text(error)) from None
        message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
        return types.GetPromptResult(description=prompt.description, messages=[message])


def _completed_arguments(of: types.PromptReference | types.ResourceTemplateReference) -> Sequence[str]:
    """The arguments of a prompt or resource template. Raises MCPError for one that there is not."""
    if isinstance(of, types.PromptReference) and of.name in PROMPTS:
        return [argument.name for argument in PROMPTS[of.name].arguments]
    if isinstance(of, types.ResourceTemplateReference) and of.uri == resources.PRODUCT:
        return resources.PRODUCT_ARGUMENTS
    raise MCPError(types.INVALID_PARAMS, "There is no such resource template or prompt.")
