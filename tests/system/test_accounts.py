"""An account from its registration by HTTP to its open connections being cut, all parts real."""

import json
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from schemas.frame import encode_frame
from schemas.operations import Operation
from tests.system.goim_socket import GoimSocket, unique
from tests.system.running_system import RunningSystem
from tests.until import until_seen

PASSWORD = "correct horse battery"
WORKERS = 2  # of the system


def call(system: RunningSystem, name: str, /, token: str = "", **fields: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{system.port}/api/v1/accounts/{name}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer: dict[str, Any] = httpx.post(url, json=fields, headers=headers, timeout=30).json()
    return answer


def member(system: RunningSystem) -> str:
    """Register somebody and return the name."""
    name = unique("member")
    assert "mid" in call(system, "register", name=name, password=PASSWORD)
    return name


def login(system: RunningSystem, name: str) -> dict[str, Any]:
    """Log in on a device that has no key of its own."""
    return call(system, "login", name=name, password=PASSWORD, platform="web")


def api_key(system: RunningSystem) -> str:
    secrets: dict[str, str] = json.loads((system.folder / "data" / "secrets.json").read_text())
    return secrets["GOIM_API_KEY"]


def enter(system: RunningSystem, transport: str, auth: str) -> GoimSocket:
    client = GoimSocket(transport, system.port if transport == "ws" else system.tcp_port)
    assert client.login(auth).operation == Operation.AUTH_REPLY
    return client


def is_refused(system: RunningSystem, auth: str) -> bool:
    with GoimSocket("tcp", system.tcp_port) as client:
        client.send(encode_frame(Operation.AUTH, auth.encode()))
        return client.receive_bytes(1) == b""


def wait_until_closed(client: GoimSocket) -> None:
    assert client.receive_rest(lambda taken: False)[1]


def until_gateways_report(system: RunningSystem) -> None:
    """Wait until it is known which gateways there are: these are told to cut a connection."""
    instances = f"{system.http_url}/api/v1/nodes/instances"

    def all_have_reported() -> bool:
        answer = httpx.post(instances, json={}, timeout=30).json()
        return len(answer.get("nodes", ())) >= WORKERS

    until_seen(all_have_reported)


def test_a_login_says_which_gateways_to_try(system: RunningSystem) -> None:
    until_gateways_report(system)
    connect = login(system, member(system))["connect"]
    assert connect["nodes"]
    assert connect["ws_port"] == system.port
    assert connect["backoff"]["jitter"] > 0


@pytest.mark.parametrize("transport", ["ws", "tcp"])
def test_closing_an_account_cuts_its_connections_on_every_worker(
    system: RunningSystem, transport: str
) -> None:
    until_gateways_report(system)
    answer = login(system, member(system))
    with ExitStack() as stack:
        clients = [stack.enter_context(enter(system, transport, answer["auth"])) for _ in range(6)]
        closed = call(system, "deactivate", api_key(system), mid=answer["mid"])
        assert closed["account"]["state"] == "deactivated"
        for client in clients:
            wait_until_closed(client)
    assert is_refused(system, answer["auth"])


def test_a_logout_cuts_this_login_and_leaves_the_other(system: RunningSystem) -> None:
    until_gateways_report(system)
    name = member(system)
    ended, other = login(system, name), login(system, name)
    with (
        enter(system, "tcp", ended["auth"]) as mine,
        enter(system, "ws", ended["auth"]) as mine_too,
        enter(system, "tcp", other["auth"]) as theirs,
    ):
        assert call(system, "logout", ended["token"]) == {}
        wait_until_closed(mine)
        wait_until_closed(mine_too)
        assert is_refused(system, ended["auth"])
        assert theirs.receive_rest() == (b"", False)
        theirs.send(encode_frame(Operation.HEARTBEAT))
        assert theirs.receive().operation == Operation.HEARTBEAT_REPLY


def test_documents_of_the_api_are_served(system: RunningSystem) -> None:
    for path in ("openapi.json", "asyncapi.json"):
        answer = httpx.get(f"http://127.0.0.1:{system.port}/{path}", timeout=30)
        assert answer.status_code == 200
        assert answer.json()["info"]["title"] == "Goimbus"
