"""What comes from outside, put to the test by what others wrote for it (docs/conformance.md).

`echo.py` is the gateway with one thing exchanged: a whole WebSocket message comes back instead of
being read as a goim frame. `cases.py` lets the runner of the Autobahn cases, `kosoku`, loose on it
and judges; `api.py` lets schemathesis loose on the HTTP API. Read `echo.py` first.
"""
