import json
from pathlib import Path

import pytest

from bus.connection import Bus
from bus.errors import RpcError
from bus.limits import KEY_PUSHES, Excess, LimitModes
from gateway.http_api import HttpSettings, make_app
from gateway.proxies import Proxies
from schemas.messages_pb2 import PushRequest, TopRequest, WeightedRequest
from tests.gateway.http_servers import (
    BEARER,
    OK,
    PUSH,
    FakeRouter,
    WireAnswer,
    ask,
    client_of,
    serving,
    state_of,
)

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "goim_http.json").read_text())

# Where the answer differs from goim's on purpose (gateway/goim_http.py says why).
NODE_JSON = (
    '{"region":"sh","zone":"sh001","env":"","appid":"goim.comet","hostname":"comet1",'
    '"addrs":["tcp://10.0.0.5:3101","ws://10.0.0.5:3102"],"version":"",'
    '"latest_timestamp":1514764800000000000,"metadata":{"addrs":"10.0.0.5","conn_count":"3",'
    '"gateway":"host-1-ab","ip_count":"1","offline":"false","weight":"10"}}'
)
FAILING = VECTORS["failing_words"].replace("<", "\\u003c").replace(">", "\\u003e")
FAILING = FAILING.replace("&", "\\u0026").replace('"', '\\"')
KEYS_FAILING = f'{{"code":-400,"message":"{FAILING}"}}'
BETTER = {
    ("ok", "/goim/online/top?type=live&limit=-1"): (
        400,
        '{"code":-400,"message":"limit must be over 0, not -1"}',
    ),
    ("ok", "/goim/nodes/instances"): (200, f'{{"code":0,"message":"","data":[{NODE_JSON}]}}'),
    ("failing", "/goim/push/keys?operation=1&keys=a"): (200, KEYS_FAILING),
    ("failing", "/goim/online/top?type=live&limit=1"): (200, KEYS_FAILING),
    ("failing", "/goim/online/room?type=live&rooms=1"): (200, KEYS_FAILING),
}


def differs(case: dict[str, str | int], answer: WireAnswer) -> bool:
    status, body = BETTER.get(
        (str(case["router"]), str(case["target"])), (case["status"], case["body"])
    )
    content_type = case["content_type"] or ("text/plain; charset=utf-8" if status == 400 else "")
    expected = (status, content_type, case.get("location", ""), body)
    headers = answer.headers
    return expected != (
        answer.status,
        headers.get("content-type", ""),
        headers.get("location", ""),
        answer.body,
    )


@pytest.mark.parametrize("behaviour", ["ok", "failing", "empty"])
async def test_every_answer_is_goims_to_the_byte(
    bus: Bus, router: FakeRouter, behaviour: str
) -> None:
    router.has_nodes = behaviour != "empty"
    if behaviour == "failing":
        router.refusal = RpcError(503, VECTORS["failing_words"])
    cases = [case for case in VECTORS["cases"] if case["router"] == behaviour]
    assert cases
    wrong = []
    async with serving(make_app(state_of(bus), trusted=True)) as port:
        for case in cases:
            body = b"hello" if case["method"] in ("POST", "PUT", "PATCH") else None
            answer = await ask(port, case["method"], case["target"], body)
            if differs(case, answer):
                wrong.append((case, answer))
    assert wrong == []


async def test_a_push_reaches_the_router_with_all_its_parameters(
    bus: Bus, router: FakeRouter
) -> None:
    pushes = [
        ("keys?operation=1000&keys=a&keys=&keys=b,c", {"keys": ["a", "b,c"]}),
        ("mids?operation=1000&mids=5&mids=0&mids=-7&mids=5&mids=6", {"mids": [5, 6]}),
        ("room?operation=1000&type=live&room=%2Fx%20y", {"type": "live", "room": "/x y"}),
        ("all?operation=1000&speed=9&id=m-1", {"speed": 9, "id": "m-1"}),
    ]
    async with client_of(state_of(bus), trusted=True) as client:
        for target, fields in pushes:
            answer = await client.post(f"/goim/push/{target}", content=b"\x00{}\xff")
            assert answer.text == OK
            expected = PushRequest(operation=1000, body=b"\x00{}\xff", **fields)  # type: ignore[arg-type]
            assert router.requests[-1] == expected
    assert len(router.requests) == len(pushes)


async def test_pushes_that_reach_nobody_are_not_sent_to_the_router(
    bus: Bus, router: FakeRouter
) -> None:
    async with client_of(state_of(bus), trusted=True) as client:
        for target in ("keys?keys=", "mids?mids=-1&mids=0", "mids"):
            assert (await client.post(f"/goim/push/{target}")).text == OK
        answer = await client.post("/goim/push/mids?detail=1")
    assert answer.text == '{"code":0,"message":"","detail":{"sessions":0,"stored":[],"dropped":0}}'
    assert router.requests == []


async def test_detail_tells_what_happened_to_a_push(bus: Bus, router: FakeRouter) -> None:
    detail = '{"code":0,"message":"","detail":{"sessions":2,"stored":[7,8],"dropped":1}}'
    async with client_of(state_of(bus), trusted=True) as client:
        assert (await client.post(f"{PUSH}&detail=1")).text == detail
        assert (await client.post(f"{PUSH}&detail=0")).text == OK


async def test_the_router_is_asked_with_bounded_numbers_and_the_callers_address(
    bus: Bus, router: FakeRouter
) -> None:
    async with client_of(state_of(bus), trusted=True) as client:
        await client.get("/goim/online/top?type=live&limit=9223372036854775807")
        await client.get("/goim/nodes/weighted?platform=web")
        await client.get("/goim/online/room?type=live&rooms=" + "x" * 200)
    assert router.requests == [
        TopRequest(type="live", limit=2**31 - 1),
        WeightedRequest(platform="web", address="127.0.0.1"),
    ]


