"""The table of revocations follows its bucket, also what others write there."""

import json

import pytest

from auth.errors import MemberBlocked
from auth.revocations import Revocations
from auth.watching import RevocationWatch
from bus.bucket import Bucket
from bus.connection import Bus
from tests.bus.conftest import PATIENT_SECONDS


async def test_what_any_service_writes_holds_and_ends_when_it_is_deleted(account_bus: Bus) -> None:
    bucket, table = Bucket(account_bus, "REVOKED", msg_ttl=True), Revocations()
    await bucket.ensure()
    theirs = await account_bus.jetstream.key_value(bucket.name)
    await theirs.put("member.7", json.dumps({"blocked": True}).encode())
    watch = RevocationWatch(bucket, table)
    await watch.load()
    with pytest.raises(MemberBlocked):
        table.check_member(7)
    await theirs.put("member.8", b'{"blocked":true}')
    await theirs.delete("member.7")
    await watch.catch_up(PATIENT_SECONDS)
    table.check_member(7)
    with pytest.raises(MemberBlocked):
        table.check_member(8)
    await watch.close()


async def test_a_bucket_that_is_made_anew_is_read_anew(account_bus: Bus) -> None:
    bucket, table = Bucket(account_bus, "REVOKED", msg_ttl=True), Revocations()
    await bucket.ensure()
    watch = RevocationWatch(bucket, table)
    await watch.load()
    await bucket.put("member.7", b'{"blocked":true}')
    await watch.catch_up(PATIENT_SECONDS)
    assert len(table) == 1
    await account_bus.jetstream.delete_stream(bucket.stream)
    await bucket.ensure()
    await bucket.put("member.9", b'{"blocked":true}')
    while len(table) != 1 or not blocked(table, 9):
        await account_bus.flush()
    assert not blocked(table, 7)
    await watch.close()


def blocked(table: Revocations, mid: int) -> bool:
    try:
        table.check_member(mid)
    except MemberBlocked:
        return True
    return False
