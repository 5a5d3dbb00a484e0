"""EDGE `GET /openapi.json` and `GET /asyncapi.json`: the calls as documents, made at the start."""

from json import dumps
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.asyncapi import asyncapi_document
from schemas.calls import CALLS
from schemas.openapi import openapi_document
from schemas.subjects import Subjects


def document_routes(subjects: Subjects) -> list[Route]:
    """Return the two routes."""
    return [
        Route("/openapi.json", _endpoint(openapi_document(CALLS))),
        Route("/asyncapi.json", _endpoint(asyncapi_document(CALLS, subjects))),
    ]


def _endpoint(document: dict[str, Any]) -> Any:
    body = dumps(document, indent=2).encode()

    async def endpoint(request: Request) -> Response:
        return Response(body, media_type="application/json")

    return endpoint
