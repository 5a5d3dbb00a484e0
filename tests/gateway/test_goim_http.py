import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from google.protobuf.message import Message

from gateway.go_text import ParameterRefused, Query
from gateway.goim_answers import HTML, JSON, Answer, failure, parameter_refusal
from gateway.goim_http import ROUTES, NoKeys, answer, find_route, slash_redirect
from schemas.messages_pb2 import (
    Backoff,
    InstancesReply,
    InstancesRequest,
    Node,
    PushReply,
    PushRequest,
    RoomCount,
    RoomsReply,
    RoomsRequest,
    TopReply,
    TopRequest,
    TotalReply,
    TotalRequest,
    WeightedReply,
    WeightedRequest,
)

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "goim_http.json").read_text())
REFUSED = [
    (case["target"], case["body"])
    for case in VECTORS["cases"]
    if case["status"] == 400 and case["router"] == "ok"
]


def asked(target: str) -> Message | None:
    parts = urlsplit(f"http://goim/goim/{target}")
    return ROUTES[parts.path].ask(Query(parts.query.encode()), "10.0.0.7")


def told(target: str, reply: Message) -> str:
    parts = urlsplit(f"http://goim/goim/{target}")
    given = answer(ROUTES[parts.path], reply, Query(parts.query.encode()))
    assert (given.status, given.content_type) == (200, JSON)
    return given.body.decode()


def data(target: str, reply: Message) -> str:
    text = told(target, reply)
    head, tail = '{"code":0,"message":"","data":', "}"
    assert text.startswith(head)
    return text[len(head) : -len(tail)]


@pytest.mark.parametrize(("target", "body"), REFUSED, ids=[target for target, _ in REFUSED])
def test_what_goim_refuses_is_refused_in_its_words(target: str, body: str) -> None:
    path, _, query = target.partition("?")
    with pytest.raises(ParameterRefused) as refused:
        ROUTES[path].ask(Query(query.encode()), "")
    assert parameter_refusal(str(refused.value)).body.decode() == body


@pytest.mark.parametrize(
    ("target", "request_"),
    [
        ("push/keys?operation=5&keys=a&keys=b", PushRequest(operation=5, keys=["a", "b"])),
        ("push/keys?keys=a,b&keys=a", PushRequest(keys=["a,b", "a"])),
        ("push/keys?keys=", None),
        ("push/mids?operation=-5&mids=2&mids=1&mids=2", PushRequest(operation=-5, mids=[2, 1])),
        ("push/mids?mids=9223372036854775807", PushRequest(mids=[2**63 - 1])),
        ("push/mids?mids=0&mids=-1&mids=", None),
        ("push/mids", None),
        (
            "push/room?operation=1&type=live&room=1000",
            PushRequest(operation=1, type="live", room="1000"),
        ),
        (
            "push/room?operation=1&type=live&room=%E6%88%BF&id=a-1",
            PushRequest(operation=1, type="live", room="房", id="a-1"),
        ),
        ("push/all?operation=1&speed=-3", PushRequest(operation=1, speed=-3)),
        ("online/top?type=li&limit=3", TopRequest(type="li", limit=3)),
        ("online/top?type=li&limit=2147483648", TopRequest(type="li", limit=2**31 - 1)),
        (
            "online/room?type=live&rooms=2&rooms=1&rooms=2",
            RoomsRequest(rooms=["live://2", "live://1"]),
        ),
        (
            f"online/room?type=live&rooms=&rooms=1&rooms={'x' * 129}",
            RoomsRequest(rooms=["live://1"]),
        ),
        ("online/room?type=live&rooms=", None),
        ("online/total?x=1", TotalRequest()),
        ("nodes/weighted?platform=web", WeightedRequest(platform="web", address="10.0.0.7")),
        ("nodes/instances", InstancesRequest()),
    ],
)
def test_a_query_becomes_the_request_to_the_router(target: str, request_: Message | None) -> None:
    assert asked(target) == request_


def test_a_push_to_keys_without_keys_is_its_own_refusal() -> None:
    with pytest.raises(NoKeys):
        asked("push/keys?operation=1")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("online/top?type=live&limit=-1", "limit must be over 0, not -1"),
        ("push/all?operation=1&id=a%20b", "id must be 1 to 128 visible ASCII characters"),
        ("push/all?operation=1&detail=%ff", "parameter detail is not UTF-8"),
        ("push/keys?operation=%zz&keys=a", 'invalid URL escape "%zz"'),
        (
            f"push/room?operation=1&type={'t' * 129}&room=1",
            "an id must have 1 to 128 bytes of UTF-8, this one has 129",
        ),
    ],
)
def test_what_goim_would_lose_or_fail_on_is_refused_with_words(target: str, words: str) -> None:
    with pytest.raises(ParameterRefused, match=f"^{words.replace('(', '.')}$"):
        asked(target)


