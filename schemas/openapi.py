"""The calls as an OpenAPI 3.1 document, for those who ask by HTTP."""

from collections.abc import Iterable
from typing import Any

from schemas.call import FROM_HTTP, GENERAL, Call, Caller
from schemas.json_schema import message_schema, schemas_of
from schemas.presence_reads import READS, Read

VERSION = "0.1.0"
TITLE = "Goimbus"
_REFUSAL = {"description": "Refused: error.reason says why"}
_FAILURE = {"type": "object", "properties": {"code": {"type": "integer"}}}


def openapi_document(calls: Iterable[Call], reads: Iterable[Read] = READS) -> dict[str, Any]:
    """Return the document of the calls that are taken by HTTP, and of what is read by GET."""
    listed = [call for call in calls if call.is_by_http]
    messages = [one for call in listed for one in (call.request, call.reply)]
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION},
        "paths": _paths(listed, reads),
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


def _paths(calls: Iterable[Call], reads: Iterable[Read]) -> dict[str, Any]:
    paths: dict[str, Any] = {call.path: {"post": _operation(call)} for call in calls}
    for read in reads:
        paths.setdefault(read.path, {})["get"] = _reading(read)
    return paths


def _operation(call: Call) -> dict[str, Any]:
    refused = {**_REFUSAL, "content": _content({"$ref": "#/components/schemas/Refusal"})}
    operation: dict[str, Any] = {
        "operationId": call.full_name,
        "tags": [call.service],
        "summary": call.words,
        "description": f"For {call.caller.value}.",
        "requestBody": {"required": False, "content": _content(message_schema(call.request))},
        "responses": {
            "200": {"description": "Done", "content": _content(message_schema(call.reply))},
            "default": refused,
        },
        "x-reasons": sorted({*call.reasons, *GENERAL}),
    }
    if call.caller is not Caller.ANYONE:
        operation["security"] = [{"bearer": []}]
    return operation


def _reading(read: Read) -> dict[str, Any]:
    parameters = [
        {
            "name": one.name,
            "in": "query",
            "required": one.required,
            "description": one.words,
            "schema": {"type": one.kind},
        }
        for one in read.parameters
    ]
    return {
        "operationId": f"read.{read.name}",
        "tags": ["presence"],
        "summary": read.words,
        "description": "Without a key, unless GOIM_HTTP_PRESENCE_OPEN is off.",
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done", "content": _content({"type": "object"})},
            "default": {"description": "Refused: message says why", "content": _content(_FAILURE)},
        },
        "security": [{}, {"bearer": []}],
    }


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
