"""`goim.accounts.login`, `refresh` and `logout`, over NATS."""

import asyncio
import json
from typing import Any

import jwt
import pytest

from auth.keys import KeyRing, make_key
from auth.tokens import TokenRules
from bus.service import Service
from schemas.messages_pb2 import Backoff, WeightedReply, WeightedRequest

from .desk import ADDRESS, PASSWORD, Desk
from .signing import NOW, OTHER_SECRET, PUBLIC_PEM, SECRET, claims, token

NEW_KEY = make_key("2", "HS256", OTHER_SECRET)
OLD_KEY = make_key("1", "HS256", SECRET)


def claims_of(answer: dict[str, Any], secret: str = SECRET) -> dict[str, Any]:
    read: dict[str, Any] = jwt.decode(
        answer["token"],
        secret,
        ["HS256"],
        audience="goimbus",
        options={"verify_exp": False, "verify_iat": False},
    )
    return read


async def test_a_login_answers_with_all_that_a_goim_client_needs(desk: Desk) -> None:
    mid = await desk.register("Ann")
    answer = await desk.login(
        "ANN", platform="web", key="k1", accepts=[1000, 1001], room="live://7", address=ADDRESS
    )
    assert answer["mid"] == str(mid)
    assert (answer["name"], answer["role"]) == ("Ann", "user")
    assert answer["expires_at"] == str(NOW + 3600)
    assert answer["refresh_expires_at"] == str(NOW + 30 * 86_400)
    assert answer["push_subject"] == f"{desk.bus.subjects.prefix}.push.member.{mid}"
    assert answer["push_url"] == f"https://push.example/goim/push/mids?mids={mid}"
    assert json.loads(answer["auth"]) == {
        "mid": mid,
        "key": "k1",
        "room_id": "live://7",
        "platform": "web",
        "accepts": [1000, 1001],
        "token": answer["token"],
    }
    read = claims_of(answer)
    assert read.pop("jti").partition(".")[0] == answer["refresh_token"].partition(".")[0]
    assert read == {
        "sub": str(mid),
        "iat": NOW,
        "exp": NOW + 3600,
        "aud": "goimbus",
        "role": "user",
        "generation": 0,
        "platform": "web",
        "key": "k1",
        "accepts": [1000, 1001],
        "rooms": [
            "live://*",
            {"pattern": "news://*", "receive": True, "send": False, "history": False},
        ],
    }


async def test_the_auth_json_is_what_the_check_lets_in(desk: Desk) -> None:
    mid = await desk.register("Ann")
    answer = await desk.login(platform="ios", room="live://7")
    grant = await desk.check(answer["auth"])
    assert (grant["mid"], grant["room"], grant["platform"]) == (mid, "live://7", "ios")
    assert grant["accepts"] == [1000]
    assert [one["pattern"] for one in grant["rooms"]] == ["live://*", "news://*"]
    assert grant["token_id"] == claims_of(answer)["jti"]
    assert grant["role"] == "user"


async def test_the_router_says_which_gateways_to_try(desk: Desk) -> None:
    asked: list[WeightedRequest] = []

    async def weighted(request: WeightedRequest) -> WeightedReply:
        asked.append(request)
        return WeightedReply(nodes=["gate1"], ws_port=3102, backoff=Backoff(max_delay=9))

    router = Service(desk.bus, "router", "1.0.0", "for the test")
    subject = desk.bus.subjects.rpc("nodes", "weighted")
    router.serve("weighted", subject, WeightedRequest, WeightedReply, weighted)
    await desk.bus.flush()
    await desk.register("Ann")
    answer = await desk.login(platform="web", address=ADDRESS)
    assert answer["connect"] == {"nodes": ["gate1"], "ws_port": 3102, "backoff": {"max_delay": 9}}
    assert (asked[0].platform, asked[0].address) == ("web", ADDRESS)


async def test_without_a_router_a_login_names_no_gateway_but_goims_backoff(desk: Desk) -> None:
    await desk.register("Ann")
    connect = (await desk.login())["connect"]
    assert "nodes" not in connect
    assert connect["backoff"]["max_delay"] == 300


@pytest.mark.parametrize("name", ["Nobody", "", "x" * 5000, "\0", "*"])
async def test_a_name_that_nobody_has_is_refused_like_a_wrong_password(
    desk: Desk, name: str
) -> None:
    await desk.register("Ann")
    wrong = await desk.reason("login", name="Ann", password="wrong password")
    assert wrong == await desk.reason("login", name=name, password=PASSWORD) == "login_failed"


async def test_an_unknown_name_costs_one_comparison_too(desk: Desk) -> None:
    await desk.register("Ann")
    hasher = desk.services[0].accounts.desk.gate.hasher
    before = hasher.hashed
    for name in ("Ann", "Nobody"):
        await desk.reason("login", name=name, password="wrong password")
    assert hasher.hashed == before + 2


