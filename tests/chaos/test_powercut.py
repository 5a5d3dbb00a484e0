"""A power cut loses nothing that was acknowledged; where it can't be tried, that is said."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from chaos.errors import NotPossible
from chaos.power_disk import check_power_cut_is_possible
from chaos.powercut import PowerCut, cut_power
from goimbus.commands.powercut import command


def is_possible() -> bool:
    try:
        check_power_cut_is_possible()
    except NotPossible:
        return False
    return True


@pytest.mark.skipif(not is_possible(), reason="needs root and loop devices")
@pytest.mark.timeout(120)
def test_what_was_acknowledged_is_on_the_disk(tmp_path: Path) -> None:
    try:
        cut = cut_power(tmp_path, dict(os.environ), seconds=2, rate=200, relaxed=False)
    except NotPossible as refused:
        pytest.skip(str(refused))
    assert cut.acked > 50
    assert cut.is_clean, cut.sentence
    assert cut.stored >= cut.acked
    assert list(tmp_path.iterdir()) == []


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    told = CliRunner().invoke(command, [])
    assert told.exit_code == 2
    assert "only root can mount a disk of its own: run it as root" in told.output


def test_a_loss_is_told_with_its_share() -> None:
    cut = PowerCut("sync_interval: always", 200, 150, 50, 0, 0)
    assert cut.sentence == "sync_interval: always: 200 acknowledged, 50 of them lost (25.0%)"
    assert not cut.is_clean
    clean = PowerCut("sync_interval: always", 200, 200, 0, 0, 0)
    assert clean.sentence == "sync_interval: always: 200 acknowledged, 0 of them lost"
    assert clean.is_clean
    assert clean.row()["acked"] == 200
