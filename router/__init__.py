"""Publishes what services push and clients send, and knows who is connected where.

    service ── goim.pushes.* ──► pushing ──────────┐
    client's gateway ── goim.up.> ──► upstream ──► publisher ── goim.push.> ──► JetStream
                    goim.direct.>     admission,   │
                          rates, responder         │
    gateways ── goim.presence.report ──► presence ─┴─ Redis ── directory ◄── queries, pushing
    anyone ── goim.presence.*, goim.nodes.* ──► queries
    anyone ── goim.rooms.* ──► room_calls ── rooms ──► room_book ──► bucket GOIM_ROOMS

Any number of routers share the work: each subject is served in a queue group. Read `bus.py`
first (which subject goes where), then `publisher.py` and `presence.py`.
Speaks `goim.push.…`, `goim.<topic>.cast.<op>`, `goim.gateway.<gateway>` and `goim.event.room.…`.
"""
