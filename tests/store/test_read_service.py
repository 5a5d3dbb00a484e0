"""What is read and unread, over a real nats-server."""

import asyncio
import json

from bus.stream_api import request_api
from schemas.headers import header_value
from schemas.messages_pb2 import (
    ConversationsReply,
    ConversationsRequest,
    HistoryReply,
    HistoryRequest,
    ReadReply,
    ReadRequest,
    ReadState,
    UnreadRequest,
)
from store.positions import MOST_READ
from tests.store.harness import StoreProcess, System, bodies, sequences


async def test_what_was_missed_is_unread_until_it_is_read(system: System) -> None:
    await system.start_store()
    got = [(await system.direct(5, 9, b"%d" % number))[1] for number in range(3)]
    await system.direct(7, 9, b"from another")
    told = await system.unread(9, all_members=True)
    assert told.members[5] == ReadState(read=0, unread=3, last=got[2])
    assert told.members[7].unread == 1
    assert (await system.unread(5, all_members=True)).members[9].unread == 0  # all of it is mine
    read = await system.read(9, members={5: got[1]})
    assert read.members[5] == ReadState(read=got[1], unread=1, last=got[2])
    assert set(read.members) == {5}


async def test_reading_never_goes_back_and_an_answer_reads_all_before_it(system: System) -> None:
    await system.start_store()
    got = [(await system.direct(5, 9, b"x"))[1] for _ in range(3)]
    await system.read(9, members={5: got[2]})
    assert (await system.read(9, members={5: got[0]})).members[5].read == got[2]
    (await system.direct(5, 9, b"y"))
    answer, _ = await system.direct(9, 5, b"answer")
    assert (await system.unread(9, members=[5])).members[5] == ReadState(read=answer, last=answer)
    beyond = await system.read(9, members={5: answer + 1000})
    assert beyond.members[5].read == answer
    after = (await system.direct(5, 9, b"z"))[1]
    assert (await system.unread(9, members=[5])).members[5].unread == 1
    assert (await system.read(9, members={5: after})).members[5].unread == 0


async def test_rooms_count_what_others_sent_since(system: System) -> None:
    await system.start_store()
    mine = {"Goim-From": "5"}
    await system.publish("room.chat.1", b"a", headers={"Goim-From": "7"})
    await system.publish("room.chat.1", b"b", headers=mine)
    last = await system.publish("room.chat.1", b"c")
    rooms = ["chat://1", "chat://2"]
    told = await system.unread(5, rooms=rooms)
    assert told.rooms["chat://1"] == ReadState(read=last - 1, unread=1, last=last)
    assert told.rooms["chat://2"] == ReadState()
    assert (await system.unread(9, rooms=rooms)).rooms["chat://1"].unread == 3
    assert (await system.read(9, rooms={"chat://1": last})).rooms["chat://1"].unread == 0
    assert (await system.unread(9, rooms=rooms)).rooms["chat://1"].unread == 0


async def test_every_store_knows_at_once_and_so_does_one_that_starts_anew(system: System) -> None:
    first = await system.start_store()
    await system.start_store()
    for _ in range(20):
        got = (await system.direct(5, 9, b"x"))[1]
        assert (await system.unread(9, members=[5])).members[5].unread == 1
        assert (await system.read(9, members={5: got})).members[5].unread == 0
        assert (await system.unread(9, members=[5])).members[5].unread == 0
    got = (await system.direct(5, 9, b"unread"))[1]
    for process in list(system.stores):
        await process.store.views.topics["MEMBER"].barrier.wait(30)
        await system.stop_store(process)
    fresh = await system.start_store()
    state = (await system.unread(9, all_members=True)).members[5]
    assert (state.unread, state.last) == (1, got)
    assert first.store.views.conversations.messages == fresh.store.views.conversations.messages
    assert readings(fresh) == (2, 42, 1)  # each message is with both members


def readings(process: StoreProcess) -> tuple[int, int, int]:
    views = process.store.views
    talks = views.conversations
    return len(talks), talks.messages, views.positions.table.readers


async def test_the_members_connections_are_told_what_rose_and_by_which_one(
    system: System,
) -> None:
    process = await system.start_store()
    await system.publish("room.chat.1", b"x")
    got = (await system.direct(5, 9, b"x"))[1]
    told: asyncio.Queue[tuple[bytes, bytes | None]] = asyncio.Queue()
    subject = system.subjects.cast("member.9", 33)
    system.bus.subscribe(subject, lambda _, __, body, headers: told.put_nowait((body, headers)))
    await system.bus.flush()
    await system.read(9, members={5: 0}, rooms={"chat://1": 0})
    await system.read(9, members={5: got, 7: 9}, rooms={"chat://1": 0}, session="g.7")
    body, headers = await told.get()
    assert json.loads(body) == {
        "rooms": {},
        "members": {"5": {"read": got, "unread": 0, "last": got}},
    }
    assert header_value(headers, "Goim-Session") == "g.7"
    await system.read(9, members={5: got}, rooms={"chat://1": 1})
    body, headers = await told.get()
    assert json.loads(body)["rooms"] == {"chat://1": {"read": 1, "unread": 0, "last": 1}}
    assert (header_value(headers, "Goim-Session"), told.empty()) == ("", True)
    last = await system.publish("room.chat.1", b"y")
    kept = await system.read(9, rooms={"chat://1": last}, session="two\r\nlines")
    assert kept.rooms["chat://1"].read == last
    assert (process.store.reading.moved, process.store.reading.untold) == (3, 1)


