"""Two clients that come back by themselves, with one key: no loop of mutual closing."""

import pytest

from goimbus.client import Client
from goimbus.client_errors import ClosedByServer
from schemas.close_codes import CloseCode
from tests.system.goim_socket import unique
from tests.system.running_system import RunningSystem


@pytest.mark.parametrize("transport", ["websocket", "tcp"])
async def test_the_newer_one_stays_and_the_older_one_is_told_not_to_come_back(
    system: RunningSystem, transport: str
) -> None:
    url = system.tcp_url if transport == "tcp" else system.websocket_url
    key, room = unique(), f"live://{unique()}"
    async with (
        Client(url, mid=5, key=key, room=room) as older,
        Client(url, mid=5, key=key, room=room) as newer,
    ):
        with pytest.raises(ClosedByServer) as closed:
            await anext(older)
        assert closed.value.code == CloseCode.REPLACED.number
        assert await newer.send("still here") > 0
        assert newer.reconnects == 0


async def test_a_client_without_extensions_is_a_stock_goim_client(system: RunningSystem) -> None:
    room = f"live://{unique()}"
    async with (
        Client(system.websocket_url, mid=6, room=room, ext=False) as plain,
        Client(system.tcp_url, mid=7, room=room) as other,
    ):
        assert not plain.extended
        assert await other.send("hello") > 0
        message = await anext(plain)
        assert (message.topic, message.operation) == ("", 4)  # type: ignore[union-attr]
        assert await plain.send("hello too") == 0
        await plain.change_room(f"live://{unique()}")
        await plain.subscribe([1000])
        await plain.unsubscribe([1000])