async def test_the_caller_behind_a_listed_proxy_is_known_by_its_own_address(
    bus: Bus, router: FakeRouter
) -> None:
    state = state_of(bus)
    state.proxies = Proxies.read(("127.0.0.0/8",))
    async with client_of(state, trusted=True) as client:
        headers = {"X-Forwarded-For": "1.1.1.1, 198.51.100.7"}
        await client.get("/goim/nodes/weighted?platform=web", headers=headers)
        await client.get("/goim/nodes/weighted?platform=web")
    assert router.requests == [
        WeightedRequest(platform="web", address="198.51.100.7"),
        WeightedRequest(platform="web", address="127.0.0.1"),
    ]


async def test_a_refusal_by_the_router_that_is_the_callers_fault_says_so(
    bus: Bus, router: FakeRouter
) -> None:
    async with client_of(state_of(bus), trusted=True) as client:
        router.refusal = RpcError(403, "not to this room")
        refused = await client.post(PUSH)
        router.refusal = RpcError(413, "too large")
        large = await client.post(PUSH)
    assert (refused.status_code, refused.text) == (
        400,
        '{"code":-400,"message":"not to this room"}',
    )
    assert refused.headers["content-type"] == "text/plain; charset=utf-8"
    assert (large.status_code, large.text) == (413, '{"code":-413,"message":"too large"}')


async def test_without_a_router_the_answer_says_so_in_goims_shape(bus: Bus, prefix: str) -> None:
    expected = {
        "/goim/push/keys?keys=a": (-400, "pushes.keys"),
        "/goim/push/mids?mids=1": (-500, "pushes.mids"),
        "/goim/push/room?operation=1&type=live&room=1": (-500, "pushes.room"),
        PUSH: (-500, "pushes.all"),
        "/goim/online/top?type=live&limit=1": (-400, "presence.top"),
        "/goim/online/room?type=live&rooms=1": (-400, "presence.rooms"),
        "/goim/online/total": (-400, "presence.total"),
        "/goim/nodes/weighted": (-500, "nodes.weighted"),
        "/goim/nodes/instances": (-500, "nodes.instances"),
    }
    async with client_of(state_of(bus), trusted=True) as client:
        for target, (code, subject) in expected.items():
            method = "POST" if "/push/" in target else "GET"
            answer = await client.request(method, target)
            words = f"nobody answers on {prefix}.{subject}"
            assert (answer.status_code, answer.json()) == (200, {"code": code, "message": words})


async def test_a_browser_page_of_another_site_cannot_push_on_the_trusted_listener(
    bus: Bus, router: FakeRouter
) -> None:
    state = state_of(bus)
    async with client_of(state, trusted=True) as client:
        refused = await client.post(PUSH, headers={"Sec-Fetch-Site": "cross-site"})
        taken = await client.post(PUSH, headers={"Sec-Fetch-Site": "same-origin"})
    assert (refused.status_code, refused.json()["code"]) == (403, -403)
    assert taken.text == OK
    assert len(router.requests) == 1
    assert state.refused == {"cross_site": 1}


async def test_a_parameter_that_cannot_be_meant_is_refused_with_words(
    bus: Bus, router: FakeRouter
) -> None:
    room = "/goim/push/room?operation=1&type=live"
    refused = {
        f"{room}&room=%zz": 'invalid URL escape "%zz"',
        f"{room}&room=a;b": "invalid semicolon separator in query",
        f"{room}&room=%ff": "parameter room is not UTF-8",
        f"{room}&room={'x' * 129}": ("an id must have 1 to 128 bytes of UTF-8, this one has 129"),
        f"{PUSH}&id=": "id must be 1 to 128 visible ASCII characters",
        f"{PUSH}&id=a%0d%0ab": "id must be 1 to 128 visible ASCII characters",
        f"{PUSH}&id={'x' * 129}": "id must be 1 to 128 visible ASCII characters",
        "/goim/push/keys?operation=1&keys=%ff": "parameter keys is not UTF-8",
    }
    async with serving(make_app(state_of(bus), trusted=True)) as port:
        for target, words in refused.items():
            answer = await ask(port, "POST", target, b"")
            assert answer.status == 400, target
            assert json.loads(answer.body) == {"code": -400, "message": words}
    assert router.requests == []


async def test_pushes_with_the_key_have_a_rate(bus: Bus, router: FakeRouter) -> None:
    settings = HttpSettings(key_pushes_per_second=0.01, key_pushes_burst=2)
    state = state_of(bus, settings)
    async with client_of(state, trusted=False) as client:
        answers = [await client.post(PUSH, headers=BEARER) for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 429, 429]
        assert answers[2].json()["code"] == -429
        assert answers[2].json()["message"].startswith("too many pushes with this key")
        assert answers[2].headers["Retry-After"] == "1"
        assert (await client.get("/goim/online/total", headers=BEARER)).status_code == 200
    async with client_of(state, trusted=True) as client:
        assert (await client.post(PUSH)).status_code == 200
    assert state.excess.counts["key_pushes"] == state.refused["key_pushes"] == 2


async def test_in_a_dry_run_pushes_over_the_rate_are_only_counted(
    bus: Bus, router: FakeRouter
) -> None:
    state = state_of(bus, HttpSettings(key_pushes_per_second=0.01, key_pushes_burst=1))
    state.excess = Excess(LimitModes("dry-run"), [KEY_PUSHES])
    async with client_of(state, trusted=False) as client:
        answers = [await client.post(PUSH, headers=BEARER) for _ in range(3)]
    assert [one.status_code for one in answers] == [200] * 3
    assert state.excess.counts["key_pushes"] == 2
