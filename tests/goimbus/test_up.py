import asyncio
import json
import os
import re
import signal
import socket
from pathlib import Path
from urllib.request import urlopen

import nats
import redis.asyncio

from tests.goimbus.witness import SERVICES, Command, Witness, start_up, until_closed


async def test_everything_runs_and_ends_in_order(
    tmp_path: Path, witness: Witness, variables: dict[str, object]
) -> None:
    up = await start_up(tmp_path, variables)
    await up.line_with("ready after")
    await up.line_with(f"ws://127.0.0.1:{variables['PORT']}/sub")
    seen = {name: await witness.see(name) for name in SERVICES}
    output = "\n".join(up.lines)
    assert "GOIM_AUTH=open" in output
    for name in (*SERVICES, "nats", "valkey"):
        assert len(re.findall(rf"^{name} .*(ready at|started as)", output, re.MULTILINE)) == 1
    nats_client = await nats.connect(f"nats://127.0.0.1:{variables['GOIM_NATS_PORT']}")
    redis_client = redis.asyncio.from_url(f"unix://{tmp_path}/data/valkey.sock")
    assert await redis_client.ping()
    await redis_client.aclose()

    up.process.send_signal(signal.SIGTERM)
    await seen["web"].told_to_end()
    await seen["web"].ended()
    assert nats_client.is_connected
    for name in ("auth", "router", "store"):
        await seen[name].told_to_end()
    assert await up.end() == 0
    await nats_client.close()
    assert not (tmp_path / "data" / "valkey.sock").exists()


async def test_the_gateway_ends_before_the_others_are_told(
    tmp_path: Path, witness: Witness, variables: dict[str, object]
) -> None:
    up = await start_up(
        tmp_path, {**variables, "GOIM_DRAIN_SECONDS": "0"}, web="stubborn", store=""
    )
    await up.line_with("secrets in")
    web, store = await witness.see("web"), await witness.see("store")
    up.process.send_signal(signal.SIGTERM)
    await web.told_to_end()
    up.process.send_signal(signal.SIGTERM)  # hosts may say it twice
    await web.ended()
    await store.told_to_end()
    assert await up.end() == 0
    assert any("did not end within 2 s: killed" in line for line in up.lines)


async def test_a_second_interrupt_does_not_wait(
    tmp_path: Path, witness: Witness, variables: dict[str, object]
) -> None:
    up = await start_up(tmp_path, {**variables, "GOIM_DRAIN_SECONDS": "50"}, web="stubborn")
    await up.line_with("secrets in")
    web = await witness.see("web")
    up.process.send_signal(signal.SIGINT)
    await web.told_to_end()
    up.process.send_signal(signal.SIGINT)
    await web.ended()
    assert await up.end() == 0


async def test_a_part_that_dies_is_started_again_and_its_workers_go_with_it(
    tmp_path: Path, witness: Witness, variables: dict[str, object]
) -> None:
    up = await start_up(tmp_path, variables, web="worker", store="")
    await up.line_with("secrets in")
    web, worker = await witness.see("web"), await witness.see("worker-of-web")
    os.kill(web.pid, signal.SIGKILL)
    await worker.ended()
    assert "0.2 s" in await up.line_with("ended by SIGKILL")
    await witness.see("web")
    store = await witness.see("store")
    os.kill(store.pid, signal.SIGKILL)
    await up.line_with("ended by SIGKILL")
    await witness.see("store")
    up.process.send_signal(signal.SIGINT)
    assert await up.end() == 0


async def test_servers_that_are_killed_come_back_at_the_same_place(
    tmp_path: Path, witness: Witness, variables: dict[str, object]
) -> None:
    up = await start_up(tmp_path, variables)
    await up.line_with("secrets in")
    for name in ("nats", "valkey"):
        [line] = [line for line in up.lines if line.startswith(f"{name} ") and "ready at" in line]
        os.kill(_child_named(up.process.pid, name), signal.SIGKILL)
        await up.line_with("ended by SIGKILL")
        assert await up.line_with("ready at") == line
    up.process.send_signal(signal.SIGTERM)
    assert await up.end() == 0


async def test_all_children_end_when_the_supervisor_is_killed(
    tmp_path: Path, witness: Witness, variables: dict[str, object]
) -> None:
    up = await start_up(tmp_path, variables)
    await up.line_with("secrets in")
    seen = [await witness.see(name) for name in SERVICES]
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", int(str(variables["GOIM_NATS_PORT"]))
    )
    up.process.kill()
    for one in seen:
        await one.told_to_end()
        await one.ended()
    await until_closed(reader)  # nats-server is gone
    writer.close()
    await up.end()


async def test_a_service_that_refuses_its_settings_ends_it_all_with_status_2(
    tmp_path: Path, witness: Witness, variables: dict[str, object]
) -> None:
    up = await start_up(tmp_path, variables, web="", auth="refuse")
    web, auth = await witness.see("web"), await witness.see("auth")
    auth.let_go_on()
    assert await up.end() == 2
    await web.ended()
    output = "\n".join(up.lines)
    assert "auth     | setting refused: GOIM_FAKE must be true" in output
    assert "goimbus up: auth refuses its settings" in output


