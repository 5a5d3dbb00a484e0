"""What a client's message looks like to those who receive it, where the room type stamps."""

from json import dumps


def stamped_body(
    body: bytes, sender: int, sequence: int, time_ms: int, recipient: int = 0
) -> bytes:
    """Return JSON with who sent it, its sequence in the stream, when, and the body as text.

    `{"from":123,"sequence":7,"time":1764000000000,"body":"hello"}`; a body that is not UTF-8
    comes as Latin-1 text under `"bytes"` instead of `"body"`: each character is one byte. A direct
    message also says `"to"` whom; the sequence of what is not stored is 0.
    """
    try:
        name, text = "body", body.decode()
    except UnicodeDecodeError:
        name, text = "bytes", body.decode("latin-1")
    stamp: dict[str, object] = {"from": sender}
    if recipient:
        stamp["to"] = recipient
    stamp |= {"sequence": sequence, "time": time_ms, name: text}
    return dumps(stamp, ensure_ascii=False, separators=(",", ":")).encode()
