import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from goimbus.embedded import EmbeddedServer
from goimbus.errors import ServerFailed, ServiceRefused
from goimbus.part import LONGEST_LINE_BYTES, Part, PartPlan, restart_delay
from tests.goimbus.witness import Lines


@pytest.fixture
async def lines() -> Lines:
    return Lines()


def part_of(script: str, lines: Lines, server: EmbeddedServer | None = None) -> Part:
    command = (sys.executable, "-c", script)
    return Part(PartPlan("part", command, Path.cwd(), dict(os.environ), server), lines)


def test_delays_double_to_ten_seconds_and_begin_anew_after_ten_seconds_of_life() -> None:
    delay, delays = 0.0, []
    for _ in range(8):
        delay = restart_delay(delay, lived_seconds=0.1)
        delays.append(delay)
    assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert restart_delay(delay, lived_seconds=10.0) == 0.2


async def test_output_is_passed_on_by_line_whatever_its_bytes(lines: Lines) -> None:
    script = (
        "import sys, time\n"
        "sys.stdout.buffer.write(b'one\\ntwo\\r\\n\\xff\\n' + b'x' * 200_000 + b'\\nno end')\n"
        "sys.stdout.flush()\n"
        "sys.stderr.write('!\\n')\n"
        "sys.exit(2)\n"
    )
    with pytest.raises(ServiceRefused, match="part"):
        await part_of(script, lines).keep_running()
    said = [lines.queue.get_nowait() for _ in range(lines.queue.qsize())]
    assert said[0].startswith("started as process")
    assert said[1:4] == ["one", "two", "\ufffd"]
    assert "".join(said[4:-1]) == "x" * 200_000
    assert max(map(len, said)) < 2 * LONGEST_LINE_BYTES + 1
    assert said[-1] == "no end!"


async def test_a_part_that_ends_is_started_again(lines: Lines) -> None:
    part = part_of("import sys; sys.exit(3)", lines)
    running = asyncio.create_task(part.keep_running())
    assert re.fullmatch(
        r"ended with status 3 after \d\.\d s, starts again in 0.2 s",
        await lines.next_with("ended"),
    )
    await lines.next_with("started as")
    assert "in 0.4 s" in await lines.next_with("ended")
    part.stop()
    await running


async def test_a_part_that_is_told_to_stop_while_it_starts_ends(lines: Lines) -> None:
    part = part_of("import signal; signal.pause()", lines)
    running = asyncio.create_task(part.keep_running())
    await asyncio.sleep(0)
    part.stop()
    await running


async def test_a_command_that_is_not_there_is_told_and_tried_again(lines: Lines) -> None:
    part = Part(PartPlan("part", ("/nowhere/at-all",), Path.cwd(), dict(os.environ)), lines)
    running = asyncio.create_task(part.keep_running())
    await lines.next_with("can't run /nowhere/at-all: No such file")
    await lines.next_with("ended with status 127")
    part.stop()
    await running


async def test_a_server_gives_its_address_when_ready_and_shows_its_words_when_it_dies(
    lines: Lines,
) -> None:
    script = "print('hush'); print('listening on 1.2.3.4:5'); print('oh'); print('dear')"
    server = EmbeddedServer("nats", (), re.compile(r"listening on (?P<at>\S+)"), "nats://{at}")
    plan = PartPlan(
        "nats",
        (sys.executable, "-c", script),
        Path.cwd(),
        dict(os.environ),
        server,
        shows=lambda line: line == "oh",
    )
    part = Part(plan, lines)
    running = asyncio.create_task(part.keep_running())
    assert await part.url == "nats://1.2.3.4:5"
    await lines.next_with("ended with status 0")
    await lines.next_with("ready at nats://1.2.3.4:5")
    part.stop()
    await running


async def test_a_server_that_never_was_ready_fails_with_its_words(lines: Lines) -> None:
    server = EmbeddedServer("nats", (), re.compile("never printed"), "")
    with pytest.raises(ServerFailed, match="disk on fire"):
        await part_of("print('disk on fire')", lines, server).keep_running()
