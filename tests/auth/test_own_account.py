"""What members look after themselves: where they are logged in, and what they are called."""

from typing import Any

import pytest

from tests.auth.desk import ADDRESS, API_KEY, PASSWORD, Desk


@pytest.fixture(autouse=True)
async def ann(desk: Desk) -> None:
    await desk.register("Ann")


async def test_logins_are_listed_and_one_of_them_is_logged_out(desk: Desk) -> None:
    phone = await desk.login("Ann", platform="ios", key="phone-1")
    desk.clock.now += 60
    web = await desk.login("Ann", platform="web")
    desk.clock.now += 60
    phone = await desk.call("refresh", refresh_token=phone["refresh_token"])
    told = (await desk.call("logins", token=web["token"]))["logins"]
    assert [one["platform"] for one in told] == ["ios", "web"]
    assert [one.get("current", False) for one in told] == [False, True]
    assert (told[0]["key"], int(told[0]["used_at"]) - int(told[0]["since"])) == ("phone-1", 120)
    by_operator = (await desk.call("logins", token=API_KEY, name="Ann"))["logins"]
    assert [one["login"] for one in by_operator] == [one["login"] for one in told]
    await desk.call("logout", token=web["token"], login=told[0]["login"])
    assert (await desk.event("login_ended")).name == "Ann"
    assert await desk.reason("refresh", refresh_token=phone["refresh_token"]) == "refresh_refused"
    assert (await desk.check(phone["auth"]))["error"]["code"] == 4001
    left = (await desk.call("logins", token=web["token"]))["logins"]
    assert [one["platform"] for one in left] == ["web"]


@pytest.mark.parametrize("login", ["nobodys-16-bytes", "a", "*", ">", "x" * 10_000, "\ud800"])
async def test_a_login_of_somebody_else_is_none(desk: Desk, login: str) -> None:
    await desk.register("Bob")
    ann, bob = await desk.login("Ann"), await desk.login("Bob")
    (his,) = (await desk.call("logins", token=bob["token"]))["logins"]
    for one in (login, his["login"]):
        reason = await desk.reason("logout", token=ann["token"], login=one)
        assert reason in ("login_unknown", "bad_request", "bad_field")
    assert "error" not in await desk.check(bob["auth"])


async def test_one_login_too_many_ends_the_one_not_used_for_longest(desk: Desk) -> None:
    service = await desk.start(most_logins=2)
    await desk.services.pop(0).close()
    logins = []
    for _ in range(3):
        logins.append(await desk.login("Ann"))
        desk.clock.now += 1
        await service.accounts.desk.background.finish()
    refused = await desk.reason("refresh", refresh_token=logins[0]["refresh_token"])
    assert refused == "refresh_refused"
    assert len((await desk.call("logins", token=logins[2]["token"]))["logins"]) == 2
    assert service.accounts.desk.closing.logins_ended == 1


async def test_a_name_is_changed_and_the_old_one_is_nobody_elses(desk: Desk) -> None:
    ann = await desk.login("Ann")
    renamed = (await desk.call("rename", token=ann["token"], new_name="Anna"))["account"]
    assert (renamed["name"], renamed["mid"]) == ("Anna", ann["mid"])
    assert (await desk.event("renamed")).name == "Anna"
    assert (await desk.login("ANNA"))["mid"] == ann["mid"]
    assert await desk.reason("login", name="Ann", password=PASSWORD) == "login_failed"
    assert await desk.reason("register", name="ann", password=PASSWORD) == "name_taken"
    assert await desk.reason("register", name="anna", password="another one") == "name_taken"
    assert (await desk.call("refresh", refresh_token=ann["refresh_token"]))["name"] == "Anna"
    shown = await desk.call("show", token=API_KEY, name="anna")
    assert shown["account"]["name"] == "Anna"
    assert await desk.reason("show", token=API_KEY, name="Ann") == "account_unknown"
    listed = (await desk.call("list", token=API_KEY, text="ann"))["accounts"]
    assert [one["name"] for one in listed] == ["Anna"]
    await desk.register("Bob")
    bob = await desk.login("Bob")
    for taken in ("Ann", "ANNA"):
        assert await desk.reason("rename", token=bob["token"], new_name=taken) == "name_taken"
    await desk.call("rename", token=ann["token"], new_name="ANN")
    assert (await desk.login("Ann"))["name"] == "ANN"
    again = await desk.call("rename", token=ann["token"], new_name="ANN")
    assert again["account"]["name"] == "ANN"


@pytest.mark.parametrize("other", [{}, {"name": "Ann"}, {"mid": 7}])
async def test_who_asks_is_known_before_what_is_asked(desk: Desk, other: dict[str, Any]) -> None:
    for token, reason in (("", "token_missing"), ("nonsense", "token_refused")):
        assert await desk.reason("rename", token=token, new_name="", **other) == reason


async def test_names_that_one_may_have_are_counted(desk: Desk) -> None:
    ann = await desk.login("Ann")
    for number in range(2, 6):
        await desk.call("rename", token=ann["token"], new_name=f"Ann {number}")
    refused = await desk.reason("rename", token=ann["token"], new_name="Ann 6")
    assert refused == "too_many_names"
    await desk.call("rename", token=ann["token"], new_name="Ann 2")
    assert await desk.reason("rename", token=ann["token"], new_name="a") == "bad_name"
    await desk.call("rename", token=API_KEY, mid=ann["mid"], new_name="Ann 6")
    assert await desk.reason("rename", token=ann["token"], name="Ann 6", new_name="Ann 7") == (
        "not_operator"
    )


async def test_who_is_not_active_yet_keeps_its_name(desk: Desk) -> None:
    await desk.start(activation="code")
    await desk.services.pop(0).close()
    await desk.call("register", name="Pia", password=PASSWORD, address=ADDRESS)
    refused = await desk.reason("rename", token=API_KEY, name="Pia", new_name="Pia 2")
    assert refused == "not_activated"
