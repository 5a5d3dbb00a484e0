"""`goim.accounts.show`, `deactivate`, `reactivate`, `role` and `list`, over NATS."""

from typing import Any

import pytest

from auth.names import name_digest

from .desk import API_KEY, PASSWORD, Desk


async def names(desk: Desk, **fields: Any) -> list[str]:
    answer = await desk.call("list", token=API_KEY, **fields)
    return [one["name"] for one in answer.get("accounts", [])]


async def test_a_member_sees_its_own_account(desk: Desk) -> None:
    mid = await desk.register("Ann", contact="ann@site.example")
    bearer = (await desk.login())["token"]
    assert (await desk.call("show", token=bearer))["account"] == {
        "mid": str(mid),
        "name": "Ann",
        "role": "user",
        "state": "active",
        "contact": "ann@site.example",
        "created_at": str(int(desk.clock.now)),
    }


async def test_an_operator_sees_any_account_by_mid_or_name(desk: Desk) -> None:
    mid = await desk.register("Ann")
    olga = await desk.operator_token()
    for bearer in (olga, API_KEY):
        by_mid = await desk.call("show", token=bearer, mid=mid)
        assert by_mid == await desk.call("show", token=bearer, name="ANN")
    assert await desk.reason("show", token=API_KEY, name="Nobody") == "account_unknown"
    for wrong in (1, -1, 2**63 - 1, mid + 1):
        expected = "ok" if wrong == mid + 1 else "account_unknown"
        assert await desk.reason("show", token=API_KEY, mid=wrong) == expected
    assert await desk.reason("show", token=API_KEY, mid=mid, name="Olga") == "account_unknown"


async def test_a_deactivated_member_is_out_everywhere_until_it_is_reactivated(desk: Desk) -> None:
    mid = await desk.register("Ann")
    login = await desk.login()
    olga = await desk.operator_token()
    closed = await desk.call("deactivate", token=olga, mid=mid)
    assert closed["account"]["state"] == "deactivated"
    assert (await desk.event("deactivated")).by == mid + 1
    refusal = (await desk.check(login["auth"]))["error"]
    assert (refusal["code"], refusal["retry"]) == (4001, "never")
    assert await desk.reason("refresh", refresh_token=login["refresh_token"]) == "deactivated"
    assert await desk.reason("login", name="Ann", password=PASSWORD) == "deactivated"
    assert await desk.reason("login", name="Ann", password="wrong") == "login_failed"
    assert await desk.reason("show", token=login["token"]) == "token_refused"
    taken = await desk.reason("register", name="Ann", password=PASSWORD)
    assert taken == "name_taken"
    opened = await desk.call("reactivate", token=olga, name="Ann")
    assert opened["account"]["state"] == "active"
    assert (await desk.check(login["auth"]))["error"]["code"] == 4002
    assert "error" not in await desk.check((await desk.login())["auth"])


async def test_one_closes_one_s_own_account_by_the_password(desk: Desk) -> None:
    await desk.register("Ann")
    bearer = (await desk.login())["token"]
    assert await desk.reason("deactivate", token=bearer, password="wrong") == "login_failed"
    assert await desk.reason("deactivate", token=bearer) == "login_failed"
    answer = await desk.call("deactivate", token=bearer, password=PASSWORD)
    assert answer["account"]["state"] == "deactivated"
    assert (await desk.event("deactivated")).by == 0


async def test_a_blocked_member_is_out_in_open_mode_too(desk: Desk) -> None:
    mid = await desk.register("Ann")
    await desk.call("deactivate", token=API_KEY, mid=mid)
    responder = desk.services[0].responder
    await desk.check("{}")
    object.__setattr__(responder.rules, "unsigned", True)
    assert (await desk.check(f'{{"mid":{mid}}}'))["error"]["code"] == 4001
    assert (await desk.check('{"mid":5}'))["mid"] == 5


async def test_a_new_role_voids_access_tokens_and_a_refresh_gives_it(desk: Desk) -> None:
    mid = await desk.register("Ann")
    login = await desk.login()
    answer = await desk.call("role", token=API_KEY, mid=mid, role="operator")
    assert answer["account"]["role"] == "operator"
    assert (await desk.event("role_changed")).role == "operator"
    assert (await desk.check(login["auth"]))["error"]["retry"] == "token"
    refreshed = await desk.call("refresh", refresh_token=login["refresh_token"])
    assert refreshed["role"] == "operator"
    grant = await desk.check(refreshed["auth"])
    assert [one["pattern"] for one in grant["rooms"]] == ["*"]
    assert await desk.reason("list", token=refreshed["token"]) == "ok"
    assert await desk.reason("role", token=API_KEY, mid=mid, role="king") == "bad_field"
    before = len(desk.events)
    await desk.call("role", token=API_KEY, mid=mid, role="operator")
    await desk.settled()
    assert len(desk.events) == before
    assert "error" not in await desk.check(refreshed["auth"])


