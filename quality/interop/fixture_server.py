"""For the conformance suite only: the real app with the suite's fixtures beside its own tools, over the real HTTP app.

Each fixture that is reached is named on standard error, so that a scenario cannot pass on an unknown name.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError

from keyapi_mcp.app import App
from keyapi_mcp.settings import read_settings
from keyapi_mcp.tools import TOOLS
from keyapi_mcp.transports.http import serve_http
from quality.interop import fixture_documents as documents
from quality.interop import fixtures

REACHED: Final = "reached "
UNKNOWN: Final = "unknown "
OWN: Final = frozenset(tool.name for tool in TOOLS)

Context = ServerRequestContext[Any]
Handler = Callable[[Context, Any], Awaitable[Any]]


def _say(mark: str, name: str) -> None:
    print(f"{mark}{name}", file=sys.stderr, flush=True)


def add_fixtures(app: App) -> None:
    """Put the fixtures beside what the app has; every other request goes to the app's own handler."""
    server = app.server

    def maybe(method: str) -> Handler | None:
        entry = server.get_request_handler(method)
        return None if entry is None else entry.handler

    def own(method: str) -> Handler:
        handler = maybe(method)
        assert handler is not None, method
        return handler

    list_tools, call_tool = own("tools/list"), own("tools/call")
    list_resources, read_resource = own("resources/list"), own("resources/read")
    list_templates, complete = own("resources/templates/list"), own("completion/complete")
    list_prompts, get_prompt = maybe("prompts/list"), maybe("prompts/get")

    async def tools(context: Context, params: types.PaginatedRequestParams) -> types.ListToolsResult:
        listed: types.ListToolsResult = await list_tools(context, params)
        return listed.model_copy(update={"tools": [*listed.tools, *fixtures.definitions()]})

    async def tool(context: Context, params: types.CallToolRequestParams) -> Any:
        fixture = fixtures.TOOLS.get(params.name)
        if params.name not in OWN:
            _say(REACHED if fixture else UNKNOWN, params.name)
        return await (fixture.run(context, params) if fixture else call_tool(context, params))

    async def resources(context: Context, params: types.PaginatedRequestParams) -> types.ListResourcesResult:
        listed: types.ListResourcesResult = await list_resources(context, params)
        return listed.model_copy(update={"resources": [*listed.resources, *documents.resource_definitions()]})

    async def resource(context: Context, params: types.ReadResourceRequestParams) -> Any:
        contents = documents.resource(params.uri)
        if contents is None:
            return await read_resource(context, params)
        _say(REACHED, params.uri)
        return types.ReadResourceResult(contents=[contents])

    async def templates(context: Context, params: types.PaginatedRequestParams) -> types.ListResourceTemplatesResult:
        listed: types.ListResourceTemplatesResult = await list_templates(context, params)
        return listed.model_copy(update={"resource_templates": [*listed.resource_templates, documents.TEMPLATE]})

    async def prompts(context: Context, params: types.PaginatedRequestParams) -> types.ListPromptsResult:
        mine = documents.prompt_definitions()
        if list_prompts is None:
            return types.ListPromptsResult(prompts=mine)
        listed: types.ListPromptsResult = await list_prompts(context, params)
        return listed.model_copy(update={"prompts": [*listed.prompts, *mine]})

    async def prompt(context: Context, params: types.GetPromptRequestParams) -> Any:
        if params.name in documents.PROMPTS:
            _say(REACHED, params.name)
            return documents.prompt(params)
        if get_prompt is None:
            raise MCPError(types.INVALID_PARAMS, "There is no such prompt.")
        return await get_prompt(context, params)

    async def completion(context: Context, params: types.CompleteRequestParams) -> Any:
        if isinstance(params.ref, types.PromptReference) and params.ref.name in documents.PROMPTS:
            return types.CompleteResult(completion=types.Completion(values=[], total=0, has_more=False))
        return await complete(context, params)

    async def accept(_context: Context, _params: Any) -> types.EmptyResult:
        return types.EmptyResult()

    for method, params_type, handler in (
        ("tools/list", types.PaginatedRequestParams, tools),
        ("tools/call", types.CallToolRequestParams, tool),
        ("resources/list", types.PaginatedRequestParams, resources),
        ("resources/read", types.ReadResourceRequestParams, resource),
        ("resources/templates/list", types.PaginatedRequestParams, templates),
        ("prompts/list", types.PaginatedRequestParams, prompts),
        ("prompts/get", types.GetPromptRequestParams, prompt),
        ("completion/complete", types.CompleteRequestParams, completion),
        ("resources/subscribe", types.SubscribeRequestParams, accept),
        ("resources/unsubscribe", types.UnsubscribeRequestParams, accept),
        ("logging/setLevel", types.SetLevelRequestParams, accept),
    ):
        server.add_request_handler(method, params_type, handler)  # type: ignore[arg-type]
    # The state of a round goes through the client; the SDK's own seal is what makes a changed one be refused.
    server.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=server.name))


def main() -> int:
    settings = read_settings()
    app = App(settings)
    add_fixtures(app)
    return serve_http(app.server, settings, transport="http", host="127.0.0.1", port=0, resources=app.running)


if __name__ == "__main__":
    raise SystemExit(main())
