"""Geodesics on the WGS-84 ellipsoid by Vincenty's formulae (Survey Review XXIII, 176, 1975).

An oracle for what PostGIS makes of circles and roads: it shares no code with PROJ.
"""

import math

_A = 6378137.0
_F = 1 / 298.257223563
_B = _A * (1 - _F)
_TURNS = 200
_FINE = 1e-13


def _series(u2: float) -> tuple[float, float]:
    big_a = 1 + u2 / 16384 * (4096 + u2 * (-768 + u2 * (320 - 175 * u2)))
    big_b = u2 / 1024 * (256 + u2 * (-128 + u2 * (74 - 47 * u2)))
    return big_a, big_b


def _delta(big_b: float, sin_sigma: float, cos_sigma: float, cos_2m: float) -> float:
    inner = cos_sigma * (2 * cos_2m**2 - 1) - big_b / 6 * cos_2m * (4 * sin_sigma**2 - 3) * (
        4 * cos_2m**2 - 3
    )
    return big_b * sin_sigma * (cos_2m + big_b / 4 * inner)


def distance_m(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Metres between two positions in degrees, neither nearly antipodal."""
    u1, u2 = (math.atan((1 - _F) * math.tan(math.radians(lat))) for lat in (lat1, lat2))
    around = lam = math.radians(lon2 - lon1)
    for _ in range(_TURNS):
        sin_sigma = math.hypot(
            math.cos(u2) * math.sin(lam),
            math.cos(u1) * math.sin(u2) - math.sin(u1) * math.cos(u2) * math.cos(lam),
        )
        if sin_sigma == 0:
            return 0.0
        cos_sigma = math.sin(u1) * math.sin(u2) + math.cos(u1) * math.cos(u2) * math.cos(lam)
        sigma = math.atan2(sin_sigma, cos_sigma)
        sin_alpha = math.cos(u1) * math.cos(u2) * math.sin(lam) / sin_sigma
        cos2_alpha = 1 - sin_alpha**2
        cos_2m = cos_sigma - 2 * math.sin(u1) * math.sin(u2) / cos2_alpha if cos2_alpha else 0.0
        c = _F / 16 * cos2_alpha * (4 + _F * (4 - 3 * cos2_alpha))
        before = lam
        lam = around + (1 - c) * _F * sin_alpha * (
            sigma + c * sin_sigma * (cos_2m + c * cos_sigma * (2 * cos_2m**2 - 1))
        )
        if abs(lam - before) < _FINE:
            break
    big_a, big_b = _series(cos2_alpha * (_A**2 - _B**2) / _B**2)
    return _B * big_a * (sigma - _delta(big_b, sin_sigma, cos_sigma, cos_2m))
