"""Reading Mapbox vector tiles (specification 2.1), numbering tiles: an oracle apart from PostGIS."""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Feature:
    """A feature: its id, properties, and the points of its geometry in degrees."""

    id: int
    properties: dict[str, Any]
    points: list[tuple[float, float]]


def tile_of(lon: float, lat: float, z: int) -> tuple[int, int, int]:
    """Zoom, column and row of the tile that holds a place (OpenStreetMap's slippy map formula)."""
    phi = math.radians(lat)
    across = 1 << z
    return (
        z,
        int((lon + 180) / 360 * across),
        int((1 - math.log(math.tan(phi) + 1 / math.cos(phi)) / math.pi) / 2 * across),
    )


def read_tile(data: bytes, z: int, x: int, y: int) -> dict[str, list[Feature]]:
    """Features by layer."""
    layers = {}
    for number, value in _fields(data):
        assert number == 3, "a tile holds layers"
        name, features = _layer(value, z, x, y)
        assert name not in layers
        layers[name] = features
    return layers


def _layer(data: bytes, z: int, x: int, y: int) -> tuple[str, list[Feature]]:
    name, version, extent = "", 1, 4096
    keys: list[str] = []
    values: list[Any] = []
    raw: list[bytes] = []
    for number, value in _fields(data):
        match number:
            case 1:
                name = value.decode()
            case 2:
                raw.append(value)
            case 3:
                keys.append(value.decode())
            case 4:
                values.append(_value(value))
            case 5:
                extent = value
            case 15:
                version = value
    assert version == 2
    return name, [_feature(each, keys, values, (z, x, y, extent)) for each in raw]


def _feature(data: bytes, keys: list[str], values: list[Any], place: tuple[int, int, int, int]) -> Feature:
    found: dict[int, Any] = dict(_fields(data))
    tags = _packed(found.get(2, b""))
    properties = {keys[tags[i]]: values[tags[i + 1]] for i in range(0, len(tags), 2)}
    return Feature(found.get(1, 0), properties, list(_points(_packed(found[4]), place)))


def _points(commands: list[int], place: tuple[int, int, int, int]) -> Iterator[tuple[float, float]]:
    z, x, y, extent = place
    across, position, left, right = (1 << z) * extent, 0, 0, 0
    while position < len(commands):
        command, count = commands[position] & 7, commands[position] >> 3
        position += 1
        for _ in range(0 if command == 7 else count):
            left += _zigzag(commands[position])
            right += _zigzag(commands[position + 1])
            position += 2
            down = (y * extent + right) / across
            lat = math.degrees(2 * math.atan(math.exp(math.pi * (1 - 2 * down))) - math.pi / 2)
            yield (x * extent + left) / across * 360 - 180, lat


def _zigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


def _value(data: bytes) -> Any:
    ((number, value),) = _fields(data)
    match number:
        case 1:
            return value.decode()
        case 2:
            return struct.unpack("<f", value)[0]
        case 3:
            return struct.unpack("<d", value)[0]
        case 6:
            return _zigzag(value)
        case 7:
            return bool(value)
        case _:
            return value


def _packed(data: bytes) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        found.append(value)
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
                yield tag >> 3, value
            case 1:
                yield tag >> 3, data[at : at + 8]
                at += 8
            case 2:
                size, at = _varint(data, at)
                yield tag >> 3, data[at : at + size]
                at += size
            case 5:
                yield tag >> 3, data[at : at + 4]
                at += 4
            case kind:
                raise AssertionError(f"wire type {kind}")
