"""The benchmarks: `./dev bench` measures the whole system beside what bounds it.

A scenario (`scenarios/`, one file each) starts a private system, lets the load client (`sink/`, in
C) work against it and against a baseline in turns, and gives its figures to `report.py`. Read
`scenarios/fanout.py` first, then `context.py` (what a scenario has in hand), `target.py` (what can
be measured), and `docs/benchmarks.md` for what the figures mean.
"""
