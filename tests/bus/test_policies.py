import asyncio
import json
from pathlib import Path

import pytest
from nats.js.kv import KeyValue

from bus.connection import Bus
from bus.errors import SettingsRefused
from bus.policies import PolicyBook, read_policies_file
from bus.settings import BusSettings
from schemas.policies import BUILT_IN, DEFAULT, Policy
from schemas.subjects import encode_token
from tests.bus.conftest import Connect
from tests.bus.servers import NatsServer


async def bucket_of(bus: Bus) -> KeyValue:
    return await bus.jetstream.key_value(bus.subjects.bucket("POLICY"))


async def put(bus: Bus, room_type: str, text: str) -> None:
    bucket = await bucket_of(bus)
    await bucket.put(encode_token(room_type), text.encode())


def change_of(book: PolicyBook) -> asyncio.Event:
    changed = asyncio.Event()
    book.on_change.append(lambda room_type: changed.set())
    return changed


@pytest.fixture
def policies_file(tmp_path: Path) -> str:
    file = tmp_path / "policies.json"
    file.write_text(json.dumps({"live": {"retain_messages": 9}, "chat": {"open": True}}))
    return str(file)


async def test_nothing_described_is_the_default_and_live_is_built_in(bus: Bus) -> None:
    book = await PolicyBook.load(bus)
    assert book.of("chat") == book.of("") == DEFAULT
    assert book.of("live") == BUILT_IN["live"]
    assert book.types() == ("live",)
    await book.close()


async def test_the_file_changes_what_is_built_in_and_the_bucket_what_the_file_says(
    bus: Bus, policies_file: str
) -> None:
    book = await PolicyBook.load(bus, policies_file)
    assert (book.of("live").retain_messages, book.of("live").open) == (9, True)
    assert book.of("chat") == Policy(open=True)
    changed = change_of(book)
    await put(bus, "live", '{"send": "nobody"}')
    await changed.wait()
    assert (book.of("live").send, book.of("live").retain_messages) == ("nobody", 9)
    assert book.changes == 1
    await book.close()


async def test_a_change_reaches_every_book_and_a_later_one_begins_with_it(
    bus: Bus, settings: BusSettings, connect: Connect
) -> None:
    first, second = await PolicyBook.load(bus), await PolicyBook.load(await connect(settings))
    changes = [change_of(first), change_of(second)]
    await put(bus, "chat://x", '{"keep": false}')
    for changed in changes:
        await changed.wait()
    third = await PolicyBook.load(bus)
    for book in (first, second, third):
        assert book.of("chat://x") == Policy(keep=False)
        assert "chat://x" in book.types()
        await book.close()


async def test_deleting_the_key_undoes_it(bus: Bus, policies_file: str) -> None:
    await (await PolicyBook.load(bus)).close()
    await put(bus, "chat", '{"first": 5}')
    await put(bus, "other", '{"first": 6}')
    book = await PolicyBook.load(bus, policies_file)
    assert book.of("chat") == Policy(open=True, first=5)
    for room_type in ("chat", "other"):
        changed = change_of(book)
        await (await bucket_of(bus)).delete(encode_token(room_type))
        await changed.wait()
    assert book.of("chat") == Policy(open=True)
    assert book.of("other") == DEFAULT
    assert "other" not in book.types()
    await book.close()


@pytest.mark.parametrize(
    "bad",
    ["", "{", "[]", "7", '{"unknown": 1}', '{"keep": 1}', '{"send_per_second": NaN}', "[" * 9999],
)
async def test_a_bad_value_is_refused_and_the_former_stays(bus: Bus, bad: str) -> None:
    book = await PolicyBook.load(bus)
    changed = change_of(book)
    await put(bus, "chat", '{"first": 1}')
    await put(bus, "chat", bad)
    await put(bus, "end", '{"first": 2}')
    while book.of("end") == DEFAULT:
        await changed.wait()
        changed.clear()
    assert (book.of("chat").first, book.refused) == (1, 1)
    later = await PolicyBook.load(bus)
    assert later.of("chat").first == 1
    await later.close()
    await book.close()


async def test_a_key_that_is_no_encoded_type_is_refused(bus: Bus) -> None:
    await (await PolicyBook.load(bus)).close()
    bucket = await bucket_of(bus)
    for key in ("a.b", "=41", "=zz", "=FF", "a/b"):
        await bucket.put(key, b"{}")
    book = await PolicyBook.load(bus)
    assert book.refused == 5
    assert book.types() == ("live",)
    await book.close()


async def test_two_that_start_at_once_share_one_bucket(
    settings: BusSettings, connect: Connect
) -> None:
    buses = [await connect(settings) for _ in range(4)]
    books = await asyncio.gather(*map(PolicyBook.load, buses))
    await put(buses[0], "chat", '{"first": 3}')
    for book in books:
        changed = change_of(book)
        while book.of("chat") == DEFAULT:
            await changed.wait()
        await book.close()


async def test_a_bucket_made_otherwise_is_taken_as_it_is(bus: Bus) -> None:
    bucket = await bus.jetstream.create_key_value(bucket=bus.subjects.bucket("POLICY"), history=1)
    await bucket.put("chat", b'{"first": 3}')
    book = await PolicyBook.load(bus)
    assert book.of("chat").first == 3
    await book.close()


async def test_a_restart_of_nats_is_survived(
    server: NatsServer, settings: BusSettings, connect: Connect
) -> None:
    bus = await connect(BusSettings(nats_url=server.url, prefix=settings.prefix))
    book = await PolicyBook.load(bus)
    await put(bus, "chat", '{"first": 1}')
    back = asyncio.Event()
    bus.on_reconnect.append(back.set)
    server.kill()
    await server.start()
    await back.wait()
    changed = change_of(book)
    await put(bus, "chat", '{"first": 2}')
    while book.of("chat").first != 2:
        await changed.wait()
        changed.clear()
    await book.close()


async def test_a_bucket_made_anew_empties_the_book(bus: Bus) -> None:
    book = await PolicyBook.load(bus)
    changed = change_of(book)
    await put(bus, "chat", '{"first": 1}')
    await changed.wait()
    changed.clear()
    await bus.jetstream.delete_key_value(bus.subjects.bucket("POLICY"))
    other = await PolicyBook.load(bus)
    await changed.wait()
    assert book.of("chat") == other.of("chat") == DEFAULT
    await other.close()
    await book.close()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "can't be read"),
        ("[]", "an object of room types"),
        ('{"live": 5}', "'live'"),
        ('{"live": {"keep": "yes"}}', "keep can't be 'yes'"),
        ("[" * 9999, "can't be read"),
        ("\ud800", "can't be read"),
    ],
)
def test_a_bad_file_is_refused_with_its_variable(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "policies.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(SettingsRefused, match="GOIM_POLICIES") as caught:
        read_policies_file(str(file))
    assert why in str(caught.value)


def test_a_missing_file_is_refused_and_no_file_is_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="GOIM_POLICIES"):
        read_policies_file(str(tmp_path / "none.json"))
    assert read_policies_file("") == {}


async def test_the_readings_tell_types_changes_and_refusals(bus: Bus) -> None:
    book = await PolicyBook.load(bus)
    assert {name: rows for name, _, _, _, rows in book.readings()} == {
        "goim_policy_types": [((), 1)],
        "goim_policy_changes": [((), 0)],
        "goim_policies_refused": [((), 0)],
    }
    await book.close()
