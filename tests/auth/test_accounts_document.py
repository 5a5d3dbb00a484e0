"""docs/accounts.md and the calls' description say what the code does."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auth.account_settings import AccountSettings
from auth.errors import Reason
from auth.keys import KeyRing
from bus.connection import Bus
from bus.environment import Environment
from bus.errors import PublishRefused
from bus.settings import BusSettings
from schemas.account_calls import ACCOUNT_CALLS
from schemas.call import GENERAL, Caller
from schemas.subjects import Subjects
from tests.bus.servers import NatsServer

from .desk import API_KEY, Desk

DOCS = Path(__file__).parents[2] / "docs"
CALLERS = {Caller.ANYONE: "anyone", Caller.MEMBER: "a member", Caller.OPERATOR: "an operator"}
GATEWAY_REASONS = {"bad_request", "cross_site", "too_slow", "too_large"}


@pytest.fixture(scope="module")
def document() -> str:
    return (DOCS / "accounts.md").read_text()


def rows(document: str, heading: str) -> list[list[str]]:
    section = document.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_call_is_listed_with_who_may_make_it(document: str) -> None:
    listed = {row[0].strip("`"): row[1] for row in rows(document, "The calls")}
    assert listed == {call.name: CALLERS[call.caller] for call in ACCOUNT_CALLS}


def test_every_field_that_is_shown_is_one_of_its_request(document: str) -> None:
    for row in rows(document, "The calls"):
        (call,) = (one for one in ACCOUNT_CALLS if one.name == row[0].strip("`"))
        shown = set(re.findall(r"`(\w+)`", row[2]))
        assert shown <= set(call.request.DESCRIPTOR.fields_by_name), call.name


def test_every_reason_is_listed_with_its_code_and_retry(document: str) -> None:
    listed = {
        reason: (int(row[1]), row[2])
        for row in rows(document, "Refusals")
        for reason in re.findall(r"`(\w+)`", row[0])
    }
    assert listed == {one.name.lower(): (one.code, one.retry) for one in Reason}


def test_the_calls_name_only_reasons_that_there_are_and_all_of_them() -> None:
    named = {reason for call in ACCOUNT_CALLS for reason in call.reasons} | set(GENERAL)
    assert named == {one.name.lower() for one in Reason}


def test_the_reasons_of_the_gateway_are_listed(document: str) -> None:
    for reason in GATEWAY_REASONS:
        assert f"`{reason}`" in document


def test_buckets_events_and_settings_are_named(document: str) -> None:
    goim = Subjects("goim")
    for kind in ("ACCOUNT", "LOGIN", "REVOKED"):
        assert f"`{goim.bucket(kind)}`" in document
    assert f"`{goim.stream('ACCOUNT_EVENT')}`" in document
    settings = (DOCS / "settings.md").read_text()
    for name in re.findall(r"`(GOIM_ACCOUNT[A-Z_]*)`", document):
        assert f"| `{name}` |" in settings or name in ("GOIM_ACCOUNT", "GOIM_ACCOUNT_EVENT")


def test_the_rooms_that_are_shown_can_be_set(document: str) -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", document, re.DOTALL)
    environment = Environment({"GOIM_ACCOUNT_ROOMS": shown})
    settings = AccountSettings.read(environment, KeyRing(), is_open=False)
    environment.check()
    assert [one.pattern for one in settings.rooms["user"]] == ["live://*", "news://*"]
    assert (settings.rooms["user"][1].receive, settings.rooms["user"][1].send) == (True, False)


def test_the_limits_that_are_told_are_the_defaults(document: str) -> None:
    defaults = AccountSettings()
    for name, rate in (
        ("NAME", defaults.name_tries),
        ("ADDRESS", defaults.address_tries),
        ("REGISTER", defaults.registrations),
        ("CODE", defaults.codes),
    ):
        told = f"`GOIM_ACCOUNT_{name}_TRIES` {rate.burst}, then one in "
        assert told + f"`GOIM_ACCOUNT_{name}_TRY_SECONDS` {rate.seconds:g}" in document


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    (config,) = re.findall(r"```conf\n(.*?)```", (DOCS / "subjects.md").read_text(), re.DOTALL)
    server = NatsServer(tmp_path / "nats", config)
    yield server
    server.end()


async def test_the_documented_permissions_are_enough_for_accounts_and_no_more(
    server: NatsServer,
) -> None:
    await server.start()

    def url(user: str, password: str) -> str:
        return f"nats://{user}:{password}@127.0.0.1:{server.port}"

    auth = await Bus.connect(BusSettings(nats_url=url("auth", "change-me-3")), "auth")
    gateway = await Bus.connect(BusSettings(nats_url=url("gateway", "change-me-2")), "gateway")
    desk = Desk(auth)
    service = await desk.start(activation="code")
    assert auth.permission_errors == 1  # the test itself may not listen to the events
    desk.bus = gateway
    await desk.register("Olga", role="operator", token=API_KEY)
    olga = await desk.login("Olga")
    assert await desk.reason("list", token=olga["token"]) == "ok"
    assert await desk.reason("deactivate", token=API_KEY, name="Olga") == "ok"
    assert (await desk.check(olga["auth"]))["error"]["code"] == 4001
    await service.accounts.desk.closing.finish()
    assert auth.permission_errors == 1
    for subject in ("$KV.GOIM_ACCOUNT.next", "goim.event.account.forgot"):
        with pytest.raises(PublishRefused):
            await gateway.call(subject, b"1")
    for one in (service,):
        await one.close()
    await gateway.drain()
    await auth.drain()
