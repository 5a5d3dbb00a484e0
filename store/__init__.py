"""The store service: owns the streams, answers what was missed, history and what is unread.

Hears requests on `goim.store.*`: `replay`, `history`, `last`, `position`, `read`, `unread` and
`conversations`; tells a member's connections on `goim.member.<mid>.cast.33` what it has read.
Reads the streams `GOIM_ROOM`, `GOIM_MEMBER`, `GOIM_ALL` and the buckets `GOIM_POSITION` and
`GOIM_TRIMMED`, and writes those two. It keeps no state of its own: what it holds in memory is
built from the streams when it starts. docs/storage.md explains the whole.

Read `replay.py` first (what a device gets), then `index.py` (how it is found), `views.py` (how
the index follows the streams) and `bus.py` (requests in, answers out); `unread.py` and
`read_service.py` for what is read.
"""
