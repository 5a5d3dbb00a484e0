"""EDGE the stream EVENT: who was told to be online, and when the others were seen last.

Redis may forget that; the events themselves are the truth of what was told.
"""

from typing import NamedTuple

import msgspec

from bus.connection import Bus
from bus.ordered import Entry, OrderedReader
from bus.stream_api import read_stream_state
from router.rows import Seen

ONLINE, OFFLINE = "online", "offline"


class Told(NamedTuple):
    """The last event of each member."""

    online: dict[int, int]  # mid to since when, unix milliseconds
    seen: dict[int, Seen]  # of those who are offline


class _Device(msgspec.Struct):
    device: str = ""
    platform: str = ""
    since_ms: int = 0


class _Event(msgspec.Struct):
    time_ms: int = 0
    last_seen_ms: int = 0
    devices: list[_Device] = []


_decoder = msgspec.json.Decoder(_Event, strict=False)  # 64-bit numbers are written as text


async def read_told(bus: Bus, seconds: float) -> Told:
    """Return what the events say now. Raises StreamApiRefused, ReaderBehind, other BusErrors."""
    stream = bus.subjects.stream("EVENT")
    state = await read_stream_state(bus, stream)
    last: dict[int, Entry] = {}

    def take(entry: Entry) -> None:
        last[int(entry.subject.split(".")[-2])] = entry

    every = bus.subjects.session_event("*", "*")
    reader = OrderedReader(bus, stream, take, headers_only=False, last_of=every)
    reader.start()
    try:
        await reader.wait_for(state.last_sequence, seconds)
    finally:
        await reader.stop()
    return read_events(last)


def read_events(last: dict[int, Entry]) -> Told:
    """Return what the last event of each member says; one that can't be read says offline."""
    told = Told({}, {})
    for mid, entry in last.items():
        try:
            event = _decoder.decode(entry.payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if entry.subject.endswith(f".{ONLINE}"):
            told.online[mid] = event.time_ms
        else:
            device = event.devices[0] if event.devices else _Device()
            told.seen[mid] = Seen(
                event.last_seen_ms, device.device, device.platform, device.since_ms
            )
    return told
