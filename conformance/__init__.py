"""The gateway's WebSocket edge under the Autobahn cases (docs/conformance.md).

`echo.py` is the gateway with one thing exchanged: a whole message comes back instead of being read
as a goim frame. `cases.py` lets the runner `kosoku` loose on it and judges. Read `echo.py` first.
"""
