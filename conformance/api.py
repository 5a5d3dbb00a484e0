"""EDGE lets schemathesis loose on the HTTP API of a running Goimbus, as its own document has it.

Two ways: the edges of each parameter and field, one by one, the same each time; and what a seeded
generator thinks of, for as long as one likes.
"""

import importlib.util
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from conformance.errors import ApiCheckerMissing

# Not among them: what presumes that each refusal is in the document's form. Who may call, which
# rooms there are and what is too much is not.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "missing_required_header",
    "ignored_auth",
)
NEED_KEYS = ("missing_required_header", "ignored_auth")  # a trusted listener asks for none
SPARE_SECONDS = 120.0  # for it to begin, and to say what it found


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of it: the report in words."""

    is_clean: bool
    report: str


def can_check_api() -> bool:
    """Tell whether schemathesis is installed."""
    return importlib.util.find_spec("schemathesis") is not None


def check_api(url: str, key: str = "", seconds: int = 0, seed: int = 1) -> Findings:
    """Try the API at `url`; with seconds, so long by what the seed brings, else the edges.

    Without a key `url` is of a trusted listener. Raises ApiCheckerMissing.
    """
    if not can_check_api():
        raise ApiCheckerMissing
    checks = [check for check in CHECKS if key or check not in NEED_KEYS]
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--no-color"]
    command += ["--checks", ",".join(checks), "--seed", str(seed), "--warnings", "off"]
    command += ["--generation-database", "none", "--continue-on-failure"]
    command += ["--phases", "fuzzing,stateful" if seconds else "coverage"]
    if seconds:
        command += ["--max-time", str(seconds)]
    if key:
        command += ["--header", f"Authorization: Bearer {key}"]
    with tempfile.TemporaryDirectory(prefix="goimbus-api-") as folder:  # it leaves files there
        ran = subprocess.run(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds + SPARE_SECONDS,
            check=False,
        )
    return Findings(ran.returncode == 0, ran.stdout)
