"""The calls as an OpenAPI 3.1 document, for those who ask by HTTP."""

from collections.abc import Iterable
from typing import Any

from schemas.calls import FROM_HTTP, GENERAL, Call, Caller
from schemas.json_schema import message_schema, schemas_of

VERSION = "0.1.0"
TITLE = "Goimbus"
_REFUSAL = {"description": "Refused: error.reason says why"}


def openapi_document(calls: Iterable[Call]) -> dict[str, Any]:
    """Return the document."""
    listed = list(calls)
    messages = [one for call in listed for one in (call.request, call.reply)]
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION},
        "paths": {call.path: {"post": _operation(call)} for call in listed},
        "components": {
            "schemas": schemas_of(messages, hidden=FROM_HTTP, inputs={c.request for c in listed}),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token, or the API key for an operator's calls",
                }
            },
        },
    }


def _operation(call: Call) -> dict[str, Any]:
    refused = {**_REFUSAL, "content": _content({"$ref": "#/components/schemas/Refusal"})}
    operation: dict[str, Any] = {
        "operationId": f"{call.service}.{call.name}",
        "tags": [call.service],
        "summary": call.words,
        "description": f"For {call.caller.value}.",
        "requestBody": {"required": True, "content": _content(message_schema(call.request))},
        "responses": {
            "200": {"description": "Done", "content": _content(message_schema(call.reply))},
            "default": refused,
        },
        "x-reasons": sorted({*call.reasons, *GENERAL}),
    }
    if call.caller is not Caller.ANYONE:
        operation["security"] = [{"bearer": []}]
    return operation


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