async def test_running_servers_are_used_when_named(
    tmp_path: Path,
    witness: Witness,
    variables: dict[str, object],
    nats_url: str,
    redis_url: str,
) -> None:
    up = await start_up(tmp_path, {**variables, "NATS_URL": nats_url, "REDIS_URL": redis_url})
    assert nats_url in await up.line_with("NATS ")
    assert not any(line.startswith(("nats", "valkey")) for line in up.lines)
    up.process.send_signal(signal.SIGTERM)
    assert await up.end() == 0


async def test_the_services_learn_ports_servers_and_secrets_from_their_environment(
    tmp_path: Path, witness: Witness, variables: dict[str, object]
) -> None:
    (tmp_path / "print_environment.py").write_text(
        "import http.server, json, os\n"
        "class Answer(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200)\n"
        "        self.end_headers()\n"
        "        self.wfile.write(json.dumps(dict(os.environ)).encode())\n"
        "http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Answer).serve_forever()\n"
    )
    procfile = tmp_path / "Procfile"
    procfile.write_text("web: python print_environment.py\n")
    up = await Command.start("up", "--procfile", procfile, WEB_CONCURRENCY=3, **variables)
    await up.line_with("secrets in")

    def ask() -> dict[str, str]:
        with urlopen(f"http://127.0.0.1:{variables['PORT']}/") as answer:
            told: dict[str, str] = json.load(answer)
            return told

    told = await asyncio.to_thread(ask)
    assert told["NATS_URL"] == f"nats://127.0.0.1:{variables['GOIM_NATS_PORT']}"
    assert told["REDIS_URL"] == f"unix://{tmp_path}/data/valkey.sock"
    assert told["GOIM_TCP_PORT"] == str(variables["GOIM_TCP_PORT"])
    assert told["GOIM_AUTH"] == "open"
    assert told["WEB_CONCURRENCY"] == "3"
    kept = json.loads((tmp_path / "data" / "secrets.json").read_text())
    assert (told["GOIM_AUTH_SECRET"], told["GOIM_API_KEY"]) == tuple(kept.values())
    up.process.send_signal(signal.SIGTERM)
    assert await up.end() == 0


async def test_a_taken_port_is_one_line_and_status_2(
    tmp_path: Path, variables: dict[str, object]
) -> None:
    with socket.create_server(("127.0.0.1", int(str(variables["GOIM_NATS_PORT"])))):
        up = await start_up(tmp_path, variables)
        assert await up.end() == 2
    assert len(up.lines) == 1
    assert f"GOIM_NATS_PORT: can't listen on port {variables['GOIM_NATS_PORT']}" in up.lines[0]


async def test_each_bad_setting_is_one_line_and_status_2(
    tmp_path: Path, variables: dict[str, object]
) -> None:
    up = await start_up(tmp_path, {**variables, "PORT": "many", "GOIM_TCP_PORT": "70000"})
    assert await up.end() == 2
    assert [line.split()[2] for line in up.lines] == ["PORT", "GOIM_TCP_PORT"]


async def test_a_second_up_on_the_same_data_folder_is_refused(
    tmp_path: Path, witness: Witness, variables: dict[str, object]
) -> None:
    first = await start_up(tmp_path, variables)
    await first.line_with("secrets in")
    second = await start_up(tmp_path, variables)
    assert await second.end() == 2
    assert second.lines == [f"goimbus up: GOIM_DATA_DIR: another `goimbus up` uses {tmp_path}/data"]
    first.process.send_signal(signal.SIGTERM)
    assert await first.end() == 0


async def test_a_data_folder_that_cannot_be_made_is_told(
    tmp_path: Path, variables: dict[str, object]
) -> None:
    (tmp_path / "file").write_text("")
    up = await start_up(tmp_path, {**variables, "GOIM_DATA_DIR": tmp_path / "file" / "data"})
    assert await up.end() == 2
    assert "GOIM_DATA_DIR" in up.lines[0]


async def test_a_damaged_procfile_is_told(tmp_path: Path, variables: dict[str, object]) -> None:
    procfile = tmp_path / "Procfile"
    procfile.write_text("web python -m gateway\n")
    up = await Command.start("up", "--procfile", procfile, **variables)
    assert await up.end() == 2
    assert "Procfile line 1" in up.lines[0]


async def test_a_server_that_cannot_start_shows_why(
    tmp_path: Path, variables: dict[str, object]
) -> None:
    up = await start_up(tmp_path, {**variables, "NATS_SERVER_BIN": "/bin/cat"})
    assert await up.end() == 1
    assert any("nats did not start" in line for line in up.lines)


async def test_a_closed_output_does_not_stop_the_services(
    tmp_path: Path, witness: Witness, variables: dict[str, object]
) -> None:
    up = await start_up(tmp_path, variables)
    await up.line_with("secrets in")
    store = await witness.see("store")
    transport = up.process._transport  # type: ignore[attr-defined]  # asyncio has no other way
    transport.get_pipe_transport(1).close()
    os.kill(store.pid, signal.SIGKILL)
    again = await witness.see("store")
    up.process.send_signal(signal.SIGTERM)
    await again.told_to_end()
    assert await up.process.wait() == 0


def _child_named(parent: int, name: str) -> int:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = path.read_text().partition(" (")
        except OSError:  # it has just ended
            continue
        command, _, numbers = rest.rpartition(") ")
        if int(numbers.split()[1]) == parent and name in command:
            return int(pid)
    raise AssertionError(f"no child {name} of {parent}")
