"""The documents that are served describe what is served: no route more, none less."""

from starlette.routing import Route

from bus.connection import Bus
from gateway.http_api import make_app
from schemas.call import API
from schemas.calls import CALLS
from tests.gateway.http_servers import client_of, state_of
from tests.schemas.openapi_rules import breaches


async def test_the_routes_of_the_document_are_those_of_the_app(bus: Bus) -> None:
    for trusted in (False, True):
        served = {
            (route.path, method.lower())
            for route in make_app(state_of(bus), trusted).routes
            if isinstance(route, Route) and route.path.startswith(API)
            for method in (route.methods or set()) - {"HEAD"}
        }
        async with client_of(state_of(bus), trusted) as client:
            document = (await client.get("/openapi.json")).json()
        described = {(path, method) for path, item in document["paths"].items() for method in item}
        assert served == described
        assert breaches(document) == []


async def test_every_call_is_in_the_document_of_nats(bus: Bus) -> None:
    async with client_of(state_of(bus), trusted=False) as client:
        answer = await client.get("/asyncapi.json")
    addresses = {one["address"] for one in answer.json()["channels"].values()}
    assert addresses == {call.subject(bus.subjects) for call in CALLS}
    assert answer.headers["content-type"] == "application/json"
