"""The tools that the conformance suite wants a test server to have, and which fixtures its scenarios have to reach."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata

from quality.interop.fixture_documents import PROMPTS
from quality.interop.fixture_parts import AUDIO, SCHEMA_2020_12, answered, elicitation, embedded, image, sampling, text

_MODERN: Final = "2026-07-28"
_PAUSE_SECONDS: Final = 0.05

Context = ServerRequestContext[Any]
Called = types.CallToolResult | types.InputRequiredResult
Tool = Callable[[Context, types.CallToolRequestParams], Awaitable[Called]]
_NO_ARGUMENTS: Final[dict[str, Any]] = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True)
class Fixture:
    """A tool of the suite."""

    run: Tool
    schema: Mapping[str, Any]


TOOLS: Final[dict[str, Fixture]] = {}


def _tool(name: str, schema: Mapping[str, Any] = _NO_ARGUMENTS) -> Callable[[Tool], Tool]:
    def register(run: Tool) -> Tool:
        TOOLS[name] = Fixture(run, schema)
        return run

    return register


def definitions() -> list[types.Tool]:
    return [
        types.Tool(name=name, description=f"Conformance fixture {name}.", input_schema=dict(fixture.schema))
        for name, fixture in TOOLS.items()
    ]


def _told(*content: types.ContentBlock, is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=list(content), is_error=is_error)


# --- plain answers ------------------------------------------------------------------------------------------------


@_tool("test_simple_text")
async def _simple(_context: Context, _params: types.CallToolRequestParams) -> Called:
    return _told(text("This is a simple text response for testing."))


@_tool("test_image_content")
async def _an_image(_context: Context, _params: types.CallToolRequestParams) -> Called:
    return _told(image())


@_tool("test_audio_content")
async def _audio(_context: Context, _params: types.CallToolRequestParams) -> Called:
    return _told(types.AudioContent(type="audio", data=AUDIO, mime_type="audio/wav"))


@_tool("test_embedded_resource")
async def _resource(_context: Context, _params: types.CallToolRequestParams) -> Called:
    return _told(embedded("test://embedded-resource", "This is an embedded resource content."))


@_tool("test_multiple_content_types")
async def _mixed(_context: Context, _params: types.CallToolRequestParams) -> Called:
    resource = embedded("test://mixed-content-resource", '{"test": "data", "value": 123}', "application/json")
    return _told(text("Multiple content types test:"), image(), resource)


@_tool("test_error_handling")
async def _error(_context: Context, _params: types.CallToolRequestParams) -> Called:
    return _told(text("This tool intentionally returns an error for testing"), is_error=True)


@_tool("json_schema_2020_12_tool", SCHEMA_2020_12)
async def _schema(_context: Context, params: types.CallToolRequestParams) -> Called:
    return _told(text(json.dumps(params.arguments)))


# --- notifications ------------------------------------------------------------------------------------------------


@_tool("test_tool_with_logging")
async def _logging(context: Context, _params: types.CallToolRequestParams) -> Called:
    for message in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.session.send_log_message("info", message, "fixture", context.request_id)
        await anyio.sleep(_PAUSE_SECONDS)
    return _told(text("Tool with logging executed successfully"))


TOOLS["test_logging_tool"] = TOOLS["test_tool_with_logging"]


@_tool("test_tool_with_progress")
async def _progress(context: Context, _params: types.CallToolRequestParams) -> Called:
    for done in (0, 50, 100):
        await context.session.report_progress(done, 100, f"Completed step {done} of 100")
        await anyio.sleep(_PAUSE_SECONDS)
    return _told(text("Tool with progress executed successfully"))


# --- the client is asked ------------------------------------------------------------------------------------------


async def _elicited(context: Context, request: types.ElicitRequest) -> Called:
    assert isinstance(request.params, types.ElicitRequestFormParams)
    answer = await context.session.elicit_form(
        request.params.message, request.params.requested_schema, context.request_id
    )
    return _told(text(f"Elicitation completed: action={answer.action}, content={json.dumps(answer.content)}"))


@_tool("test_sampling", {"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]})
async def _sample(context: Context, params: types.CallToolRequestParams) -> Called:
    request = sampling(str((params.arguments or {})["prompt"]))
    # On the call's own stream: the other one may not be open yet.
    metadata = ServerMessageMetadata(related_request_id=context.request_id)
    answer = await context.session.send_request(request, types.CreateMessageResult, metadata=metadata)
    content = answer.content
    return _told(text(f"LLM response: {content.text if isinstance(content, types.TextContent) else ''}"))


@_tool("test_elicitation", {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]})
async def _elicit(context: Context, params: types.CallToolRequestParams) -> Called:
    properties = {"response": {"type": "string", "description": "User's response"}}
    return await _elicited(context, elicitation(str((params.arguments or {})["message"]), properties, "response"))


@_tool("test_elicitation_sep1034_defaults")
async def _defaults(context: Context, _params: types.CallToolRequestParams) -> Called:
    properties = {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    }
    return await _elicited(context, elicitation("Please provide user information", properties))


@_tool("test_elicitation_sep1330_enums")
async def _enums(context: Context, _params: types.CallToolRequestParams) -> Called:
    options = ["option1", "option2", "option3"]
    titled = [{"const": f"value{number}", "title": f"Option {number}"} for number in (1, 2, 3)]
    properties = {
        "untitledSingle": {"type": "string", "enum": options},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option 1", "Option 2", "Option 3"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    }
    return await _elicited(context, elicitation("Please select values", properties))


@_tool("test_missing_capability")
async def _missing(context: Context, _params: types.CallToolRequestParams) -> Called:
    capabilities = context.session.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        raise MCPError(
            types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            "The client did not declare sampling.",
            {"requiredCapabilities": {"sampling": {}}},
        )
    return _told(text("The client declared sampling."))


# --- rounds of questions (2026-07-28): the answer to a call is what the client must find out first -----------------


def _rounds(name: str, ask: Callable[[Context], types.InputRequests], *, state: str | None = None) -> None:
    """A tool that asks once and is content when every question has an answer of the right kind."""

    async def run(context: Context, params: types.CallToolRequestParams) -> Called:
        questions = ask(context)
        if answered(params, questions) and params.request_state == state:
            return _told(text("state-ok" if state else "Hello!"))
        return types.InputRequiredResult(input_requests=questions, request_state=state)

    TOOLS[name] = Fixture(run, _NO_ARGUMENTS)


_NAME: Final = {"name": {"type": "string"}}
_OK: Final = {"ok": {"type": "boolean"}}


def _allowed(context: Context) -> types.InputRequests:
    declared = context.session.client_capabilities
    questions: types.InputRequests = {}
    if declared is not None and declared.elicitation is not None:
        questions["user_name"] = elicitation("What is your name?", _NAME, "name")
    if declared is not None and declared.sampling is not None:
        questions["greeting"] = sampling("Generate a greeting")
    return questions


_rounds(
    "test_input_required_result_elicitation",
    lambda _: {"user_name": elicitation("What is your name?", _NAME, "name")},
)
_rounds(
    "test_input_required_result_sampling",
    lambda _: {"capital_question": sampling("What is the capital of France?")},
)
_rounds("test_input_required_result_list_roots", lambda _: {"client_roots": types.ListRootsRequest()})
_rounds(
    "test_input_required_result_request_state",
    lambda _: {"confirm": elicitation("Please confirm", _OK, "ok")},
    state="confirming",
)
_rounds(
    "test_input_required_result_tampered_state",
    lambda _: {"confirm": elicitation("Please confirm", _OK, "ok")},
    state="confirming",
)
_rounds(
    "test_input_required_result_multiple_inputs",
    lambda _: {
        "user_name": elicitation("What is your name?", _NAME, "name"),
        "greeting": sampling("Generate a greeting", 50),
        "client_roots": types.ListRootsRequest(),
    },
    state="three questions",
)
_rounds("test_input_required_result_capabilities", _allowed)
_rounds("test_streaming_elicitation", lambda _: {"user_name": elicitation("What is your name?", _NAME, "name")})


@_tool("test_input_required_result_multi_round")
async def _multi(_context: Context, params: types.CallToolRequestParams) -> Called:
    second = {"step2": elicitation("Step 2: What is your favorite color?", {"color": {"type": "string"}}, "color")}
    if params.request_state == "round 2" and answered(params, second):
        return _told(text("Both questions are answered."))
    if params.request_state == "round 1":
        return types.InputRequiredResult(input_requests=second, request_state="round 2")
    first = {"step1": elicitation("Step 1: What is your name?", _NAME, "name")}
    return types.InputRequiredResult(input_requests=first, request_state="round 1")


# --- which of them a set of scenarios has to reach ------------------------------------------------------------------

_ROUNDS: Final = "test_input_required_result_"
_ONLY_MODERN: Final = ("test_missing_capability", "test_streaming_elicitation", "test_logging_tool")
_ONLY_LEGACY: Final = (
    "test_tool_with_logging",
    "test_sampling",
    "test_elicitation",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
)
# Listed and never called.
_LISTED: Final = "json_schema_2020_12_tool"
# What no server has to have: the tasks extension's, and the one for closing a stream in the middle of a call.
NOT_OFFERED: Final = frozenset(
    {
        "slow_compute",
        "greet",
        "failing_job",
        "confirm_delete",
        "protocol_error_job",
        "multi_input",
        "test_tool_with_task",
        "test_reconnection",
    }
)


def wanted(era: str) -> list[str]:
    """The names and addresses that the scenarios of an era reach."""
    modern = era == _MODERN
    names = [
        name
        for name in (*TOOLS, *PROMPTS)
        if name != _LISTED
        and (modern or not (name.startswith(_ROUNDS) or name in _ONLY_MODERN))
        and not (modern and name in _ONLY_LEGACY)
    ]
    return [*names, "test://static-text", "test://static-binary", "test://template/123/data"]
