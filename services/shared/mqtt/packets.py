"""The MQTT 5 packets the platform writes and reads (OASIS MQTT 5.0, chapters 2 and 3). Pure bytes, no I/O."""

import struct
from collections.abc import Iterable
from typing import NamedTuple

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP, DISCONNECT_IN = 0x20, 0x30, 0x40, 0x90, 0xD0, 0xE0
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"
CONTINUATION = 0x80
VARINT_MAX_BYTES = 4

_SESSION_EXPIRY, _RECEIVE_MAXIMUM, _MAXIMUM_PACKET_SIZE, _SERVER_KEEP_ALIVE = 0x11, 0x21, 0x27, 0x13
# Width in bytes of the properties a CONNACK may hold; strings and pairs are measured where they stand.
_WIDTHS = {0x11: 4, 0x13: 2, 0x21: 2, 0x22: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}
_STRINGS = {0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F}
_STRING_PAIR = 0x26


class Connack(NamedTuple):
    """What the server answered to CONNECT."""

    session_present: bool
    reason: int
    receive_maximum: int
    keep_alive_s: int | None


def varint(value: int) -> bytes:
    """Encode a variable byte integer (section 1.5.5)."""
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | CONTINUATION if value else digit)
        if not value:
            return bytes(out)


def _text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(data)) + data


def _packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + varint(len(body)) + body


def connect(
    *,
    client_id: str,
    username: str | None,
    password: str | None,
    clean_start: bool,
    keep_alive_s: int,
    session_expiry_s: int,
    receive_maximum: int,
    maximum_packet_size: int,
) -> bytes:
    """Encode CONNECT (section 3.1)."""
    flags = (clean_start << 1) | ((password is not None) << 6) | ((username is not None) << 7)
    properties = struct.pack("!BI", _SESSION_EXPIRY, session_expiry_s)
    properties += struct.pack("!BH", _RECEIVE_MAXIMUM, receive_maximum)
    properties += struct.pack("!BI", _MAXIMUM_PACKET_SIZE, maximum_packet_size)
    body = _text("MQTT") + struct.pack("!BBH", 5, flags, keep_alive_s)
    body += varint(len(properties)) + properties + _text(client_id)
    for credential in (username, password):
        if credential is not None:
            body += _text(credential)
    return _packet(0x10, body)


def subscribe(packet_id: int, filters: Iterable[str], qos: int) -> bytes:
    """Encode SUBSCRIBE (section 3.8) of all ``filters`` at one maximum ``qos``."""
    body = struct.pack("!HB", packet_id, 0)
    for topic_filter in filters:
        body += _text(topic_filter) + bytes((qos,))
    return _packet(0x82, body)


def publish(topic: str | bytes, payload: bytes, *, packet_id: int = 0, dup: bool = False) -> bytes:
    """Encode PUBLISH (section 3.3): QoS 1 with a ``packet_id``, else QoS 0."""
    head = _text(topic) + (struct.pack("!H", packet_id) if packet_id else b"") + b"\x00"
    return _packet(PUBLISH | (dup << 3) | ((packet_id > 0) << 1), head + payload)


def pubacks(packet_ids: Iterable[int]) -> bytes:
    """Encode one PUBACK (section 3.4, success) for each id, in one buffer."""
    return b"".join([b"\x40\x02" + packet_id.to_bytes(2, "big") for packet_id in packet_ids])


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Decode a variable byte integer at ``at``; give its value and the index after it.

    Raises:
        ValueError: it is longer than four bytes.
        IndexError: the data end inside it.
    """
    value = 0
    for n in range(VARINT_MAX_BYTES):
        byte = data[at + n]
        value |= (byte & 0x7F) << (7 * n)
        if not byte & CONTINUATION:
            return value, at + n + 1
    raise ValueError("variable byte integer longer than four bytes")


def _properties(data: bytes, at: int, end: int) -> dict[int, int]:
    found: dict[int, int] = {}
    while at < end:
        code = data[at]
        at += 1
        if code in _WIDTHS:
            found[code] = int.from_bytes(data[at : at + _WIDTHS[code]], "big")
            at += _WIDTHS[code]
        elif code in _STRINGS or code == _STRING_PAIR:
            for _ in range(2 if code == _STRING_PAIR else 1):
                at += 2 + int.from_bytes(data[at : at + 2], "big")
        else:
            raise ValueError(f"unexpected property 0x{code:02x}")
    return found


def read_connack(body: bytes) -> Connack:
    """Decode the body of CONNACK (section 3.2).

    Raises:
        ValueError: it is malformed.
    """
    length, at = read_varint(body, 2)
    found = _properties(body, at, at + length)
    return Connack(
        session_present=bool(body[0] & 1),
        reason=body[1],
        receive_maximum=found.get(_RECEIVE_MAXIMUM, 65_535),
        keep_alive_s=found.get(_SERVER_KEEP_ALIVE),
    )


def read_suback(body: bytes) -> list[int]:
    """Decode the reason codes of SUBACK (section 3.9)."""
    length, at = read_varint(body, 2)
    return list(body[at + length :])
