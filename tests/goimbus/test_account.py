"""`goimbus account` as a process, against a service that keeps accounts."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from bus.connection import Bus
from bus.settings import BusSettings
from goimbus.local_secrets import load_secrets
from tests.auth.desk import API_KEY, PASSWORD, Desk


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    output: str
    errors: str


Account = Callable[..., Awaitable[Ended]]


@pytest.fixture
async def desk(nats_url: str, prefix: str) -> AsyncIterator[Desk]:
    bus = await Bus.connect(BusSettings(nats_url=nats_url, prefix=prefix), "test")
    desk = Desk(bus)
    yield desk
    for service in desk.services:
        await service.close()
    await bus.drain()


@pytest.fixture
def account(checkout: Path, nats_url: str, prefix: str, tmp_path: Path) -> Account:
    async def account(*words: str, typed: str = PASSWORD, **variables: str) -> Ended:
        environ = {
            "PATH": os.environ["PATH"],
            "NATS_URL": nats_url,
            "GOIM_SUBJECT_PREFIX": prefix,
            "GOIM_DATA_DIR": str(tmp_path),
            "GOIM_API_KEY": API_KEY,
            "GOIM_REQUEST_SECONDS": "30",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "goimbus", "account", *words),
            cwd=checkout,
            env=environ | variables,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        output, errors = await process.communicate(f"{typed}\n".encode())
        return Ended(process.returncode or 0, output.decode(), errors.decode())

    return account


async def test_an_operator_makes_lists_and_closes_accounts(desk: Desk, account: Account) -> None:
    await desk.start(activation="code")
    made = await account("create", "Olga", "--role", "operator", "--contact", "olga@site.example")
    assert (made.status, made.output) == (0, "1000000\n")
    await account("create", "Ann")
    login = await account("login", "ann", "--platform", "web", "--room", "live://7")
    assert json.loads(login.output)["mid"] == 1_000_001
    assert (await desk.check(login.output))["mid"] == 1_000_001
    listed = await account("list")
    assert "1000000  Olga  operator  active  olga@site.example" in listed.output
    found = json.loads((await account("list", "--text", "an", "--json")).output)
    assert [one["name"] for one in found["accounts"]] == ["Ann"]
    roled = await account("role", "Ann", "service")
    assert roled.output == "1000001 Ann: service, active\n"
    closed = await account("deactivate", "1000001")
    assert closed.output == "1000001 Ann: service, deactivated\n"
    assert json.loads((await account("show", "Ann")).output)["state"] == "deactivated"
    opened = await account("reactivate", "Ann")
    assert opened.output == "1000001 Ann: service, active\n"


async def test_a_refusal_is_told_in_words_with_its_reason(desk: Desk, account: Account) -> None:
    await desk.start()
    short = await account("create", "Ann", typed="short")
    assert (short.status, short.output) == (1, "")
    assert short.errors == "Error: a password has at least 8 characters (bad_password)\n"
    wrong = await account("list", GOIM_API_KEY="another key")
    assert (wrong.status, "(token_refused)" in wrong.errors) == (1, True)
    failed = await account("login", "Nobody")
    assert failed.errors == "Error: name or password is wrong (login_failed)\n"


async def test_the_key_of_a_data_folder_is_used_where_none_is_set(
    desk: Desk, account: Account, tmp_path: Path
) -> None:
    await desk.start()
    without = await account("list", GOIM_API_KEY="")
    assert (without.status, "no API key" in without.errors) == (1, True)
    load_secrets(tmp_path, {})
    found = await account("list", GOIM_API_KEY="")
    assert "(token_refused)" in found.errors  # it is another key than the service's, and was sent


async def test_without_an_auth_service_it_says_who_is_missing(account: Account) -> None:
    ended = await account("list")
    assert (ended.status, "that would be the auth service" in ended.errors) == (1, True)


async def test_more_accounts_than_a_page_are_told(desk: Desk, account: Account) -> None:
    await desk.start()
    for number in range(3):
        await desk.register(f"member {number}")
    ended = await account("list", "--limit", "2")
    assert ended.errors == "more: --after 1000001\n"


async def test_neither_password_nor_key_is_echoed(desk: Desk, account: Account) -> None:
    await desk.start()
    for words in (("create", "Ann"), ("create", "Ann"), ("show", "Ann")):
        ended = await account(*words)
        assert PASSWORD not in ended.output + ended.errors
        assert API_KEY not in ended.output + ended.errors
