from copy import deepcopy
from typing import Any

import pytest

from schemas.call import Caller
from schemas.calls import CALLS
from schemas.openapi import openapi_document
from schemas.presence_reads import READS
from tests.schemas.openapi_rules import breaches

DOCUMENT = openapi_document(CALLS)


BY_HTTP = [call for call in CALLS if call.is_by_http]


def test_every_call_by_http_is_an_operation_of_its_own() -> None:
    posts = [path for path, item in DOCUMENT["paths"].items() if "post" in item]
    assert posts == [call.path for call in BY_HTTP]
    reads = [path for path, item in DOCUMENT["paths"].items() if "get" in item]
    assert sorted(reads) == sorted(read.path for read in READS)
    assert len(CALLS) > len(BY_HTTP) > 40


def test_who_may_call_and_what_may_be_refused_is_said() -> None:
    for call in BY_HTTP:
        operation = DOCUMENT["paths"][call.path]["post"]
        assert ("security" in operation) == (call.caller is not Caller.ANYONE)
        assert set(call.reasons) <= set(operation["x-reasons"])
        assert set(operation["responses"]) == {"200", "default"}


def test_every_schema_that_is_named_is_there() -> None:
    named = {
        part["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for one in DOCUMENT["paths"].values()
        if "post" in one
        for part in (one["post"]["requestBody"], *one["post"]["responses"].values())
    }
    assert named <= set(DOCUMENT["components"]["schemas"])


def test_it_is_what_openapi_asks_of_a_document() -> None:
    assert breaches(DOCUMENT) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("openapi", "3.0.0"),
        ("paths/~1api~1v1~1rooms~1open/post/operationId", "rooms.close"),
        ("paths/~1api~1v1~1rooms~1open/post/responses", {}),
        ("paths/~1api~1v1~1rooms~1open/post/responses/200", {"content": {}}),
        ("paths/~1api~1v1~1rooms~1open/fetch", {}),
        ("components/schemas/Room/properties/owner/type", "int64"),
        ("components/schemas/RoomReply/properties/room/$ref", "#/components/schemas/Chamber"),
        ("components/securitySchemes", {}),
    ],
)
def test_a_document_that_is_none_is_found_out(path: str, value: object) -> None:
    broken: Any = deepcopy(DOCUMENT)
    *words, last = (word.replace("~1", "/") for word in path.split("/"))
    place = broken
    for word in words:
        place = place[word]
    place[last] = value
    assert breaches(broken)
