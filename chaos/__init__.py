"""The chaos harness: `./dev chaos` proves by faults that nothing is lost or comes twice.

It runs a private Goimbus, publishers and clients of every kind, kills, stops and cuts what a seed
says, writes a ledger of all that was published and of every frame that each client got, and judges.

    schedule.py    which faults, when          population.py   which clients, in which rooms
    instance.py    the private Goimbus         publishers.py   NATS and HTTP, with and without ids
    faults.py      carries the faults out      clients.py      every client, over wire.py
    sendings.py    what clients send
    witness.py     what the streams hold       ledger.py       the book of it all
    judge.py       what was promised and did not come true    report.py   figures, table, JSON

    storm.py       `./dev storm`, over crowd.py: thousands of clients come back at once
    races.py       `./dev races`, over racer.py: on its way when it is published to

Read `judge.py` first (what is promised to whom), then `run.py`. `powercut.py` is `./dev powercut`.
"""
