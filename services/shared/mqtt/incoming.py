"""Taking apart what a broker sends: the receive path of every hot consumer, so without a call a message."""

from collections.abc import Callable
from typing import NamedTuple

from services.shared.mqtt import packets

_QOS_1, _DUP, _QOS_2 = 0x02, 0x08, 0x04
_SMALLEST = 2
_CONTINUATION = packets.CONTINUATION


class Message(NamedTuple):
    """A received PUBLISH; ``packet_id`` is 0 at QoS 0, ``dup`` marks a redelivery."""

    topic: bytes
    payload: bytes
    packet_id: int
    dup: bool


_new_tuple = tuple.__new__


def take(data: bytes, messages: list[Message], handle: Callable[[int, bytes], None]) -> int:
    """Append the whole PUBLISH packets to ``messages``, hand the others on; give the number of bytes used.

    Raises:
        ValueError, IndexError: a packet is malformed.
    """
    at, end = 0, len(data)
    append = messages.append
    while end - at >= _SMALLEST:
        first, length = data[at], data[at + 1]
        start = at + 2
        if length >= _CONTINUATION:
            if start < end and data[start] < _CONTINUATION:  # two bytes: what most messages have
                length += (data[start] - 1) * _CONTINUATION
                start += 1
            else:
                try:
                    length, start = packets.read_varint(data, at + 1)
                except IndexError:
                    return at
        stop = start + length
        if stop > end:
            return at
        if first & 0xF0 != packets.PUBLISH:
            handle(first & 0xF0, data[start:stop])
        elif first & 0x06 == _QOS_1:
            id_at = start + 2 + (data[start] << 8 | data[start + 1])
            body = id_at + 3
            if data[id_at + 2]:
                body = _after_properties(data, id_at + 2)
            if body > stop:
                raise ValueError("PUBLISH shorter than its fields")
            topic, packet_id = data[start + 2 : id_at], data[id_at] << 8 | data[id_at + 1]
            append(_new_tuple(Message, (topic, data[body:stop], packet_id, first & _DUP != 0)))
        else:
            append(_read_unacknowledged(first, data, start, stop))
        at = stop
    return at


def _after_properties(data: bytes, at: int) -> int:
    length, at = packets.read_varint(data, at)
    return at + length


def _read_unacknowledged(first: int, data: bytes, start: int, stop: int) -> Message:
    """Decode one PUBLISH of QoS 0 between ``start`` and ``stop`` (section 3.3)."""
    if first & _QOS_2:
        raise ValueError("QoS 2 was never subscribed")
    topic_at = start + 2
    at = topic_at + (data[start] << 8 | data[start + 1])
    body = _after_properties(data, at)
    if body > stop:
        raise ValueError("PUBLISH shorter than its fields")
    return Message(data[topic_at:at], data[body:stop], 0, dup=False)
