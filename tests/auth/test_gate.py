"""Tries are slowed and counted, by name and by address; operators and members are told apart."""

import asyncio
import threading

import jwt
import pytest

from auth.hashing import HashRules
from auth.slowing import Rate
from bus.environment import Secret
from bus.errors import RpcError

from .desk import ADDRESS, API_KEY, PASSWORD, Desk
from .signing import NOW, SECRET, token


async def wrong_tries(desk: Desk, number: int, name: str = "Ann", address: str = "") -> list[str]:
    return [
        await desk.reason("login", name=name, password="wrong password", address=address)
        for _ in range(number)
    ]


@pytest.mark.parametrize("name", ["Ann", "Nobody"])
async def test_a_name_is_slowed_after_its_tries_whether_it_exists_or_not(
    empty_desk: Desk, name: str
) -> None:
    desk = empty_desk
    await desk.start(name_tries=Rate(3, 10.0))
    await desk.register("Ann")
    assert await wrong_tries(desk, 5, name) == ["login_failed"] * 3 + ["slow_down"] * 2
    with pytest.raises(RpcError) as refused:
        await desk.call("login", name=name.upper(), password=PASSWORD)
    assert (refused.value.code, refused.value.retry, refused.value.after) == (429, "later", 10)
    gate = desk.services[0].accounts.desk.gate
    assert gate.name_tries.counts["refused"] == 3


@pytest.mark.parametrize("name", ["Ann", "Nobody"])
async def test_failures_are_counted_over_processes_and_restarts_for_every_name(
    empty_desk: Desk, name: str
) -> None:
    desk = empty_desk
    await desk.start(name_tries=Rate(3, 0.001))
    await desk.register("Ann")
    for _ in range(5):
        await wrong_tries(desk, 1, name)
        await desk.settled()
        desk.clock.now += 100
    await wrong_tries(desk, 1, name)
    await desk.settled()
    await desk.services.pop().close()
    await desk.start(name_tries=Rate(3, 0.001))
    desk.clock.now += 1
    with pytest.raises(RpcError) as refused:
        await desk.login(name)
    assert (refused.value.reason, refused.value.after) == ("slow_down", 7)  # 2 ** (6 - 3) - 1
    desk.clock.now += 7
    again = await desk.reason("login", name=name, password=PASSWORD)
    assert again == ("ok" if name == "Ann" else "login_failed")