@pytest.mark.parametrize(
    "fields",
    [
        {"platform": "x" * 129},
        {"key": "x" * 129},
        {"room": "live://"},
        {"room": "x" * 129},
        {"accepts": list(range(101))},
    ],
)
async def test_what_no_token_can_hold_is_refused(desk: Desk, fields: dict[str, Any]) -> None:
    await desk.register("Ann")
    assert await desk.reason("login", name="Ann", password=PASSWORD, **fields) == "bad_field"


async def test_a_refresh_token_is_good_once(desk: Desk) -> None:
    mid = await desk.register("Ann")
    first = await desk.login(platform="web", key="k1", accepts=[5], room="live://7")
    desk.clock.now += 100
    second = await desk.call("refresh", refresh_token=first["refresh_token"])
    assert second["mid"] == str(mid)
    assert second["refresh_token"] != first["refresh_token"]
    assert second["refresh_expires_at"] == str(NOW + 100 + 30 * 86_400)
    auth = json.loads(second["auth"])
    assert (auth["key"], auth["room_id"], auth["accepts"]) == ("k1", "live://7", [5])
    third = await desk.call("refresh", refresh_token=second["refresh_token"])
    assert await desk.reason("refresh", refresh_token=third["refresh_token"]) == "ok"


async def test_a_used_refresh_token_ends_the_login_for_both_who_have_it(desk: Desk) -> None:
    await desk.register("Ann")
    first = await desk.login()
    other = await desk.login()
    second = await desk.call("refresh", refresh_token=first["refresh_token"])
    desk.clock.now += 11
    reused = await desk.reason("refresh", refresh_token=first["refresh_token"], address=ADDRESS)
    assert reused == "refresh_reused"
    assert (await desk.event("refresh_reused")).address == ADDRESS
    assert await desk.reason("refresh", refresh_token=second["refresh_token"]) == "refresh_refused"
    refused = await desk.check(second["auth"])
    assert refused["error"]["message"] == "the token was revoked: log in again"
    assert await desk.reason("refresh", refresh_token=other["refresh_token"]) == "ok"
    assert "error" not in await desk.check(other["auth"])


async def test_a_retry_whose_answer_was_lost_gets_the_same_refresh_token(desk: Desk) -> None:
    await desk.register("Ann")
    first = await desk.login()
    second = await desk.call("refresh", refresh_token=first["refresh_token"])
    desk.clock.now += 9
    again = await desk.call("refresh", refresh_token=first["refresh_token"])
    assert again["refresh_token"] == second["refresh_token"]
    third = await desk.call("refresh", refresh_token=again["refresh_token"])
    late = await desk.reason("refresh", refresh_token=first["refresh_token"])
    assert late == "refresh_reused"  # its successor was used: this is no retry
    assert await desk.reason("refresh", refresh_token=third["refresh_token"]) == "refresh_refused"


