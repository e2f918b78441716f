"""Great-circle distances over arrays, distance bands, and coordinates made coarse.

Points are compared as unit vectors: the straight chord between two of them grows with the arc, so a
KD-tree over vectors finds exactly the nearest on the sphere, which one over degrees does not.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

EARTH_RADIUS_KM: Final = 6371.0088
"""Mean radius R1 of the GRS 80 ellipsoid."""
BANDS_KM: Final = (1, 2, 5, 10, 20, 50, 100)
"""Upper edges of the bands in which a distance is told to who may not know it."""
REDUCED_DECIMALS: Final = 2
"""Decimals of a degree in the reduced view: about one kilometre."""


def unit_vectors(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points in degrees as unit vectors, shape (n, 3)."""
    east, north = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=-1)


def chord_of(km: float) -> float:
    """Return the chord, in radii, of an arc in km."""
    return 2 * math.sin(min(km / (2 * EARTH_RADIUS_KM), math.pi / 2))


def arcs_of(chords: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the arcs, km, of chords in radii."""
    arcs: NDArray[np.float64] = 2 * EARTH_RADIUS_KM * np.arcsin(np.clip(chords / 2, 0, 1))
    return arcs


def distances_km(
    lon: NDArray[np.float64], lat: NDArray[np.float64], origin: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the great-circle distance, km, from each point to `origin` (lon, lat)."""
    here = unit_vectors(np.array([origin[0]]), np.array([origin[1]]))[0]
    return arcs_of(np.linalg.norm(unit_vectors(lon, lat) - here, axis=-1))


def band_edges(km: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the upper edges of the bands of distances; past the last one, whole hundreds of km."""
    edges = np.array([*BANDS_KM, math.inf])
    found: NDArray[np.float64] = edges[np.searchsorted(edges, km)]
    return np.where(np.isinf(found), np.ceil(km / 100) * 100, found)


def band_text(km: float) -> str:
    """Return a distance's band as text: `2-5 km`."""
    edge = float(band_edges(np.array([km]))[0])
    lower = max((e for e in (0, *BANDS_KM) if e < edge), default=0) if edge <= BANDS_KM[-1] else edge - 100
    return f"{lower:g}-{edge:g} km"


def coarse(degrees: float) -> float:
    """Return a coordinate as the reduced view shows it."""
    return round(degrees, REDUCED_DECIMALS)
