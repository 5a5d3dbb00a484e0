"""EDGE the auth service on NATS: `goim.auth.check`, answered at once, one of a queue group each."""

from collections.abc import Callable

from auth.responder import Responder
from bus.connection import Bus
from bus.service import Service
from schemas import messages_pb2

VERSION = "0.1.0"


def serve_checks(bus: Bus, responder: Responder) -> Service:
    """Begin to answer; call `stop` on what is returned to end it."""

    def handle(
        subject: bytes, payload: bytes, headers: bytes | None, answer: Callable[[bytes], None]
    ) -> None:
        answer(responder.answer(payload))

    service = Service(bus, "auth", VERSION, "Says who a client is: AuthRequest to Grant")
    subject = bus.subjects.rpc("auth", "check")
    service.serve_raw("check", subject, handle, reply_type=messages_pb2.Grant)
    service.start()
    return service