def test_pushes_say_no_more_than_goim_does_unless_asked() -> None:
    reply = PushReply(sessions=2, sequences=[2**40, 8], dropped=1)
    assert told("push/all?operation=1", reply) == '{"code":0,"message":""}'
    assert told("push/all?operation=1&detail=1", reply) == (
        '{"code":0,"message":"","detail":{"sessions":2,"stored":[1099511627776,8],"dropped":1}}'
    )


def test_top_rooms_keep_the_routers_order_and_names() -> None:
    rooms = [RoomCount(room="1000", count=3), RoomCount(room="", count=1)]
    assert data("online/top?type=l&limit=9", TopReply(rooms=rooms)) == (
        '[{"room_id":"1000","count":3},{"room_id":"","count":1}]'
    )
    assert data("online/top?type=l&limit=9", TopReply()) == "[]"


def test_online_counts_are_sorted_as_go_sorts_and_0_where_nobody_is() -> None:
    reply = RoomsReply(online={"live://b": 3, "other://a": 9})
    assert data("online/room?type=live&rooms=b&rooms=a&rooms=B", reply) == '{"B":0,"a":0,"b":3}'


def test_totals_have_goims_names() -> None:
    reply = TotalReply(connections=3, client_addresses=1)
    assert data("online/total", reply) == '{"conn_count":3,"ip_count":1}'


def test_weighted_nodes_leave_out_zeros_and_fall_back_to_the_domain() -> None:
    reply = WeightedReply(
        domain="d.example",
        ws_port=3102,
        heartbeat=240,
        nodes=["a", "b"],
        backoff=Backoff(max_delay=300, factor=1.8, jitter=0.3),
    )
    assert data("nodes/weighted", reply) == (
        '{"domain":"d.example","ws_port":3102,"heartbeat":240,"nodes":["a","b"],'
        '"backoff":{"max_delay":300,"factor":1.8,"jitter":0.3}}'
    )
    assert data("nodes/weighted", WeightedReply(domain="d.example")) == (
        '{"domain":"d.example","nodes":["d.example"],"backoff":{}}'
    )


def test_nodes_are_told_as_instances_of_goims_discovery() -> None:
    node = Node(hostname="h", addresses=["1.2.3.4", "h.example"], wss_port=443, draining=True)
    (instance,) = json.loads(data("nodes/instances", InstancesReply(nodes=[node])))
    assert list(instance) == [
        "region",
        "zone",
        "env",
        "appid",
        "hostname",
        "addrs",
        "version",
        "latest_timestamp",
        "metadata",
    ]
    assert instance["addrs"] == ["wss://1.2.3.4:443", "wss://h.example:443"]
    assert instance["metadata"]["offline"] == "true"
    assert all(isinstance(value, str) for value in instance["metadata"].values())
    assert data("nodes/instances", InstancesReply()) == "null"


def test_routes_are_found_by_method_and_path_alone() -> None:
    assert find_route("POST", "/goim/push/keys") is ROUTES["/goim/push/keys"]
    for method, path in (
        ("GET", "/goim/push/keys"),
        ("HEAD", "/goim/online/total"),
        ("OPTIONS", "/goim/push/keys"),
        ("POST", "/goim/push/keys/"),
        ("POST", "/goim/push"),
    ):
        assert find_route(method, path) is None


def test_a_final_slash_is_redirected_where_the_route_takes_the_method() -> None:
    assert slash_redirect("POST", "/goim/push/keys/", b"keys=a%26b") == Answer(
        307, b"", "", "/goim/push/keys?keys=a%26b"
    )
    page = b'<a href="/goim/online/total?x=%c3&amp;y">Moved Permanently</a>.\n\n'
    assert slash_redirect("GET", "/goim/online/total/", b"x=\xc3&y") == Answer(
        301, page, HTML, "/goim/online/total?x=%c3&y"
    )
    for method, path in (
        ("GET", "/goim/push/keys/"),
        ("HEAD", "/goim/online/total/"),
        ("GET", "/goim/online/total//"),
        ("GET", "/goim/online/total"),
    ):
        assert slash_redirect(method, path, b"") is None


def test_a_failure_is_goims_object_with_any_status() -> None:
    assert failure(-500, "<away>") == Answer(
        200, b'{"code":-500,"message":"\\u003caway\\u003e"}', JSON
    )
