"""Figures come out as they went in, and the verdict can be read."""

import json

from chaos.judge import PROMISES, judge
from chaos.report import Figures, Memory, as_json, in_words, live_table
from tests.chaos.books import MEMBER, book_of, device_of, give


def test_the_json_holds_the_verdict_the_figures_and_how_to_do_it_again() -> None:
    ledger = book_of(MEMBER, MEMBER)
    give(ledger, device_of(ledger, "resuming"), MEMBER, (2,))
    figures = Figures(7, 60.0, 200.0, 64, 15.0, acked=2, faults={"kill nats": 2, "cut": 1})
    values = json.loads(as_json(figures, judge(ledger)))
    expected = dict.fromkeys(PROMISES, 0) | {"lost": 1, "unannounced_gaps": 1}
    assert {promise: values[promise] for promise in PROMISES} == expected
    assert values["first"]["lost"][0]["number"] == 1
    assert (values["acked"], values["delivered_frames"], values["fault_count"]) == (2, 1, 3)
    assert values["faults"] == {"kill nats": 2, "cut": 1}
    command = "./dev chaos --seconds 60 --seed 7 --rate 200 --clients 64 --faults 15"
    assert values["replay"] == command


def test_the_words_name_the_offenders_and_the_command_where_there_are_any() -> None:
    ledger = book_of(MEMBER)
    log = device_of(ledger, "plain")
    figures = Figures(7, 60.0, 200.0, 64, 15.0)
    words = in_words(figures, judge(ledger))
    assert "lost 1  duplicated 0" in words
    assert "lost: plain device, member.7: message 1, sequence 10: never came" in words
    assert words.endswith(figures.replay)
    give(ledger, log, MEMBER, (1,))
    clean = in_words(figures, judge(ledger))
    assert "lost 0" in clean
    assert figures.replay not in clean
    figures.settled, figures.presence_off = False, 3
    words = in_words(figures, judge(ledger))
    assert "not every client could get back" in words
    assert "presence is off by 3 connections" in words
    assert words.endswith(figures.replay)


def test_memory_is_told_for_each_process_and_compared_with_its_second_minute() -> None:
    memory = Memory()
    memory.note(0, {"nats": (1, 50.0), "store-1": (2, 40.0)})
    memory.note(120, {"nats": (1, 100.0), "store-1": (3, 60.0)})
    memory.note(600, {"nats": (1, 110.0), "store-1": (3, 61.0), "auth-1": (4, 30.0)})
    nats, first, second, auth = memory.processes.values()
    assert (nats.start, nats.settled, nats.end) == (50.0, 100.0, 110.0)
    assert round(nats.growth or 0, 3) == 0.1
    assert (first.process_id, first.growth, second.process_id) == (2, None, 3)
    assert auth.growth is None
    rows = json.loads(as_json(Figures(1, 1, 1, 1, 1, memory=memory), judge(book_of())))
    assert [row["part"] for row in rows["processes"]] == ["nats", "store-1", "store-1", "auth-1"]


def test_the_live_table_shows_what_it_is_given() -> None:
    memory = Memory()
    memory.note(0, {"nats": (1, 51_200.0)})
    table = live_table({"time": "3 of 60 s"}, memory, ["1.0 s  kill nats"])
    cells = [str(cell) for column in table.columns for cell in column.cells]
    assert "3 of 60 s" in cells
    assert "nats 50" in cells
    assert "1.0 s  kill nats" in cells
