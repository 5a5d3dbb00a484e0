"""EDGE the raw TCP face of a connection: goim frames back to back (goim's port 3101)."""

import asyncio

from gateway.connection import Connection
from schemas.close_codes import CloseCode
from schemas.frame import decode_frames

HTTP_VERBS = (b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI", b"DELE")
TLS_HANDSHAKE = b"\x16\x03"


class TcpConnection(Connection):
    """A client on raw TCP, or on TLS over it."""

    __slots__ = ()

    transport_name = "tcp"
    base_kind = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the socket, or turn it away (asyncio.Protocol)."""
        self.address = (transport.get_extra_info("peername") or ("",))[0]
        super().connection_made(transport)
        hub = self.gateway.hub
        rule = hub.has_place(self.address)
        hub.accept(self.address)
        if rule:
            self.gateway.counters.refused[rule] += 1
            self.close(CloseCode.TOO_MANY_CONNECTIONS)
        elif self.gateway.draining:
            self.close(CloseCode.GOING_AWAY)

    def data_received(self, data: bytes) -> None:
        """Take whole frames, keep the rest (asyncio.Protocol)."""
        if self.close_code is not None:
            return
        if self.buffer:
            data = self.buffer + data
        decoded = decode_frames(data, self.gateway.settings.limits.body_bytes)
        self.buffer = decoded.rest
        for frame in decoded.frames:
            self.handle_frame(frame)
            if self.close_code is not None:
                return
        if decoded.error is not None:
            if data[:4] in HTTP_VERBS or data[:2] == TLS_HANDSHAKE:
                self.gateway.count_wrong_transport("http_or_tls_on_tcp_port")
            self.close(CloseCode.BAD_FRAME, str(decoded.error))

    def end(self, code: CloseCode, words: str) -> None:
        """Close after what is written; plain clients just see the end, as with goim."""
        self.finish()