async def test_what_retention_took_is_neither_unread_nor_a_conversation(system: System) -> None:
    process = await system.start_store()
    await system.direct(5, 9, b"old")
    system.clock.ahead = 30 * 86_400 + 2
    assert not (await system.unread(9, all_members=True)).members
    request = HistoryRequest(mid=9, peer=5, before=1)
    reply = await system.ask("history", request, HistoryReply)
    page = reply.page
    assert (list(page.messages), page.more, page.gap_to, reply.gone_to) == ([], False, 0, 2)
    await process.store.sweeper.sweep(system.clock())
    assert readings(process) == (0, 0, 0)


async def test_direct_history_has_both_sides_and_nothing_else(system: System) -> None:
    await system.start_store()
    await system.publish("member.9", b"a push", headers={"Goim-From": "5"})
    for number in range(4):
        await system.direct(*((5, 9) if number % 2 else (9, 5)), b"%d" % number)
        await system.direct(7, 9, b"from another")
    await system.direct(9, 9, b"a note")
    newest = await system.history(mid=9, peer=5, limit=3)
    assert (bodies(newest.messages), newest.more) == ([b"1", b"2", b"3"], True)
    assert [(one.sender, one.recipient) for one in newest.messages] == [(5, 9), (9, 5), (5, 9)]
    older = await system.history(mid=9, peer=5, limit=3, before=newest.messages[0].sequence)
    assert (bodies(older.messages), older.more) == ([b"0"], False)
    assert bodies((await system.history(mid=5, peer=9)).messages) == [b"0", b"1", b"2", b"3"]
    assert bodies((await system.history(mid=9, peer=9)).messages) == [b"a note"]
    first = sequences(older.messages)[0]
    forward = await system.history(mid=9, peer=5, after=first, limit=2)
    assert (bodies(forward.messages), forward.more) == ([b"1", b"2"], True)


async def test_a_page_has_as_many_bytes_as_are_wanted_and_one_message_at_least(
    system: System,
) -> None:
    await system.start_store()
    for number in range(5):
        await system.direct(5, 9, b"%d" % number * 1000)
    got: list[bytes] = []
    before = 0
    while True:
        page = await system.history(mid=9, peer=5, before=before, most_bytes=2500)
        assert 1 <= len(page.messages) <= 2
        got = bodies(page.messages) + got
        if not page.more:
            break
        before = page.messages[0].sequence
    assert got == [b"%d" % number * 1000 for number in range(5)]
    assert len((await system.history(mid=9, peer=5, most_bytes=1)).messages) == 1


async def test_a_page_whose_messages_were_deleted_goes_on_to_those_before(
    system: System,
) -> None:
    await system.start_store()
    got = [(await system.direct(5, 9, b"%d" % number))[1] for number in range(4)]
    stream = system.subjects.stream("MEMBER")
    for sequence in got[2:]:
        request = {"seq": sequence, "no_erase": True}
        await request_api(system.bus, f"STREAM.MSG.DELETE.{stream}", request)
    page = await system.history(mid=9, peer=5, limit=1)
    assert (bodies(page.messages), page.more) == ([b"1"], True)
    assert (await system.unread(9, members=[5])).members[5].unread == 2


async def test_conversations_are_listed_newest_first(system: System) -> None:
    await system.start_store()
    for peer in (7, 8, 5, 7):
        await system.direct(peer, 9, b"x")

    async def listed(**fields: int) -> ConversationsReply:
        request = ConversationsRequest(mid=9, **fields)
        return await system.ask("conversations", request, ConversationsReply)

    page = await listed(limit=2)
    assert ([(one.peer, one.state.unread) for one in page.conversations], page.more) == (
        [(7, 2), (5, 1)],
        True,
    )
    page = await listed(limit=2, before=page.conversations[-1].state.last)
    assert ([one.peer for one in page.conversations], page.more) == ([8], False)
    nobody = await system.ask("conversations", ConversationsRequest(), ConversationsReply)
    assert nobody.error.code == 400


async def test_what_cant_be_asked_is_refused(system: System) -> None:
    await system.start_store()
    many = [f"chat://{number}" for number in range(MOST_READ + 1)]
    for endpoint, request in (
        ("unread", UnreadRequest(mid=0, all_members=True)),
        ("unread", UnreadRequest(mid=9, rooms=many)),
        ("unread", UnreadRequest(mid=9, rooms=[""])),
        ("read", ReadRequest(mid=9, members={-5: 1})),
        ("read", ReadRequest(rooms={"chat://1": 1})),
    ):
        error = (await system.ask(endpoint, request, ReadReply)).error
        assert (error.code, error.reason, error.retry) == (400, "bad_field", "never"), request


async def test_positions_of_devices_and_of_reading_are_apart(system: System) -> None:
    process = await system.start_store()
    got = (await system.direct(5, 9, b"x"))[1]
    await system.read(9, members={5: got})
    table = process.store.views.positions.table
    assert (len(table), table.readers) == (0, 1)
    await system.save(9, "=", {"member.9": got})
    assert (len(table), table.topics("9.=3D")) == (1, {"member.9": got})
    assert table.topics("9.=") == {"member.5": got}