async def test_the_wait_has_an_end_and_a_login_forgets_it(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(name_tries=Rate(1, 0.001), most_wait_seconds=5.0)
    await desk.register("Ann")
    for _ in range(8):
        desk.clock.now += 6
        assert await wrong_tries(desk, 1) == ["login_failed"]
        await desk.settled()
    assert await wrong_tries(desk, 1) == ["slow_down"]
    desk.clock.now += 5
    await desk.login()
    await desk.settled()
    desk.clock.now += 0.1
    assert await wrong_tries(desk, 1) == ["login_failed"]


async def test_the_owner_gets_in_from_a_known_address_while_others_are_guessing(
    empty_desk: Desk,
) -> None:
    desk = empty_desk
    await desk.start(name_tries=Rate(2, 0.001))
    await desk.register("Ann")
    await desk.login(address=ADDRESS)
    await desk.settled()
    for _ in range(6):
        await wrong_tries(desk, 1, address="198.51.100.9")
        await desk.settled()
        desk.clock.now += 0.1
    assert await wrong_tries(desk, 1, address="198.51.100.9") == ["slow_down"]
    assert await desk.reason("login", name="Ann", password=PASSWORD) == "slow_down"
    assert (await desk.login(address=ADDRESS))["name"] == "Ann"


async def test_a_known_address_has_its_own_limit(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(name_tries=Rate(2, 10.0))
    await desk.register("Ann")
    await desk.login(address=ADDRESS)
    await desk.settled()
    tries = await wrong_tries(desk, 3, address=ADDRESS)
    assert tries == ["login_failed", "login_failed", "slow_down"]


async def test_an_address_is_slowed_over_all_names_but_not_for_what_was_right(
    empty_desk: Desk,
) -> None:
    desk = empty_desk
    await desk.start(address_tries=Rate(3, 10.0))
    await desk.register("Ann")
    for _ in range(5):
        await desk.login(address=ADDRESS)
    tries = [(await wrong_tries(desk, 1, f"name {number}", ADDRESS))[0] for number in range(4)]
    assert tries == ["login_failed"] * 3 + ["slow_down"]
    assert await desk.reason("login", name="Ann", password=PASSWORD, address=ADDRESS) == "slow_down"
    assert await desk.reason("refresh", refresh_token="x", address=ADDRESS) == "slow_down"
    assert await desk.reason("forgot", name="Ann", address=ADDRESS) == "slow_down"
    elsewhere = await desk.reason("login", name="Ann", password=PASSWORD, address="192.0.2.9")
    assert elsewhere == "ok"


async def test_guesses_at_once_don_t_get_past_the_limit(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(name_tries=Rate(5, 60.0))
    await desk.register("Ann")
    guesses = await asyncio.gather(*(wrong_tries(desk, 1) for _ in range(50)))
    assert sum(one == ["login_failed"] for one in guesses) == 5


async def test_an_address_makes_no_more_accounts_than_its_rate(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(registrations=Rate(2, 30.0))
    fields = {"password": PASSWORD, "address": ADDRESS}
    reasons = [await desk.reason("register", name=f"user {n}", **fields) for n in range(3)]
    assert reasons == ["ok", "ok", "slow_down"]
    by_operator = await desk.reason("register", name="user 4", token=API_KEY, **fields)
    assert by_operator == "ok"
    desk.clock.now += 30
    assert await desk.reason("register", name="user 5", **fields) == "ok"


async def test_codes_are_sent_at_a_rate_for_each_name(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(codes=Rate(2, 60.0))
    await desk.register("Ann")
    for name in ("Ann", "Nobody"):
        asked = [await desk.reason("forgot", name=name) for _ in range(3)]
        assert asked == ["ok", "ok", "slow_down"]
    await desk.settled()
    assert [one.what for one in desk.events].count("forgot") == 2


async def test_too_many_passwords_at_once_are_refused_as_busy(empty_desk: Desk) -> None:
    desk = empty_desk
    service = await desk.start(hashing=HashRules(threads=1, waiting=1, memory_kib=8, rounds=1))
    hasher, all_have_asked = service.accounts.desk.gate.hasher, threading.Event()
    hasher._threads.submit(all_have_asked.wait)
    try:
        tries = [asyncio.create_task(wrong_tries(desk, 1, f"name {n}")) for n in range(8)]
        while hasher.refused < 6:
            await desk.bus.flush()
    finally:
        all_have_asked.set()
    flat = [one for (one,) in await asyncio.gather(*tries)]
    assert flat.count("login_failed") == 2
    assert flat.count("busy") == 6
    assert hasher.refused == 6


async def test_a_password_hashed_by_old_rules_is_hashed_again_at_login(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start()
    await desk.register("Ann")
    await desk.services.pop().close()
    service = await desk.start(hashing=HashRules(memory_kib=16, rounds=1))
    await desk.login()
    await desk.settled()
    found = await service.accounts.desk.book.by_name("Ann")
    assert found is not None
    assert "m=16," in found.account.password
    await desk.login()


@pytest.mark.parametrize("call", ["show", "deactivate", "reactivate", "role", "list", "password"])
async def test_a_call_of_members_needs_a_good_token_of_an_account(desk: Desk, call: str) -> None:
    fields = {"new_password": PASSWORD, "role": "user", "name": ""}
    assert await desk.reason(call, **fields) == "token_missing"
    assert await desk.reason(call, **fields, token="x") == "token_refused"
    stranger = token(iss=None)  # good, but of a site's own member
    assert await desk.reason(call, **fields, token=stranger) == "account_unknown"
    desk.clock.now += 1000
    assert await desk.reason(call, **fields, token=stranger) == "token_refused"


@pytest.mark.parametrize("call", ["reactivate", "role", "list", "show", "deactivate"])
async def test_a_call_of_operators_is_refused_to_users_and_services(desk: Desk, call: str) -> None:
    await desk.register("Ann")
    await desk.register("Bot", role="service", token=API_KEY)
    for name in ("Ann", "Bot"):
        bearer = (await desk.login(name))["token"]
        assert await desk.reason(call, token=bearer, name="Ann", role="operator") == "not_operator"


async def test_who_is_no_operator_any_more_can_t_act_as_one_with_the_old_token(desk: Desk) -> None:
    olga = await desk.operator_token()
    assert await desk.reason("list", token=olga) == "ok"
    await desk.call("role", token=API_KEY, name="Olga", role="user")
    assert await desk.reason("list", token=olga) == "token_refused"


async def test_a_token_that_claims_to_be_an_operators_is_not_believed(desk: Desk) -> None:
    mid = await desk.register("Ann")
    claimed = {"sub": str(mid), "exp": NOW + 60, "aud": "goimbus", "role": "operator"}
    forged = jwt.encode(claimed | {"iat": NOW}, SECRET, "HS256", {"kid": "1"})
    assert await desk.reason("list", token=forged) == "not_operator"


async def test_without_an_api_key_in_the_settings_none_opens_anything(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(api_key=Secret(""))
    assert await desk.reason("list", token="") == "token_missing"
    assert await desk.reason("list", token=API_KEY) == "token_refused"
