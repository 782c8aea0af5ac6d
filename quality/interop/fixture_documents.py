"""The prompts and resources that the conformance suite wants a test server to have."""

from __future__ import annotations

import json
from typing import Final

import mcp_types as types

from quality.interop.fixture_parts import IMAGE, answered, elicitation, embedded, image, text

PROMPTS: Final[dict[str, tuple[str, ...]]] = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}


def prompt_definitions() -> list[types.Prompt]:
    return [
        types.Prompt(
            name=name,
            description=f"Conformance fixture {name}.",
            arguments=[types.PromptArgument(name=argument, required=True) for argument in arguments],
        )
        for name, arguments in PROMPTS.items()
    ]


def prompt(params: types.GetPromptRequestParams) -> types.GetPromptResult | types.InputRequiredResult:
    given = params.arguments or {}
    content: list[types.ContentBlock]
    match params.name:
        case "test_simple_prompt":
            content = [text("This is a simple prompt for testing.")]
        case "test_prompt_with_arguments":
            content = [text(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'")]
        case "test_prompt_with_embedded_resource":
            content = [
                embedded(given["resourceUri"], "Embedded resource content for testing."),
                text("Please process the embedded resource above."),
            ]
        case "test_prompt_with_image":
            content = [image(), text("Please analyze the image above.")]
        case _:
            question = elicitation("What context should the prompt use?", {"context": {"type": "string"}}, "context")
            if not answered(params, {"user_context": question}):
                return types.InputRequiredResult(input_requests={"user_context": question})
            content = [text("A prompt with the client's own context.")]
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=block) for block in content])


# --- resources ----------------------------------------------------------------------------------------------------

TEMPLATE: Final = types.ResourceTemplate(name="template", uri_template="test://template/{id}/data")
RESOURCES: Final = ("test://static-text", "test://static-binary", "test://watched-resource")


def resource_definitions() -> list[types.Resource]:
    return [
        types.Resource(name=uri.removeprefix("test://"), uri=uri, description="Conformance fixture.")
        for uri in RESOURCES
    ]


def resource(uri: str) -> types.TextResourceContents | types.BlobResourceContents | None:
    """A resource of the suite, `None` for any other address."""
    if uri == "test://static-binary":
        return types.BlobResourceContents(uri=uri, mime_type="image/png", blob=IMAGE)
    if uri in RESOURCES:
        return types.TextResourceContents(
            uri=uri, mime_type="text/plain", text="This is the content of the static text resource."
        )
    if uri.startswith("test://template/") and uri.endswith("/data"):
        identifier = uri.split("/")[3]
        document = {"id": identifier, "templateTest": True, "data": f"Data for ID: {identifier}"}
        return types.TextResourceContents(uri=uri, mime_type="application/json", text=json.dumps(document))
    return None
