"""Protobuf's wire format, where a message is put together of pieces that are encoded already."""


def entry(field: int, message: bytes) -> bytes:
    """Return an encoded message as one entry of a repeated field, whose number is below 16.

    Put behind an encoded message it is one more entry of it: each message is encoded once.
    """
    size = len(message)
    if size < 0x80:
        return b"%c%c%b" % (field << 3 | 2, size, message)
    return b"%c%b%b" % (field << 3 | 2, _varint(size), message)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
