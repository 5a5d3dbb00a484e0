"""What a client's message looks like to those who receive it, where the room type stamps."""

from json import dumps


def stamped_body(body: bytes, sender: int, sequence: int, time_ms: int) -> bytes:
    """Return JSON with who sent it, its sequence in the stream, when, and the body as text.

    `{"from":123,"sequence":7,"time":1764000000000,"body":"hello"}`; a body that is not UTF-8
    comes as Latin-1 text under `"bytes"` instead of `"body"`: each character is one byte.
    """
    try:
        name, text = "body", body.decode()
    except UnicodeDecodeError:
        name, text = "bytes", body.decode("latin-1")
    stamp = {"from": sender, "sequence": sequence, "time": time_ms, name: text}
    return dumps(stamp, ensure_ascii=False, separators=(",", ":")).encode()
