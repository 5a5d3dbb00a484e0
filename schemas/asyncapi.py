"""The calls as an AsyncAPI 3.0 document, for those who ask on NATS."""

from collections.abc import Iterable
from typing import Any

from schemas.call import GENERAL, Call
from schemas.json_schema import message_schema, schemas_of
from schemas.openapi import TITLE, VERSION
from schemas.subjects import Subjects


def asyncapi_document(calls: Iterable[Call], subjects: Subjects) -> dict[str, Any]:
    """Return the document, with the subjects of one prefix."""
    listed = list(calls)
    messages = [one for call in listed for one in (call.request, call.reply)]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": TITLE, "version": VERSION},
        "defaultContentType": "application/json",
        "channels": {_name(call): _channel(call, subjects) for call in listed},
        "operations": {_name(call): _operation(call) for call in listed},
        "components": {
            "schemas": schemas_of(messages, hidden=(), inputs={call.request for call in listed})
        },
    }


def _channel(call: Call, subjects: Subjects) -> dict[str, Any]:
    return {
        "address": call.subject(subjects),
        "messages": {
            "request": {"payload": message_schema(call.request)},
            "reply": {"payload": message_schema(call.reply)},
        },
        "bindings": {"nats": {"queue": "q"}},
    }


def _operation(call: Call) -> dict[str, Any]:
    channel = f"#/channels/{_name(call)}"
    return {
        "action": "receive",
        "summary": call.words,
        "description": f"For {call.caller.value}.",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/request"}],
        "reply": {
            "channel": {"$ref": channel},
            "messages": [{"$ref": f"{channel}/messages/reply"}],
        },
        "x-reasons": sorted({*call.reasons, *GENERAL}),
    }


def _name(call: Call) -> str:
    return f"{call.service}_{call.name}"
