"""`goim.accounts.password`, `forgot` and `reset`, over NATS."""

from .desk import ADDRESS, API_KEY, PASSWORD, Desk

NEW = "a new password"


async def test_a_changed_password_ends_all_logins_but_the_one_that_changed_it(desk: Desk) -> None:
    await desk.register("Ann")
    mine, other = await desk.login(platform="web", key="k1"), await desk.login()
    fields = {"old_password": PASSWORD, "new_password": NEW, "address": ADDRESS}
    answer = await desk.call("password", token=mine["token"], **fields)
    assert (await desk.event("password_changed")).address == ADDRESS
    for one in (mine, other):
        assert (await desk.check(one["auth"]))["error"]["code"] == 4002
        assert await desk.reason("refresh", refresh_token=one["refresh_token"]) == (
            "refresh_refused"
        )
    grant = await desk.check(answer["auth"])
    assert (grant["key"], grant["platform"]) == ("k1", "web")
    assert await desk.reason("refresh", refresh_token=answer["refresh_token"]) == "ok"
    assert await desk.reason("login", name="Ann", password=PASSWORD) == "login_failed"
    assert await desk.reason("login", name="Ann", password=NEW) == "ok"


async def test_a_password_changes_only_by_the_old_one(desk: Desk) -> None:
    await desk.register("Ann")
    bearer = (await desk.login())["token"]
    wrong = await desk.reason("password", token=bearer, old_password="x", new_password=NEW)
    assert wrong == "login_failed"
    short = await desk.reason("password", token=bearer, old_password=PASSWORD, new_password="x")
    assert short == "bad_password"
    named = await desk.reason("password", token=bearer, old_password=PASSWORD, new_password="ann")
    assert named == "bad_password"
    assert await desk.reason("login", name="Ann", password=PASSWORD) == "ok"


async def test_a_password_is_one_however_its_letters_are_composed(desk: Desk) -> None:
    await desk.call("register", name="Ann", password="pass\u00e9word")
    assert await desk.reason("login", name="Ann", password="passe\u0301word") == "ok"


async def test_a_forgotten_password_is_set_by_the_code_that_left(desk: Desk) -> None:
    await desk.register("Ann", contact="ann@site.example")
    login = await desk.login()
    assert await desk.call("forgot", name="ANN", address=ADDRESS) == {}
    event = await desk.event("forgot")
    assert (event.contact, event.address) == ("ann@site.example", ADDRESS)
    assert event.code_expires_at == desk.clock.now + 3600
    assert await desk.call("reset", name="Ann", code=event.code, password=NEW) == {}
    assert (await desk.check(login["auth"]))["error"]["code"] == 4002
    assert await desk.reason("login", name="Ann", password=NEW) == "ok"
    again = await desk.reason("reset", name="Ann", code=event.code, password="third password")
    assert again == "code_refused"


async def test_forgot_answers_alike_for_every_name_and_sends_nothing_to_nobody(desk: Desk) -> None:
    for name in ("Nobody", "", "*", "x" * 5000):
        assert await desk.call("forgot", name=name) == {}
    await desk.settled()
    assert desk.events == []


async def test_a_code_is_of_no_use_when_wrong_late_or_for_another(desk: Desk) -> None:
    await desk.register("Ann")
    await desk.register("Bob")
    await desk.call("forgot", name="Ann")
    code = (await desk.event("forgot")).code
    for name, typed in (("Ann", "1"), ("Bob", code), ("Nobody", code)):
        assert await desk.reason("reset", name=name, code=typed, password=NEW) == "code_refused"
    assert await desk.reason("activate", name="Ann", code=code) == "code_refused"
    assert await desk.reason("reset", name="Ann", code=code, password="short") == "bad_password"
    desk.clock.now += 3600
    assert await desk.reason("reset", name="Ann", code=code, password=NEW) == "code_refused"


async def test_no_code_leaves_for_accounts_that_can_t_log_in(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(activation="code")
    await desk.register("Pending")
    await desk.register("Closed", token=API_KEY)
    await desk.call("deactivate", token=API_KEY, name="Closed")
    for name in ("Pending", "Closed"):
        await desk.call("forgot", name=name)
    await desk.settled()
    assert "forgot" not in [one.what for one in desk.events]


async def test_an_account_closed_after_the_code_left_is_not_opened_by_it(
    desk: Desk,
) -> None:
    await desk.register("Ann")
    await desk.call("forgot", name="Ann")
    code = (await desk.event("forgot")).code
    await desk.call("deactivate", token=API_KEY, name="Ann")
    assert await desk.reason("reset", name="Ann", code=code, password=NEW) == "code_refused"
    assert await desk.reason("login", name="Ann", password=PASSWORD) == "deactivated"
