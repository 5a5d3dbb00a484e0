"""`goim.accounts.register` and `activate`, over NATS."""

import asyncio
from json import loads

import pytest

from bus.errors import RpcError

from .desk import ADDRESS, API_KEY, PASSWORD, Desk


async def test_a_new_account_is_active_at_once_where_no_code_is_asked_for(desk: Desk) -> None:
    answer = await desk.call("register", name="Ann", password=PASSWORD, contact="ann@site.example")
    assert answer == {"mid": "1000000", "state": "active"}
    event = await desk.event("registered")
    assert (event.mid, event.name, event.contact) == (1_000_000, "Ann", "ann@site.example")
    assert event.code == ""


async def test_a_retry_with_the_same_password_gives_the_same_mid(desk: Desk) -> None:
    first = await desk.register("Ann")
    assert await desk.register("Ann") == first
    assert await desk.register("  \uff21nn".strip()) == first
    wrong = await desk.reason("register", name="ANN", password="another password")
    assert wrong == "name_taken"


@pytest.mark.parametrize("name", ["ann", "ANN", "\uff21\uff2e\uff2e"])
async def test_one_name_in_other_letters_is_taken(desk: Desk, name: str) -> None:
    await desk.register("Ann")
    assert await desk.reason("register", name=name, password="another password") == "name_taken"


async def test_of_two_registrations_of_one_name_at_once_one_wins(desk: Desk) -> None:
    await desk.start()
    passwords = ["first password", "other password"]
    answers = await asyncio.gather(
        *(desk.call("register", name="Ann", password=password) for password in passwords),
        return_exceptions=True,
    )
    won = [place for place, one in enumerate(answers) if isinstance(one, dict)]
    lost = [one.reason for one in answers if isinstance(one, RpcError)]
    assert (len(won), lost) == (1, ["name_taken"])
    right, wrong = passwords[won[0]], passwords[1 - won[0]]
    assert await desk.reason("login", name="Ann", password=right) == "ok"
    assert await desk.reason("login", name="Ann", password=wrong) == "login_failed"


async def test_fifty_registrations_at_once_over_two_processes_have_distinct_mids(
    desk: Desk,
) -> None:
    await desk.start()
    mids = await asyncio.gather(*(desk.register(f"member {number}") for number in range(50)))
    assert len(set(mids)) == 50
    assert min(mids) == 1_000_000
    for number in (0, 49):
        shown = await desk.call("show", token=API_KEY, mid=mids[number])
        assert shown["account"]["name"] == f"member {number}"


async def test_a_mid_is_never_given_out_again_after_a_restart(desk: Desk) -> None:
    before = await desk.register("Ann")
    await desk.services.pop().close()
    await desk.start()
    assert await desk.register("Bob") > before