async def test_a_new_role_does_not_open_a_closed_account(desk: Desk) -> None:
    mid = await desk.register("Ann")
    login = await desk.login()
    await desk.call("deactivate", token=API_KEY, mid=mid)
    await desk.call("role", token=API_KEY, mid=mid, role="service")
    assert (await desk.check(login["auth"]))["error"]["code"] == 4001


async def test_an_operator_activates_a_pending_account_for_good(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(activation="code", pending_seconds=60)
    mid = await desk.register("Ann")
    await desk.call("reactivate", token=API_KEY, mid=mid)
    assert (await desk.login())["mid"] == str(mid)
    bucket = desk.services[0].accounts.desk.book.accounts
    stream = bucket.stream
    for key in (f"mid.{mid}",):
        message = await desk.bus.jetstream.get_last_msg(stream, bucket.subject(key))
        assert "Nats-TTL" not in (message.headers or {})


async def test_a_pending_account_that_was_closed_can_be_opened_and_used(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(activation="code", pending_seconds=60)
    mid = await desk.register("Ann")
    await desk.call("deactivate", token=API_KEY, mid=mid)
    await desk.call("reactivate", token=API_KEY, name="Ann")
    bucket = desk.services[0].accounts.desk.book.accounts
    for key in [f"mid.{mid}", f"name.{name_digest('Ann')}"]:
        message = await desk.bus.jetstream.get_last_msg(bucket.stream, bucket.subject(key))
        assert "Nats-TTL" not in (message.headers or {})
    assert await desk.reason("show", token=(await desk.login())["token"]) == "ok"


async def test_accounts_are_listed_in_order_of_mid_page_by_page(desk: Desk) -> None:
    for number in range(7):
        await desk.register(f"member {number}")
    first = await desk.call("list", token=API_KEY, limit=3)
    assert [one["name"] for one in first["accounts"]] == ["member 0", "member 1", "member 2"]
    assert first["more"] is True
    last = first["accounts"][-1]["mid"]
    assert await names(desk, after=last, limit=500) == [f"member {n}" for n in range(3, 7)]
    whole = await desk.call("list", token=API_KEY, limit=7)
    assert "more" not in whole
    assert await desk.reason("list", token=API_KEY, limit=501) == "bad_field"


async def test_accounts_are_found_by_part_of_the_name_role_and_state(desk: Desk) -> None:
    await desk.register("Joann")
    await desk.register("ANN\u00c9")
    await desk.register("Bob", role="service", token=API_KEY)
    await desk.call("deactivate", token=API_KEY, name="Joann")
    assert await names(desk, text="ann") == ["Joann", "ANN\u00c9"]
    assert await names(desk, text="n\u00e9") == ["ANN\u00c9"]
    assert await names(desk, role="service") == ["Bob"]
    assert await names(desk, state="deactivated", text="JO") == ["Joann"]
    assert await names(desk, text="nobody") == []
    assert await names(desk, text="*") == []


async def test_the_list_knows_at_once_what_another_process_has_changed(desk: Desk) -> None:
    await names(desk)
    for number in range(5):
        await desk.start()
        await desk.register(f"member {number}")
        assert len(await names(desk)) == number + 1
    await desk.call("deactivate", token=API_KEY, name="member 2")
    for _ in range(10):
        assert await names(desk, state="deactivated") == ["member 2"]


async def test_a_process_that_no_operator_asks_keeps_no_list(desk: Desk) -> None:
    await desk.register("Ann")
    assert len(desk.services[0].accounts.desk.listing.directory) == 0
    await names(desk)
    assert len(desk.services[0].accounts.desk.listing.directory) == 1


@pytest.mark.parametrize("call", ["show", "deactivate", "reactivate", "role"])
async def test_an_unknown_account_can_t_be_managed(desk: Desk, call: str) -> None:
    fields = {"token": API_KEY, "mid": 77, "role": "user"}
    assert await desk.reason(call, **fields) == "account_unknown"
