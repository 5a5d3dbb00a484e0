from schemas.calls import CALLS, Caller
from schemas.openapi import openapi_document

DOCUMENT = openapi_document(CALLS)


def test_every_call_is_an_operation_of_its_own() -> None:
    assert list(DOCUMENT["paths"]) == [call.path for call in CALLS]
    names = [one["post"]["operationId"] for one in DOCUMENT["paths"].values()]
    assert len(set(names)) == len(CALLS)


def test_who_may_call_and_what_may_be_refused_is_said() -> None:
    for call in CALLS:
        operation = DOCUMENT["paths"][call.path]["post"]
        assert ("security" in operation) == (call.caller is not Caller.ANYONE)
        assert set(call.reasons) <= set(operation["x-reasons"])
        assert set(operation["responses"]) == {"200", "default"}


def test_every_schema_that_is_named_is_there() -> None:
    named = {
        part["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for one in DOCUMENT["paths"].values()
        for part in (one["post"]["requestBody"], *one["post"]["responses"].values())
    }
    assert named <= set(DOCUMENT["components"]["schemas"])
