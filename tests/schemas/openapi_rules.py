"""What OpenAPI 3.1 asks of a document, as far as ours uses it: each breach in words."""

import re
from collections.abc import Iterator
from typing import Any

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
TOP = {"openapi", "info", "paths", "components", "security", "tags", "servers", "webhooks"}
OPERATION = {"tags", "summary", "description", "operationId", "parameters", "requestBody"}
OPERATION |= {"responses", "security", "deprecated", "servers", "callbacks"}
COMPONENTS = {"schemas", "securitySchemes", "responses", "parameters", "requestBodies"}
PARAMETER = {"name", "in", "required", "description", "schema"}
SCHEMA = {"$ref", "type", "format", "pattern", "minimum", "properties", "required", "items"}
SCHEMA |= {"additionalProperties", "contentEncoding", "description"}
TYPES = {"string", "integer", "number", "boolean", "object", "array", "null"}


def breaches(document: dict[str, Any]) -> list[str]:
    """Return what is wrong."""
    return list(_document(document))


def _document(document: dict[str, Any]) -> Iterator[str]:
    yield from _known("the document", document, TOP)
    if not re.fullmatch(r"3\.1\.\d+", document.get("openapi", "")):
        yield "openapi is no version 3.1"
    if not {"title", "version"} <= document.get("info", {}).keys():
        yield "info lacks title or version"
    names: list[str] = []
    for path, item in document.get("paths", {}).items():
        if not path.startswith("/"):
            yield f"{path} does not begin with /"
        yield from _known(path, item, METHODS)
        for method, operation in item.items():
            names.append(operation.get("operationId", ""))
            yield from _operation(f"{method} {path}", operation, document)
    if len(set(names)) != len(names):
        yield "an operationId is there twice"
    components = document.get("components", {})
    yield from _known("components", components, COMPONENTS)
    for name, schema in components.get("schemas", {}).items():
        if not re.fullmatch(r"[a-zA-Z0-9._-]+", name):
            yield f"{name} is no name of a component"
        yield from _schema(f"schema {name}", schema, document)
    for name, scheme in components.get("securitySchemes", {}).items():
        if scheme.get("type") != "http" or "scheme" not in scheme:
            yield f"security scheme {name} is none"


def _operation(place: str, operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    yield from _known(place, operation, OPERATION)
    if not operation.get("responses"):
        yield f"{place} has no responses"
    for status, response in operation.get("responses", {}).items():
        if not re.fullmatch(r"default|[1-5](\d\d|XX)", status):
            yield f"{place}: {status} is no status"
        if "description" not in response:
            yield f"{place}: response {status} has no description"
        yield from _content(f"{place} {status}", response, document)
    if "requestBody" in operation:
        yield from _content(place, operation["requestBody"], document)
    for parameter in operation.get("parameters", []):
        yield from _known(place, parameter, PARAMETER)
        if parameter.get("in") not in ("query", "header", "path", "cookie"):
            yield f"{place}: parameter {parameter.get('name')} is nowhere"
        yield from _schema(place, parameter.get("schema"), document)
    schemes = document.get("components", {}).get("securitySchemes", {})
    for need in operation.get("security", []):
        if not need.keys() <= schemes.keys():
            yield f"{place} needs an unknown security scheme"


def _content(place: str, holder: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    if not holder.get("content"):
        yield f"{place} has no content"
    for kind, media in holder.get("content", {}).items():
        if "/" not in kind:
            yield f"{place}: {kind} is no media type"
        yield from _schema(place, media.get("schema"), document)


def _schema(place: str, schema: Any, document: dict[str, Any]) -> Iterator[str]:
    if not isinstance(schema, dict):
        yield f"{place}: a schema is none"
        return
    yield from _known(place, schema, SCHEMA)
    if "$ref" in schema and _resolve(schema["$ref"], document) is None:
        yield f"{place}: {schema['$ref']} leads nowhere"
    kinds = schema.get("type", [])
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if kind not in TYPES:
            yield f"{place}: {kind} is no type"
    properties = schema.get("properties", {})
    if not set(schema.get("required", [])) <= properties.keys():
        yield f"{place}: something is required that is not there"
    inner = [*properties.values(), *(schema[one] for one in ("items",) if one in schema)]
    if isinstance(schema.get("additionalProperties"), dict):
        inner.append(schema["additionalProperties"])
    for one in inner:
        yield from _schema(place, one, document)


def _known(place: str, values: dict[str, Any], known: set[str]) -> Iterator[str]:
    for name in values.keys() - known:
        if not name.startswith("x-"):
            yield f"{place}: {name} has no meaning there"


def _resolve(reference: str, document: Any) -> Any:
    for word in reference.removeprefix("#/").split("/"):
        document = document.get(word) if isinstance(document, dict) else None
    return document