async def test_without_a_grace_time_any_second_use_ends_the_login(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(refresh_grace_seconds=0)
    await desk.register("Ann")
    first = await desk.login()
    await desk.call("refresh", refresh_token=first["refresh_token"])
    desk.clock.now += 0.001
    reused = await desk.reason("refresh", refresh_token=first["refresh_token"])
    assert reused == "refresh_reused"


async def test_two_refreshes_at_once_get_the_same_next_token(desk: Desk) -> None:
    await desk.start()
    await desk.register("Ann")
    first = await desk.login()
    answers = await asyncio.gather(
        *(desk.call("refresh", refresh_token=first["refresh_token"]) for _ in range(4))
    )
    assert len({one["refresh_token"] for one in answers}) == 1
    nexts = answers[0]["refresh_token"]
    assert await desk.reason("refresh", refresh_token=nexts) == "ok"


@pytest.mark.parametrize("text", ["", "x", "a.b", "x" * 10_000, "A" * 16 + "." + "A" * 43, "*.>"])
async def test_what_is_no_refresh_token_is_refused(desk: Desk, text: str) -> None:
    assert await desk.reason("refresh", refresh_token=text) == "refresh_refused"
    if text:
        assert await desk.reason("logout", refresh_token=text) == "refresh_refused"


@pytest.mark.parametrize("by", ["token", "refresh_token"])
async def test_after_a_logout_neither_token_is_good(desk: Desk, by: str) -> None:
    await desk.register("Ann")
    ended, other = await desk.login(), await desk.login()
    second = await desk.call("refresh", refresh_token=ended["refresh_token"])
    assert await desk.call("logout", **{by: second[by]}) == {}
    for one in (ended, second):
        assert (await desk.check(one["auth"]))["error"]["retry"] == "never"
        assert await desk.reason("show", token=one["token"]) == "token_refused"
    assert await desk.reason("refresh", refresh_token=second["refresh_token"]) == "refresh_refused"
    assert "error" not in await desk.check(other["auth"])


async def test_a_logout_may_be_repeated(desk: Desk) -> None:
    await desk.register("Ann")
    answer = await desk.login()
    await desk.call("logout", token=answer["token"])
    await desk.check("{}")
    assert await desk.call("logout", token=answer["token"]) == {}


async def test_a_logout_everywhere_ends_all_logins_but_not_the_next(desk: Desk) -> None:
    await desk.register("Ann")
    first, second = await desk.login(), await desk.login()
    await desk.call("logout", token=first["token"], everywhere=True)
    desk.clock.now += 1
    for one in (first, second):
        assert (await desk.check(one["auth"]))["error"]["code"] == 4002
        assert await desk.reason("refresh", refresh_token=one["refresh_token"]) == (
            "refresh_refused"
        )
    third = await desk.login()
    assert "error" not in await desk.check(third["auth"])
    await desk.call("logout", refresh_token=third["refresh_token"], everywhere=True)
    assert (await desk.event("logged_out")).name == "Ann"


async def test_a_token_of_a_site_is_ended_by_its_jti(desk: Desk) -> None:
    signed = token(jti="site 7", iss=None)
    other = token(jti="site 8", iss=None)
    assert (await desk.check(signed))["mid"] == 123
    await desk.call("logout", token=signed)
    assert (await desk.check(signed))["error"]["code"] == 4001
    assert (await desk.check(other))["mid"] == 123
    assert await desk.reason("logout", token=token(iss=None)) == "bad_field"
    assert await desk.reason("logout", token=token(jti="x" * 129, iss=None)) == "bad_field"


async def test_a_logout_needs_a_token(desk: Desk) -> None:
    assert await desk.reason("logout") == "token_missing"
    assert await desk.reason("logout", token="x") == "token_refused"


async def test_a_key_is_changed_without_turning_anybody_away(empty_desk: Desk) -> None:
    desk = empty_desk
    both = TokenRules(KeyRing.of([OLD_KEY, NEW_KEY]), audience="goimbus")
    for _ in range(3):  # step 1: all know both keys, and sign with the old one
        await desk.start(both)
    await desk.register("Ann")
    old = await desk.login()
    await desk.start(both, key=NEW_KEY)  # step 2: one of four signs with the new one already
    new_ones: list[dict[str, Any]] = []
    while not new_ones:
        answer = await desk.login()
        if jwt.get_unverified_header(answer["token"])["kid"] == "2":
            new_ones.append(answer)
    for answer in (old, new_ones[0]):
        verdicts = {json.dumps(await desk.check(answer["auth"])) for _ in range(20)}
        assert len(verdicts) == 1, "one and the same verdict, whichever process is asked"
        assert "error" not in verdicts.pop()
    assert claims_of(new_ones[0], OTHER_SECRET)["sub"] == old["mid"]
    refreshed = await desk.call("refresh", refresh_token=old["refresh_token"])
    assert "error" not in await desk.check(refreshed["auth"])


async def test_a_revocation_holds_in_every_process(desk: Desk) -> None:
    for _ in range(3):
        await desk.start()
    await desk.register("Ann")
    answer = await desk.login()
    await desk.call("logout", token=answer["token"])
    verdicts = {json.dumps(await desk.check(answer["auth"])) for _ in range(20)}
    assert len(verdicts) == 1
    assert json.loads(verdicts.pop())["error"]["code"] == 4001


async def test_a_process_that_starts_later_knows_what_is_revoked(desk: Desk) -> None:
    await desk.register("Ann")
    answer = await desk.login()
    await desk.call("logout", token=answer["token"])
    await desk.services.pop().close()
    await desk.start()
    assert (await desk.check(answer["auth"]))["error"]["code"] == 4001


async def test_without_a_key_that_can_sign_nobody_logs_in(empty_desk: Desk) -> None:
    desk = empty_desk
    verifying = TokenRules(KeyRing.of([make_key("ed", "EdDSA", PUBLIC_PEM)]), audience="goimbus")
    await desk.start(verifying, key=None)
    await desk.register("Ann")
    assert await desk.reason("login", name="Ann", password=PASSWORD) == "no_signing_key"
    assert await desk.reason("refresh", refresh_token="x") == "no_signing_key"


async def test_password_and_tokens_are_in_no_event(desk: Desk) -> None:
    await desk.register("Ann")
    answer = await desk.login()
    await desk.call("logout", token=answer["token"], everywhere=True)
    await desk.settled()
    told = str(desk.events)
    secrets = (PASSWORD, answer["token"], answer["refresh_token"], str(claims()["exp"]))
    assert not any(secret in told for secret in secrets)
