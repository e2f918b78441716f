"""Additional items of a location report: id, length, value (domain.md section 2.4, Additional items).

Values stay as on the wire, in the wire's units. An id nobody defined, or a length nobody expects, gives the
bytes in hexadecimal; what is cut off is named and costs nothing that stands before it.
"""

import struct
from collections.abc import Callable
from typing import Any, Final, NamedTuple

Value = int | str | list[int] | dict[str, int]

_DWORD = struct.Struct("!I")
_WORD = struct.Struct("!H")
_SIGNED = struct.Struct("!h")


class Items(NamedTuple):
    """The items by id, the first of each; further ones of the same id in order; what was cut off."""

    values: dict[int, Value]
    repeated: tuple[tuple[int, Value], ...] = ()
    fault: str | None = None


def _number(layout: struct.Struct) -> Callable[[bytes], Value]:
    def read(value: bytes) -> Value:
        found: int = layout.unpack(value)[0]
        return found

    return read


def _fields(layout: str, *names: str) -> Callable[[bytes], Value]:
    unpack = struct.Struct(layout).unpack
    return lambda value: dict(zip(names, unpack(value), strict=True))


_dword, _word, _signed = _number(_DWORD), _number(_WORD), _number(_SIGNED)

_READERS: Final[dict[tuple[int, int], Callable[[bytes], Any]]] = {
    (0x01, 4): _dword,  # mileage, 0.1 km
    (0x02, 2): _word,  # fuel, 0.1 L
    (0x03, 2): _word,  # speed by the recorder, 0.1 km/h
    (0x04, 2): _word,  # alarm that a person must confirm
    (0x05, 30): list,  # tyre pressures, 2019
    (0x06, 2): _signed,  # carriage temperature, 2019
    (0x11, 1): _fields("!B", "area_type"),
    (0x11, 5): _fields("!BI", "area_type", "area_id"),
    (0x12, 6): _fields("!BIB", "area_type", "area_id", "direction"),
    (0x13, 7): _fields("!IHB", "area_id", "drive_time_s", "result"),
    (0x14, 4): _dword,  # video alarms, JT/T 1078
    (0x15, 4): _dword,  # channels without video signal
    (0x16, 4): _dword,  # channels covered
    (0x17, 2): _word,  # stores at fault
    (0x25, 4): _dword,  # vehicle signals
    (0x2A, 2): _word,  # input and output
    (0x2B, 4): _dword,  # analogue inputs
    (0x30, 1): ord,  # signal strength
    (0x31, 1): ord,  # satellites
}


def read_items(body: bytes, start: int) -> Items:
    """Read the items that stand in ``body`` from ``start`` on."""
    values: dict[int, Value] = {}
    repeated: list[tuple[int, Value]] = []
    fault: str | None = None
    at, end = start, len(body)
    while at < end:
        stop = at + 2 + body[at + 1] if at + 1 < end else end + 1
        if stop > end:
            fault = f"item {body[at]:#04x} is cut off"
            break
        number, data = body[at], body[at + 2 : stop]
        read = _READERS.get((number, stop - at - 2))
        value = read(data) if read is not None else data.hex()
        if number in values:
            repeated.append((number, value))
        else:
            values[number] = value
        at = stop
    return Items(values, tuple(repeated), fault)
