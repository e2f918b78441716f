"""Tiles of the Web Mercator pyramid (OGC Two Dimensional Tile Matrix Set, WebMercatorQuad)."""

import math
from typing import Final

DEEPEST: Final = 22
EXTENT: Final = 4096
BUFFER: Final = 64
"""Units of a tile's extent, and how many of them beyond its edge still belong to it."""
Edges = tuple[float, float, float, float]
"""West, south, east, north in degrees."""


def is_tile(z: int, x: int, y: int) -> bool:
    """Whether there is such a tile."""
    return 0 <= z <= DEEPEST and 0 <= x < 1 << z and 0 <= y < 1 << z


def edges_of(z: int, x: int, y: int, margin: float = 0.0) -> Edges:
    """Give a tile's box in degrees, widened by a part of its width on each side, within the world."""
    across = 1 << z
    west, east = (max(0.0, x - margin), min(float(across), x + 1 + margin))
    north, south = (max(0.0, y - margin), min(float(across), y + 1 + margin))
    return (
        west / across * 360 - 180,
        _latitude(south / across),
        east / across * 360 - 180,
        _latitude(north / across),
    )


def ancestor_of(z: int, x: int, y: int, at: int) -> tuple[int, int, int]:
    """Give the tile of zoom ``at`` that holds this one; itself when it is not deeper."""
    return (z, x, y) if z <= at else (at, x >> (z - at), y >> (z - at))


def _latitude(down: float) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * down))))