async def test_an_account_is_activated_by_the_code_that_left_as_an_event(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(activation="code")
    answer = await desk.call("register", name="Ann", password=PASSWORD, address=ADDRESS)
    assert answer["state"] == "pending"
    event = await desk.event("registered")
    assert (event.name, event.address) == ("Ann", ADDRESS)
    assert event.code_expires_at == desk.clock.now + 3600
    assert await desk.reason("login", name="Ann", password=PASSWORD) == "not_activated"
    assert await desk.reason("login", name="Ann", password="wrong") == "login_failed"
    typed = event.code.lower().replace("-", " ")
    assert await desk.call("activate", name="ANN", code=typed) == {}
    assert (await desk.login())["mid"] == answer["mid"]
    assert (await desk.event("activated")).mid == event.mid
    again = await desk.reason("activate", name="Ann", code=event.code)
    assert again == "code_refused"


async def test_a_wrong_old_or_foreign_code_activates_nothing(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(activation="code")
    await desk.register("Ann")
    code = (await desk.event("registered")).code
    for name, typed in (("Ann", "00000-00000"), ("Ann", ""), ("Bob", code), ("", code)):
        assert await desk.reason("activate", name=name, code=typed) == "code_refused"
    assert await desk.reason("reset", name="Ann", code=code, password="new password") == (
        "code_refused"
    )
    desk.clock.now += 3601
    assert await desk.reason("activate", name="Ann", code=code) == "code_refused"


async def test_registering_again_sends_a_new_code_in_place_of_the_old(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(activation="code")
    mid = await desk.register("Ann")
    old = (await desk.event("registered")).code
    assert await desk.register("Ann") == mid
    new = (await desk.event("registered")).code
    assert new != old
    assert await desk.reason("activate", name="Ann", code=old) == "code_refused"
    assert await desk.reason("activate", name="Ann", code=new) == "ok"


async def test_an_account_that_is_not_activated_is_forgotten_and_its_name_free(
    empty_desk: Desk,
) -> None:
    desk = empty_desk
    await desk.start(activation="code", pending_seconds=1)
    before = await desk.register("Ann")
    book = desk.services[0].accounts.desk.book
    while await book.by_name("Ann") is not None:  # nats-server ends the value, nobody is told
        await desk.bus.flush()
    after = await desk.call("register", name="Ann", password="another password")
    assert int(after["mid"]) > before


async def test_an_account_that_is_not_activated_takes_no_place_in_the_list(
    empty_desk: Desk,
) -> None:
    desk = empty_desk
    await desk.start(activation="code", pending_seconds=1)
    await desk.call("list", token=API_KEY)  # from now on the process follows all accounts
    await desk.register("Ann")
    await desk.register("Bob", token=API_KEY)
    book = desk.services[0].accounts.desk.book
    while await book.by_name("Ann") is not None:  # nats-server ends the value, nobody is told
        await desk.bus.flush()
    page = await desk.call("list", token=API_KEY, limit=1)
    assert [one["name"] for one in page.get("accounts", [])] == ["Bob"]
    assert "more" not in page
    assert len(desk.services[0].accounts.desk.listing.directory) == 1


async def test_only_operators_make_accounts_where_registration_is_closed(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(mode="closed", activation="code")
    assert await desk.reason("register", name="Ann", password=PASSWORD) == "registration_closed"
    made = await desk.call("register", name="Ann", password=PASSWORD, token=API_KEY)
    assert made["state"] == "active"
    taken = await desk.reason("register", name="ann", password=PASSWORD, token=API_KEY)
    assert taken == "name_taken"


async def test_only_operators_give_a_role_at_registration(desk: Desk) -> None:
    fields = {"name": "Bot", "password": PASSWORD}
    for role in ("operator", "service"):
        assert await desk.reason("register", **fields, role=role) == "not_operator"
    assert await desk.reason("register", **fields, role="king", token=API_KEY) == "bad_field"
    wrong_key = await desk.reason("register", **fields, role="service", token=API_KEY + "x")
    assert wrong_key == "token_refused"
    await desk.register("Ann")
    users = (await desk.login())["token"]
    assert await desk.reason("register", **fields, role="service", token=users) == "not_operator"
    operators = await desk.operator_token()
    assert await desk.reason("register", **fields, role="service", token=operators) == "ok"
    assert (await desk.login("Bot"))["role"] == "service"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": ""}, "bad_name"),
        ({"name": "ab"}, "bad_name"),
        ({"name": "x" * 65}, "bad_name"),
        ({"name": "x" * 10_000}, "bad_name"),
        ({"name": "\ufdfa" * 10}, "bad_name"),
        ({"name": "a\0b"}, "bad_name"),
        ({"name": "a\u200bb"}, "bad_name"),
        ({"name": " ann"}, "bad_name"),
        ({"name": "a  b"}, "bad_name"),
        ({"name": "a\u2028b"}, "bad_name"),
        ({"password": "seven77"}, "bad_password"),
        ({"password": "x" * 1025}, "bad_password"),
        ({"password": "Longname"}, "bad_password"),
        ({"contact": "x" * 255}, "bad_contact"),
        ({"contact": "a\r\nBcc: b"}, "bad_contact"),
    ],
)
async def test_what_no_account_can_have_is_refused(
    desk: Desk, fields: dict[str, str], reason: str
) -> None:
    values = {"name": "longname", "password": PASSWORD} | fields
    assert await desk.reason("register", **values) == reason


@pytest.mark.parametrize("name", ["*", ">", "a.b", "\U0001f600", "$KV.>", "name\u4f60\u597d"])
async def test_a_name_never_reaches_a_subject(desk: Desk, name: str) -> None:
    long_enough = name.ljust(3, "x")
    mid = await desk.register(long_enough)
    assert int((await desk.login(long_enough))["mid"]) == mid
    stream = await desk.bus.jetstream.stream_info(
        desk.services[0].accounts.desk.book.accounts.stream
    )
    assert stream.state.messages == 3  # the account, its mid, the counter


async def test_a_record_holds_no_password_and_prints_no_secret(desk: Desk) -> None:
    await desk.register("Ann")
    found = await desk.services[0].accounts.desk.book.by_name("ann")
    assert found is not None
    value = await desk.services[0].accounts.desk.book.accounts.get(f"name.{found.name}")
    assert value is not None
    assert PASSWORD.encode() not in value.data
    assert loads(value.data)["password"].startswith("$argon2id$")
    assert "argon2" not in repr(found)


async def test_a_code_that_cannot_leave_is_told_and_comes_with_the_retry(empty_desk: Desk) -> None:
    desk = empty_desk
    service = await desk.start(activation="code")
    await desk.bus.jetstream.delete_stream(desk.bus.subjects.stream("ACCOUNT_EVENT"))
    desk.bus.subscribe(
        desk.bus.subjects.rpc("event", "account.>"),
        lambda subject, reply, payload, headers: desk.bus.publish(reply.decode(), b"{}"),
    )
    with pytest.raises(RpcError, match="the event could not be stored") as refused:
        await desk.register("Ann")
    assert (refused.value.code, refused.value.retry) == (503, "later")
    assert service.accounts.desk.events.lost == 1
