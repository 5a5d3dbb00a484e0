"""What the services share to be on the bus: connect, request, serve, logs, metrics, drain.

Read `connection.py` first: a NATS connection whose subscriptions call back at once, with raw
bytes. `service.py` serves requests as a NATS micro service, `lifecycle.py` runs a service until
SIGTERM, `environment.py` reads settings.
"""
