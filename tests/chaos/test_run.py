"""`./dev chaos` itself: a short run keeps every promise, and planted faults break each of them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chaos.judge import PROMISES

PLANT = "GOIM_CHAOS_PLANT"
COMMAND = (sys.executable, "-m", "goimbus", "chaos")
MOST_SECONDS = 200


def run(checkout: Path, folder: Path, plant: str, options: str) -> tuple[int, dict[str, Any]]:
    """Run the command; return its exit status and what it wrote."""
    file = folder / "figures.json"
    finished = subprocess.run(
        [*COMMAND, "--json", str(file), "--keep", str(folder / "instance"), *options.split()],
        cwd=checkout,
        env={**os.environ, PLANT: plant},
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    assert file.exists(), finished.stdout + finished.stderr
    return finished.returncode, json.loads(file.read_text())


@pytest.mark.timeout(MOST_SECONDS + 10)
def test_nothing_is_lost_or_comes_twice_while_parts_are_killed(
    checkout: Path, tmp_path: Path
) -> None:
    options = "--seconds 10 --seed 9 --rate 60 --faults 45 --clients 26"
    status, figures = run(checkout, tmp_path, "", options)
    broken = {promise: figures[promise] for promise in PROMISES if figures[promise]}
    assert broken == {}, figures["first"]
    assert figures["settled"]
    assert figures["presence_off"] == 0
    assert status == 0
    assert figures["acked"] > 20
    assert figures["delivered_frames"] > 2 * figures["acked"]
    assert figures["fault_count"] >= 4
    assert figures["seed"] == 9
    assert figures["processes"]


@pytest.mark.timeout(MOST_SECONDS + 10)
def test_planted_faults_are_found(checkout: Path, tmp_path: Path) -> None:
    options = "--seconds 5 --seed 1 --rate 60 --faults 0 --clients 26"
    status, figures = run(checkout, tmp_path, "drop,repeat,swap,leak", options)
    assert status == 1
    for promise in ("lost", "duplicated", "out_of_order", "unannounced_gaps", "forbidden"):
        assert figures[promise], promise
        assert figures["first"][promise][0]["device"]
