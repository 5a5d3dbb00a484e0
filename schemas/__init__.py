"""The contract every part of Goimbus speaks: frames, operations, subjects, close codes, messages.

Read `subjects.py` first (what travels where), then `frame.py` (goim's 16-byte header) and
`messages.proto` (what a request on NATS holds). Nothing here does I/O.
"""
