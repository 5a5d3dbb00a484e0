"""EDGE the WebSocket face of a connection.

The plain case, one whole masked binary frame, is read here: 2 us against 23 us in a library. All
else (fragments, text, control frames, faults) goes, a whole WebSocket frame at a time, to
websockets' Sans-I/O protocol object, which is made for the connection then and let go when it is
between messages again.
"""

import logging

from websockets.frames import Frame, Opcode
from websockets.protocol import State as ProtocolState
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask

from gateway.connection import CLOSE_SECONDS, Connection
from gateway.fanout import WEBSOCKET
from schemas.close_codes import CloseCode
from schemas.frame import FrameError, decode_message

FIN_BINARY = 0x82  # the first byte of a whole binary message (RFC 6455 section 5.2)
FIN_CLOSE = 0x88
FIN, CONTROL = 0x80, 0x08
MASKED = 0x80
MASK_BYTES = 4
MAX_REASON_BYTES = 123  # a control frame holds 125, the code takes 2
_silent = logging.getLogger("goimbus.websockets")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


class Unusual:
    """The protocol object and the message that is being put together, while there is one."""

    __slots__ = ("fragments", "opcode", "parts", "protocol", "size", "started")

    def __init__(self) -> None:
        self.protocol = ServerProtocol(state=ProtocolState.OPEN, max_size=None, logger=_silent)
        self.opcode: Opcode | None = None
        self.parts: list[bytes] = []
        self.size = 0
        self.fragments = 0
        self.started = 0.0


class WebSocketConnection(Connection):
    """A client on WebSocket, after its upgrade."""

    __slots__ = ("framing_lost", "unusual")

    transport_name = "ws"
    base_kind = WEBSOCKET
    unusual: Unusual | None

    def __init__(self, *arguments: object, **names: object) -> None:
        super().__init__(*arguments, **names)  # type: ignore[arg-type]
        self.unusual = None
        self.framing_lost = False  # where frames begin: what comes is of no use any more

    def data_received(self, data: bytes) -> None:
        """Take whole WebSocket frames, keep the rest (asyncio.Protocol)."""
        if self.framing_lost:
            return
        if self.buffer:
            data = self.buffer + data
        position, end = 0, len(data)
        while end - position >= 2:
            first, second = data[position], data[position + 1]
            size = second & 0x7F
            head = 2
            if size == 126:
                head = 4
                if end - position < head:
                    break
                size = int.from_bytes(data[position + 2 : position + 4], "big")
            elif size == 127:
                head = 10
                if end - position < head:
                    break
                size = int.from_bytes(data[position + 2 : position + 10], "big")
            if size > self.gateway.settings.limits.message_bytes:
                self.framing_lost, position = True, end  # its end is not waited for
                self.close(CloseCode.MESSAGE_TOO_BIG)
                break
            if second & MASKED:
                head += MASK_BYTES
            stop = position + head + size
            if stop > end:
                break
            if self.close_code is not None:
                if first == FIN_CLOSE:
                    self._certify_end()
            elif first == FIN_BINARY and second & MASKED and self.unusual is None:
                payload = data[position + head : stop]
                mask = data[position + head - MASK_BYTES : position + head]
                self.handle_message(apply_mask(payload, mask), text=False)
            else:
                self._receive_unusual(data[position:stop])
            position = stop
        self.buffer = data[position:] if position else data

    def end(self, code: CloseCode, words: str) -> None:
        """Send a close frame, then wait a little for the client's."""
        reason = (words or code.words).encode()[:MAX_REASON_BYTES].decode("utf-8", "ignore")
        unusual = self.unusual = self.unusual or Unusual()
        if unusual.protocol.state is ProtocolState.OPEN:
            unusual.protocol.send_close(code.number, reason)
        self._write_unusual(unusual)
        if self.written_at_end is None or self.transport.can_write_eof():
            self.linger()
        else:  # TLS has no half close: its close frame is waited for before ours
            self.gateway.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def message_overdue(self, now: float) -> bool:
        """Tell whether the fragments of a message have been coming for too long."""
        unusual = self.unusual
        if unusual is None or not unusual.fragments:
            return False
        return now - unusual.started > self.gateway.settings.limits.message_seconds

    def handle_message(self, message: bytes, text: bool) -> None:
        """Take the goim frame of a whole message, whose text is valid where it is text."""
        try:
            frame = decode_message(message, self.gateway.settings.limits.body_bytes)
        except FrameError as error:
            self.close(CloseCode.BAD_FRAME, str(error))
            return
        if len(message) > len(frame.body) + 16:
            self.gateway.counters.dropped["bytes_after_frame"] += 1  # as goim drops them
        self.handle_frame(frame)

    def _receive_unusual(self, data: bytes) -> None:
        if data[0] & (FIN | CONTROL) != FIN and not self.may_go_on(self.gateway.loop.time()):
            return
        unusual = self.unusual = self.unusual or Unusual()
        protocol = unusual.protocol
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._receive_websocket_frame(unusual, event)
        if self.close_code is not None:
            return
        if protocol.state is not ProtocolState.OPEN:
            self._end_by_protocol(unusual)
            return
        self._write_unusual(unusual)
        if not unusual.fragments:
            self.unusual = None

    def _receive_websocket_frame(self, unusual: Unusual, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return  # the protocol object has answered ping and close
        limits = self.gateway.settings.limits
        if frame.opcode is not Opcode.CONT:
            unusual.opcode = frame.opcode
            unusual.started = self.gateway.loop.time()
            if not frame.fin:
                self.gateway.fragmenting.add(self)
        unusual.fragments += 1
        unusual.size += len(frame.data)
        unusual.parts.append(bytes(frame.data))
        if unusual.fragments > limits.message_fragments or unusual.size > limits.message_bytes:
            self.close(CloseCode.MESSAGE_TOO_BIG)
            return
        if frame.fin:
            message, text = b"".join(unusual.parts), unusual.opcode is Opcode.TEXT
            unusual.parts, unusual.fragments, unusual.size = [], 0, 0
            self.gateway.fragmenting.discard(self)
            self._handle_whole_message(message, text)

    def _handle_whole_message(self, message: bytes, text: bool) -> None:
        if text and not self.gateway.settings.text_messages:
            self.close(CloseCode.UNSUPPORTED_DATA)
            return
        if text:
            try:
                message.decode()
            except UnicodeDecodeError:
                self.close(CloseCode.INVALID_TEXT)
                return
        self.handle_message(message, text)

    def _write_unusual(self, unusual: Unusual) -> None:
        for data in unusual.protocol.data_to_send():
            if data:  # empty: the protocol object's way to say half close
                self.queue(data)

    def _end_by_protocol(self, unusual: Unusual) -> None:
        """The client has said goodbye, or has broken the protocol."""
        protocol = unusual.protocol
        told, answered = protocol.close_rcvd, protocol.close_sent
        if protocol.parser_exc is not None:
            self.close(CloseCode.of(answered.code if answered is not None else 0))
            return
        left_page = told is not None and told.code == CloseCode.GOING_AWAY.number
        self.depart(CloseCode.GOING_AWAY if left_page else CloseCode.NORMAL)
        self._write_unusual(unusual)
        self.finish()

    def _certify_end(self) -> None:
        """The client answers our close frame: it has read all before that, or its FIN tells."""
        if self.gateway.positions.certify_end(self, ended=False):
            self.transport.close()
