"""The edge: goim's frames over WebSocket and TCP, and HTTP, on one side; NATS on the other.

    socket ── listener ── websocket | tcp ── connection ── session      one client
                                                 │
                                              gateway ── hub            who is connected here
                                                 │
                             topic ── fanout     │                      what goes to whom
                               │                 │
                            interest, catch_up, presence, positions, upstream ── NATS

Read `session.py` first (one client's life), then `topic.py` (how messages reach connections in
order, once), then `gateway.py`. Hears `goim.<topic>.>`, `goim.gateway.<id>`; speaks
`goim.auth.check`, `goim.store.*`, `goim.up.>`, `goim.presence.report`, `goim.pushes.*`.
"""
