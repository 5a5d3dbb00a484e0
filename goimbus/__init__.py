"""The `goimbus` command and the Python client.

`__main__.py` finds a command by its name in `commands/`. `goimbus up` reads `up_settings.py`, then
`embedded.py` says how NATS and Valkey are started, `procfile.py` which services there are, and
`supervisor.py` keeps them all running (`part.py` is one of them).

The client is `client.py` (read it first), which decides by `client_session.py`, `positions.py` and
`reconnect.py`, and reaches a server by `client_connection.py` and `transport.py`.
"""
