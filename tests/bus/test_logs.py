import json
import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from bus import logs
from bus.logs import RareLog

SCRIPT = """
import logging, structlog
from bus.logs import configure_logs
configure_logs("store", {format!r}, "info")
log = structlog.get_logger()
log.debug("too_fine")
log.info("client_closed", user_id=7)
logging.getLogger("uvicorn.error").warning("careful %s", 1)
logging.getLogger("uvicorn.error").info("chatter")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("broken")
"""


def run(log_format: str) -> str:
    command = [sys.executable, "-W", "error", "-c", SCRIPT.format(format=log_format)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


def test_json_logs_are_one_object_a_line() -> None:
    events = [json.loads(line) for line in run("json").splitlines()]
    assert [one["event"] for one in events] == ["client_closed", "library_log", "broken"]
    assert {one["service"] for one in events} == {"store"}
    assert (events[0]["user_id"], events[0]["level"]) == (7, "info")
    assert events[0]["timestamp"].endswith("Z")
    assert (events[1]["library"], events[1]["words"]) == ("uvicorn.error", "careful 1")
    assert "ZeroDivisionError" in events[2]["exception"]


def test_text_logs_are_for_people() -> None:
    text = run("text")
    assert "client_closed" in text
    assert "user_id=7" in text
    assert "careful 1" in text
    assert "ZeroDivisionError" in text
    assert "too_fine" not in text
    assert "chatter" not in text


def test_a_rare_log_counts_all_and_tells_one_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(logs, "monotonic", lambda: now[0])
    rare = RareLog("it_failed")
    with capture_logs() as told:
        for _ in range(5):
            rare.warning(subject="a")
        now[0] += 9.9
        rare.warning(subject="b")
        now[0] += 0.2
        rare.warning(subject="c")
    assert rare.count == 7
    assert [(one["subject"], one["count"]) for one in told] == [("a", 1), ("c", 7)]
