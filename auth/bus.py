"""EDGE the auth service on NATS: `goim.auth.check` and `goim.accounts.*`, in a queue group each."""

from collections.abc import Callable

from auth.accounts import Accounts
from auth.responder import Responder
from bus.connection import Bus
from bus.service import Service
from schemas import messages_pb2

VERSION = "0.1.0"


def serve_checks(bus: Bus, responder: Responder, accounts: Accounts | None = None) -> Service:
    """Begin to answer; call `stop` on what is returned to end it."""

    def handle(
        subject: bytes, payload: bytes, headers: bytes | None, answer: Callable[[bytes], None]
    ) -> None:
        answer(responder.answer(payload))

    service = Service(bus, "auth", VERSION, "Says who a client is, and keeps accounts")
    subject = bus.subjects.rpc("auth", "check")
    service.serve_raw("check", subject, handle, reply_type=messages_pb2.Grant)
    if accounts is not None:
        accounts.serve(service)
    service.start()
    return service
