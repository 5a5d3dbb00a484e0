import signal
import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, gc, resource
from functools import partial
from bus.errors import SettingsRefused
from bus.lifecycle import look_for_cycles_seldom, run_service, until_told_to_stop

async def serve(settings):
    if settings == 99:
        raise SettingsRefused(["PORT 99 is taken"])
    if settings == 98:
        print("connecting", flush=True)
        await asyncio.get_running_loop().create_future()
    if settings == 96:
        print(*resource.getrlimit(resource.RLIMIT_NOFILE))
        return
    if settings == 95:
        look_for_cycles_seldom()
        before = gc.get_stats()[0]["collections"]
        held = [[] for _ in range(40_000)]
        print(gc.get_stats()[0]["collections"] - before, gc.get_freeze_count() > 0)
        return
    if settings == 94:
        async def go_on():
            for _ in range(3):
                try:
                    await asyncio.get_running_loop().create_future()
                except asyncio.CancelledError:
                    print("went on", flush=True)
            await asyncio.get_running_loop().create_future()
        asyncio.current_task().task = asyncio.create_task(go_on())
    if settings == 97:
        raise KeyError("a bug")
    asyncio.get_running_loop().call_soon(partial(print, "ready", flush=True))
    await until_told_to_stop()
    print("stopped", flush=True)

run_service(lambda environment: environment.integer("PORT", 1, 1, 99), serve)
"""


def start(port: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *words],
        env={"PORT": port},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_of(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=20)
    return process.returncode, output, errors


def stopped_by(number: signal.Signals, port: str, when: str) -> tuple[int, str, str]:
    process = start(port)
    assert process.stdout is not None
    assert process.stdout.readline() == when
    process.send_signal(number)
    return end_of(process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_service_drain(number: signal.Signals) -> None:
    assert stopped_by(number, "5", "ready\n") == (0, "stopped\n", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_service_that_still_waits_for_nats(number: signal.Signals) -> None:
    assert stopped_by(number, "98", "connecting\n") == (0, "", "")


def test_a_task_that_goes_on_after_a_cancellation_keeps_no_service_from_ending() -> None:
    assert stopped_by(signal.SIGTERM, "94", "ready\n") == (0, "stopped\n" + "went on\n" * 3, "")


def test_a_fault_of_our_own_shows_its_stack_and_status_1() -> None:
    status, _, errors = end_of(start("97"))
    assert status == 1
    assert "KeyError: 'a bug'" in errors


def test_check_reads_the_settings_and_ends() -> None:
    assert end_of(start("5", "--check")) == (0, "settings are fine\n", "")


def test_a_refused_setting_ends_with_words_and_status_2() -> None:
    words = "setting refused: PORT must be 1 to 99, not 0\n"
    assert end_of(start("0")) == (2, "", words)
    assert end_of(start("0", "--check")) == (2, "", words)


def test_a_setting_that_serving_refuses_ends_the_same() -> None:
    assert end_of(start("99")) == (2, "", "setting refused: PORT 99 is taken\n")


def test_a_service_may_open_as_many_files_as_the_hard_limit_says() -> None:
    command = ["sh", "-c", 'ulimit -Sn 256; ulimit -Hn 512; exec "$@"', "sh", sys.executable]
    done = subprocess.run(
        [*command, "-c", SCRIPT], env={"PORT": "96"}, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("512 512\n", "")


def test_40_000_objects_that_live_are_not_searched_for_cycles() -> None:
    assert end_of(start("95")) == (0, "0 True\n", "")
