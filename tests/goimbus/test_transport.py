import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import ServerConnection, serve

from goimbus.client import Client
from goimbus.client_errors import UrlRefused
from goimbus.transport import Arrived, Transport, TransportEnded, open_transport
from schemas.frame import Frame, HeaderLengthWrong, PacketLengthWrong, encode_batch, encode_frame

MOST_BYTES = 2**24


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for 127.0.0.1, and a client's that trusts it."""
    key, name = (
        Ed25519PrivateKey.generate(),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]),
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, None)
        .public_bytes(Encoding.PEM)
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = tmp_path / "both.pem"
    file.write_bytes(made + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=made.decode())


class TcpServer:
    """Hands over the writer of each connection."""

    def __init__(self) -> None:
        self.writers: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.put_nowait(writer)


async def connect_tcp(
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
) -> tuple[asyncio.Server, Transport, asyncio.StreamWriter]:
    """Return a listener, the client's end and the server's writer."""
    server = TcpServer()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls and tls[0])
    port = listener.sockets[0].getsockname()[1]
    url = f"{'tls' if tls else 'tcp'}://127.0.0.1:{port}"
    transport = await open_transport(url, MOST_BYTES, tls and tls[1])
    return listener, transport, await server.writers.get()


async def end(listener: asyncio.Server, transport: Transport, writer: asyncio.StreamWriter) -> None:
    await transport.close()
    writer.close()
    listener.close()


async def test_frames_come_whole_however_they_are_split() -> None:
    listener, transport, writer = await connect_tcp()
    data = encode_frame(1000, b"x" * 300_000, 1, 7) + encode_frame(1001, b"y")
    for start in range(0, len(data), 70_001):
        writer.write(data[start : start + 70_001])
    got = await transport.receive()
    if len(got) == 1:
        got += await transport.receive()
    assert [one.frame.operation for one in got] == [1000, 1001]
    assert got[0] == Arrived(Frame(1, 1000, 7, b"x" * 300_000), False)
    await end(listener, transport, writer)


async def test_an_envelope_is_opened_on_tcp_too() -> None:
    listener, transport, writer = await connect_tcp()
    writer.write(encode_batch([encode_frame(1, b"a"), encode_frame(2, b"b")]))
    got = await transport.receive()
    assert [(one.frame.operation, one.pushed) for one in got] == [(1, True), (2, True)]
    await end(listener, transport, writer)


async def test_frames_before_an_error_are_given_first() -> None:
    listener, transport, writer = await connect_tcp()
    writer.write(encode_frame(1, b"good") + b"\x00\x00\x00\x10" + bytes(12))
    assert (await transport.receive())[0].frame.body == b"good"
    with pytest.raises(HeaderLengthWrong):
        await transport.receive()
    await end(listener, transport, writer)


async def test_a_frame_over_the_limit_is_refused_before_it_is_read() -> None:
    listener, transport, writer = await connect_tcp()
    writer.write(encode_frame(1, bytes(20))[:4].replace(b"\x24", b"\xff").ljust(16, b"\x10"))
    writer.write(b"")
    with pytest.raises((PacketLengthWrong, HeaderLengthWrong)):
        await transport.receive()
    await end(listener, transport, writer)


async def test_the_end_of_the_stream_is_told() -> None:
    listener, transport, writer = await connect_tcp()
    writer.close()
    with pytest.raises(TransportEnded, match=r"ended \(1006\)"):
        await transport.receive()
    await end(listener, transport, writer)


async def test_a_reset_is_the_end_for_reading_and_writing() -> None:
    listener, transport, writer = await connect_tcp()
    writer.transport.abort()
    with pytest.raises(TransportEnded):
        await transport.receive()
    await end(listener, transport, writer)


async def test_tcp_with_tls_checks_the_certificate(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    listener, transport, writer = await connect_tcp(certificate)
    writer.write(encode_frame(1, b"secret"))
    assert (await transport.receive())[0].frame.body == b"secret"
    await end(listener, transport, writer)


async def test_a_websocket_with_tls_checks_the_certificate(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async def greet(connection: ServerConnection) -> None:
        await connection.send(encode_frame(1, b"secret"))
        await connection.wait_closed()

    async with serve(greet, "127.0.0.1", 0, ssl=certificate[0]) as server:
        url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/sub"
        transport = await open_transport(url, MOST_BYTES, certificate[1])
        assert (await transport.receive())[0].frame.body == b"secret"
        await transport.close()


async def test_an_address_that_websockets_refuses_is_told_as_one() -> None:
    with pytest.raises(UrlRefused, match="is no ws://host/sub"):
        await Client("ws://127.0.0.1:1/sub#part").__aenter__()
