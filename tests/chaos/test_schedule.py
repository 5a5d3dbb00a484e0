"""A seed is a schedule."""

from collections import Counter

from chaos.schedule import KINDS, LAST_SECONDS, PARTS, Fault, make_schedule


def test_the_same_seed_has_the_same_faults_and_another_seed_others() -> None:
    assert make_schedule(7, 600, 15) == make_schedule(7, 600, 15)
    assert make_schedule(7, 600, 15) != make_schedule(8, 600, 15)


def test_faults_come_in_order_of_time_as_often_as_asked() -> None:
    faults = make_schedule(1, 6000, 15)
    times = [fault.at for fault in faults]
    assert times == sorted(times)
    assert times[-1] < 6000 - LAST_SECONDS
    assert 1400 < len(faults) < 1600


def test_every_kind_hits_and_every_process_is_killed_ended_and_paused() -> None:
    faults = make_schedule(1, 60_000, 15)
    assert {fault.kind for fault in faults} == {*KINDS, "roll"}
    aimed = Counter((fault.kind, fault.target) for fault in faults)
    for kind in ("kill", "terminate", "pause"):
        assert {target for one, target in aimed if one == kind} == set(PARTS)
    assert all(fault.seconds > 0 for fault in faults if fault.kind == "pause")
    assert all(fault.share > 0 for fault in faults if fault.kind in ("cut", "switch", "kick"))


def test_a_run_that_has_time_for_it_has_one_rolling_restart() -> None:
    for seed in range(20):
        rolls = [fault.at for fault in make_schedule(seed, 120, 15) if fault.kind == "roll"]
        assert len(rolls) == 1
        assert rolls[0] <= 60
        assert not any(fault.kind == "roll" for fault in make_schedule(seed, 119, 15))


def test_a_run_without_faults_has_none() -> None:
    assert make_schedule(1, 600, 0) == []
    assert make_schedule(1, 1, 15) == []


def test_a_fault_is_counted_by_its_kind_of_process_and_said_in_words() -> None:
    fault = Fault(1.0, "pause", "store-2", seconds=2.5)
    assert (fault.name, fault.sentence) == ("pause store", "pause store-2 for 2.5 s")
    cut = Fault(1.0, "cut", share=0.25, seed=3)
    assert (cut.name, cut.sentence) == ("cut", "cut 25%")
