"""The tool `make decode-jt808`: JT/T 808 frames from standard input, one JSON line a message.

Standard input is text in hexadecimal (a frame a line, or a stream broken into lines between bytes; blanks
and a leading 0x do not matter), or the bytes of a stream themselves: those hold 7E, which no hexadecimal text
does.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

from services.telemetry.domain.jt808.display import describe, describe_fault, describe_package
from services.telemetry.domain.jt808.frames import Frame, Malformed, read_frame
from services.telemetry.domain.jt808.framing import DELIMITER, Framer
from services.telemetry.domain.jt808.packages import Assembler, Bounds, join

PIECE: Final = 1 << 16
_UNBOUNDED = Bounds(sets=1000, packages=65_535, size=1 << 28, patience_s=float("inf"))
_BETWEEN = re.compile(rb"0[xX]|[\s,;:-]+")


class Decoder:
    """What one input has said so far."""

    def __init__(self) -> None:
        self._framer = Framer()
        self._assemblers: dict[bytes, Assembler] = {}

    def feed(self, piece: bytes) -> Iterator[dict[str, Any]]:
        """Give a line for each frame that ends in this piece."""
        for escaped in self._framer.feed(piece):
            frame = read_frame(escaped)
            if isinstance(frame, Malformed):
                yield describe_fault(frame, escaped)
            else:
                yield self._describe(frame)

    def finish(self) -> Iterator[dict[str, Any]]:
        """Give a line for what was begun and not ended."""
        rest = self._framer.finish()
        if rest:
            yield {"error": "incomplete", "detail": f"{len(rest)} bytes without an end", "hex": rest.hex()}

    def _describe(self, frame: Frame) -> dict[str, Any]:
        """Give a message; one of several packages with the package that completes it."""
        if not frame.total:
            return describe(frame)
        added = self._assemblers.setdefault(frame.terminal, Assembler(_UNBOUNDED)).add(frame, 0.0)
        if isinstance(added, Malformed):
            return {**describe_package(frame), "error": added.reason, "detail": added.detail}
        if not isinstance(added, list):
            return describe_package(frame)
        place = {"package_count": frame.total, "package_index": frame.number}
        return {**describe(join(added)), "serial": frame.serial, **place}


def decode_hex_lines(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """Give the messages of hexadecimal text."""
    decoder = Decoder()
    for line in lines:
        digits = _BETWEEN.sub(b"", line)
        try:
            piece = bytes.fromhex(digits.decode("ascii"))
        except ValueError:
            yield {"error": "not_hex", "detail": line.decode("ascii", "backslashreplace").strip()[:200]}
            continue
        yield from decoder.feed(piece)
    yield from decoder.finish()


def decode_bytes(read: Callable[[], bytes], first: bytes) -> Iterator[dict[str, Any]]:
    """Give the messages of a stream of bytes."""
    decoder, piece = Decoder(), first
    while piece:
        yield from decoder.feed(piece)
        piece = read()
    yield from decoder.finish()


def _lines(read: Callable[[], bytes], first: bytes) -> Iterator[bytes]:
    rest, piece = b"", first
    while piece:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
        piece = read()
    if rest:
        yield rest


def decode(source: BinaryIO) -> Iterator[dict[str, Any]]:
    """Give the messages of an input of either kind."""

    def read() -> bytes:
        return os.read(source.fileno(), PIECE)

    first = read()
    if DELIMITER in first:
        return decode_bytes(read, first)
    return decode_hex_lines(_lines(read, first))


def main() -> int:
    """Run the tool."""
    try:
        for message in decode(sys.stdin.buffer):
            print(json.dumps(message, ensure_ascii=False, allow_nan=False), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
