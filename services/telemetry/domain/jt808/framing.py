"""Cutting a byte stream into frames, escaping, the check byte (domain.md section 2.4, Frame).

Every run of bytes between two delimiters is one frame. So frames that share a delimiter are cut like those
that have one each, and a broken one costs nothing but itself: its end is the next frame's beginning.
"""

from typing import Final

DELIMITER: Final = b"\x7e"
LONGEST: Final = 21 + 1023 + 1
"""Bytes of the longest frame before escaping: header of 2019 with package fields, body, check byte."""
LONGEST_ON_WIRE: Final = 2 * LONGEST


class Framer:
    """Cuts a stream that arrives in arbitrary pieces; holds at most one frame's bytes."""

    __slots__ = ("_is_open", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._is_open = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Give the frames that end in this piece, still escaped and without delimiters.

        What stands before the first delimiter of all is no frame and is dropped. Of a frame longer than any
        may be the first bytes are kept, so that :func:`read_frame` can name it.
        """
        parts = piece.split(DELIMITER)
        parts[0] = self._rest + parts[0]
        self._rest = parts.pop()[: LONGEST_ON_WIRE + 1]
        if not parts:
            return []
        if not self._is_open:
            self._is_open = True
            del parts[0]
        return [part for part in parts if part]

    def finish(self) -> bytes:
        """Give what stands after the last delimiter, or everything where there was none."""
        rest, self._rest = self._rest, b""
        return rest


def escape(data: bytes) -> bytes:
    """Escape header, body and check byte: 7E as 7D 02, 7D as 7D 01."""
    return data.replace(b"\x7d", b"\x7d\x01").replace(DELIMITER, b"\x7d\x02")


def unescape(data: bytes) -> bytes:
    """Undo :func:`escape`; a 7D before any other byte stands for itself, and the check byte decides."""
    if b"\x7d" not in data:
        return data
    return data.replace(b"\x7d\x02", DELIMITER).replace(b"\x7d\x01", b"\x7d")


def checksum(data: bytes) -> int:
    """Give the XOR of all bytes, folding halves of one big number; 0 over a frame with its check byte."""
    size, value = len(data), int.from_bytes(data, "big")
    while size > 1:
        size = (size + 1) // 2
        value = (value >> 8 * size) ^ (value & ((1 << 8 * size) - 1))
    return value
