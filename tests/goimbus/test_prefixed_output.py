import os
import subprocess
import sys

import pytest

from goimbus.prefixed_output import PrefixedOutput


def test_each_line_follows_the_name(capsys: pytest.CaptureFixture[str]) -> None:
    PrefixedOutput().say("web", "one\ntwo")
    PrefixedOutput().say("store", "")
    assert capsys.readouterr().out == "web      | one\nweb      | two\nstore    | \n"


def test_a_reader_that_went_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    script = (
        "from goimbus.prefixed_output import PrefixedOutput\n"
        "for _ in range(3): PrefixedOutput().say('web', 'x')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
