"""What the services share to be on the bus: connect, request, serve, read, logs, metrics, drain.

Read `connection.py` first: a NATS connection whose subscriptions call back at once, with raw
bytes. Below it `steady.py` keeps nats-py alive whatever the server does, `direct.py` delivers (or
`plain.py`, as nats-py does), `requests.py` finds the request of an answer. On it `service.py`
serves requests as a NATS micro service, `ordered.py` follows a stream, `bucket.py` reads and writes
a KV bucket, `followed.py` follows one: `policies.py` knows how rooms of a type behave, `rooms.py`
who has which right. `lifecycle.py` runs a service until SIGTERM, `environment.py` and
`settings.py` read settings, `monitoring.py` serves `/metrics` and `/healthz`.
"""
