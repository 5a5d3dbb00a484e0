"""Whatever is asked by HTTP is answered as the served document says, and never by a fault."""

from pathlib import Path

import pytest

from conformance import api
from conformance.api import can_check_api, check_api
from conformance.errors import ApiCheckerMissing
from tests.system.running_system import running_system

needs_schemathesis = pytest.mark.skipif(
    not can_check_api(), reason="needs requirements-dev.txt, which './dev check' installs"
)
KEY = "the-api-key-of-this-test"
MOST_SECONDS = 180


@needs_schemathesis
@pytest.mark.timeout(MOST_SECONDS)
def test_every_call_is_answered_as_the_document_says(tmp_path: Path) -> None:
    with running_system(tmp_path, GOIM_API_KEY=KEY) as system:
        findings = check_api(f"http://127.0.0.1:{system.port}", KEY)
        system.wait_until_ready()
    assert findings.is_clean, findings.report
    assert "generated" in findings.report
    assert "http_request_failed" not in system.log


def test_a_missing_checker_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "can_check_api", lambda: False)
    with pytest.raises(ApiCheckerMissing, match="--no-tests"):
        check_api("http://127.0.0.1:1")
