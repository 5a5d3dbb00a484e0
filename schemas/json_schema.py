"""Messages as JSON Schema, in protobuf's JSON mapping with the names of the schema.

64-bit numbers are answered as text and may be asked as numbers; absent means zero or empty.
"""

from collections.abc import Collection, Iterable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

REFUSAL = "Refusal"
_INT64 = {"type": ["string", "integer"], "format": "int64", "pattern": "^-?[0-9]+$"}
_KINDS: dict[int, dict[str, Any]] = {
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "minimum": 0},
    FieldDescriptor.CPPTYPE_INT64: _INT64,
    FieldDescriptor.CPPTYPE_UINT64: _INT64,
    FieldDescriptor.CPPTYPE_FLOAT: {"type": "number"},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number"},
}


def message_schema(message: type[Message]) -> dict[str, Any]:
    """Return the reference to a message's schema."""
    return _reference(message.DESCRIPTOR)


def schemas_of(
    messages: Iterable[type[Message]],
    hidden: Collection[str],
    inputs: Collection[type[Message]],
) -> dict[str, Any]:
    """Return the schemas of messages and of those inside them, by name, and `Refusal`.

    `hidden` names fields that nobody gives in the `inputs`.
    """
    asked = {one.DESCRIPTOR.name for one in inputs}
    schemas: dict[str, Any] = {}
    waiting: list[Any] = [one.DESCRIPTOR for one in messages]
    while waiting:
        descriptor = waiting.pop()
        if descriptor.name in schemas:
            continue
        left_out = hidden if descriptor.name in asked else ()
        fields = [one for one in descriptor.fields if one.name not in left_out]
        properties = {one.name: _field_schema(one) for one in fields}
        schemas[descriptor.name] = {"type": "object", "properties": properties}
        waiting.extend(one.message_type for one in fields if _is_message(one))
    error = {"$ref": "#/components/schemas/Error"}
    schemas[REFUSAL] = {"type": "object", "required": ["error"], "properties": {"error": error}}
    return dict(sorted(schemas.items()))


def _field_schema(field: Any) -> dict[str, Any]:
    if _is_map(field):
        value = field.message_type.fields_by_name["value"]
        return {"type": "object", "additionalProperties": _value_schema(value)}
    if field.is_repeated:
        return {"type": "array", "items": _value_schema(field)}
    return _value_schema(field)


def _value_schema(field: Any) -> dict[str, Any]:
    if field.message_type is not None:
        return _reference(field.message_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return {"type": "string", "contentEncoding": "base64"}
    return dict(_KINDS[field.cpp_type])


def _is_map(field: Any) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _is_message(field: Any) -> bool:
    return field.message_type is not None and not _is_map(field)


def _reference(descriptor: Any) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{descriptor.name}"}
