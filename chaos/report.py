"""DECIDE what a run amounts to: its figures as JSON, its verdict in words, its live table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from chaos.judge import PROMISES, Verdict

SETTLED_SECONDS = 120.0  # of a process's life; its memory is compared with what it was then
KIB_IN_MIB = 1024
TOLD_FINDINGS = 5
TOLD_ERRORS = 5


@dataclass(slots=True)
class Process:
    """The memory of one process over its life, in KiB; times are seconds from the beginning."""

    part: str
    process_id: int
    first_seen: float
    last_seen: float
    start: float
    end: float
    settled: float = 0.0  # after SETTLED_SECONDS; 0: it has not lived so long

    @property
    def growth(self) -> float | None:
        """By which part of itself it grew after its first two minutes, when it lived for four."""
        if not self.settled or self.last_seen - self.first_seen < 2 * SETTLED_SECONDS:
            return None
        return self.end / self.settled - 1


class Memory:
    """What each process of a run used."""

    def __init__(self) -> None:
        self.processes: dict[tuple[str, int], Process] = {}

    def note(self, at: float, found: Mapping[str, tuple[int, float]]) -> None:
        """Take a look's result."""
        for part, (process_id, kib) in found.items():
            one = self.processes.get((part, process_id))
            if one is None:
                one = Process(part, process_id, at, at, kib, kib)
                self.processes[part, process_id] = one
            one.last_seen, one.end = at, kib
            if at - one.first_seen >= SETTLED_SECONDS and not one.settled:
                one.settled = kib


@dataclass
class Figures:
    """All that is told of a run beside its verdict on messages."""

    seed: int
    seconds: float
    rate: float
    clients: int
    faults_per_minute: float
    acked: int = 0
    published: int = 0
    stored: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    missed_faults: dict[str, int] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)
    pushes: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)  # by clients, to rooms and members
    failed_logins: dict[str, int] = field(default_factory=dict)
    longest_delivery_pause_seconds: float = 0.0
    longest_delivery_pause_at: float = 0.0
    slowest_delivery_seconds: float = 0.0
    settled: bool = True
    presence_off: int = 0  # connections that the router counts wrongly in the end
    settle_seconds: float = 0.0
    memory: Memory = field(default_factory=Memory)
    errors_logged: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """True when everybody is back, and known to be."""
        return self.settled and not self.presence_off

    @property
    def replay(self) -> str:
        """The command that does the same again."""
        return (
            f"./dev chaos --seconds {self.seconds:g} --seed {self.seed} --rate {self.rate:g} "
            f"--clients {self.clients} --faults {self.faults_per_minute:g}"
        )


def as_json(figures: Figures, verdict: Verdict) -> str:
    """Return all of it as it is written to a file."""
    values: dict[str, Any] = {promise: verdict.counts[promise] for promise in PROMISES}
    values |= {
        "first": {
            promise: [finding._asdict() for finding in found]
            for promise, found in verdict.findings.items()
        },
        "replay": figures.replay,
        "delivered_frames": verdict.delivered,
        "repeated_to_clients_without_resume": verdict.repeated,
        "gaps_announced": verdict.announced,
    }
    names = (
        "acked",
        "published",
        "stored",
        "faults",
        "missed_faults",
        "timeline",
        "pushes",
        "sent",
        "failed_logins",
        "longest_delivery_pause_seconds",
        "longest_delivery_pause_at",
        "slowest_delivery_seconds",
        "settled",
        "settle_seconds",
        "presence_off",
        "seed",
        "seconds",
        "rate",
        "clients",
        "errors_logged",
    )
    values |= {name: _rounded(getattr(figures, name)) for name in names}
    values["fault_count"] = sum(figures.faults.values())
    values["processes"] = [_process_row(one) for one in figures.memory.processes.values()]
    return json.dumps(values, indent=1) + "\n"


def in_words(figures: Figures, verdict: Verdict) -> str:
    """Return the verdict for people."""
    faults = sum(figures.faults.values())
    lines = [
        f"{figures.acked} acknowledged, {verdict.delivered} frames delivered, {faults} faults; "
        f"longest delivery pause {figures.longest_delivery_pause_seconds:.1f} s, "
        f"slowest delivery {figures.slowest_delivery_seconds:.1f} s",
        "  ".join(f"{promise} {verdict.counts[promise]}" for promise in PROMISES),
    ]
    for promise in PROMISES:
        for one in verdict.findings.get(promise, [])[:TOLD_FINDINGS]:
            who = one.device or "the system"
            what = f"message {one.number}, sequence {one.sequence}"
            lines.append(f"  {promise}: {who}, {one.topic}: {what}: {one.words}")
    if not figures.settled:
        lines.append("  not every client could get back into all its rooms in time")
    if figures.presence_off:
        lines.append(f"  presence is off by {figures.presence_off} connections")
    lines += [f"  logged: {line}" for line in figures.errors_logged[:TOLD_ERRORS]]
    if not (verdict.is_clean and figures.is_clean):
        lines.append(f"again: {figures.replay}")
    return "\n".join(lines)


def live_table(rows: Mapping[str, str], memory: Memory, last_faults: list[str]) -> Table:
    """Return what is shown while it runs."""
    table = Table(title="goimbus chaos", show_header=False, min_width=60)
    for name, value in rows.items():
        table.add_row(name, value)
    newest = {one.part: one for one in memory.processes.values()}
    text = "  ".join(f"{part} {one.end / KIB_IN_MIB:.0f}" for part, one in sorted(newest.items()))
    table.add_row("memory, MiB", text)
    table.add_row("faults", "\n".join(last_faults))
    return table


def _process_row(one: Process) -> dict[str, Any]:
    growth = one.growth
    return {
        "part": one.part,
        "process": one.process_id,
        "lived_seconds": [round(one.first_seen, 1), round(one.last_seen, 1)],
        "start_kib": one.start,
        "minute_2_kib": one.settled or None,
        "end_kib": one.end,
        "growth_from_minute_2": None if growth is None else round(growth, 3),
    }


def _rounded(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value
