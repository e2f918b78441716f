"""Five-minute aggregates in plain Python, fix by fix, from the words of `domain/aggregates.py` alone.

No line of the code under test is used: its own great circle, its own search for jumps, fractions for means.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from tests.support.drives import Told

CELL_MS = 300_000
EARTH_M = 6_371_008.8
Spot = tuple[int, float, float]


def line_mm(start: Spot, end: Spot) -> int:
    """Great circle on the mean sphere, whole millimetres."""
    one, two = math.radians(start[2]), math.radians(end[2])
    chord = (
        math.sin((two - one) / 2) ** 2
        + math.cos(one) * math.cos(two) * math.sin(math.radians(end[1] - start[1]) / 2) ** 2
    )
    return round(2 * EARTH_M * math.asin(min(1.0, math.sqrt(chord))) * 1000)


def in_order(fixes: Sequence[Told]) -> list[Told]:
    """One an instant, the least hash."""
    found: dict[int, Told] = {}
    for fix in fixes:
        if fix.time_ms not in found or fix.content_hash < found[fix.time_ms].content_hash:
            found[fix.time_ms] = fix
    return [found[at] for at in sorted(found)]


def find_path(
    fixes: Sequence[Told], before: Spot | None, gap_ms: int, jump_kmh: float
) -> tuple[list[tuple[Told, int, int, float | None]], set[int]]:
    """(Fix, length of the line into it, ms it lasted, speed) along the path; times of the jumps."""
    path: list[tuple[Told, int, int, float | None]] = []
    jumps: set[int] = set()
    taken, leapt, newest = before, None, before

    def driven(start: Spot, end: Spot) -> bool:
        return line_mm(start, end) * 3.6 <= jump_kmh * (end[0] - start[0])

    for fix in fixes:
        spot = (fix.time_ms, fix.lon, fix.lat)
        if taken is None or newest is None or fix.time_ms - newest[0] > gap_ms:
            path.append((fix, 0, 0, fix.speed_kmh))
            taken, leapt = spot, None
        elif driven(taken, spot):
            path.append(_along(taken, fix))
            taken, leapt = spot, None
        elif leapt is not None and driven((leapt.time_ms, leapt.lon, leapt.lat), spot):
            path.append((leapt, 0, leapt.time_ms - taken[0], leapt.speed_kmh))
            path.append(_along((leapt.time_ms, leapt.lon, leapt.lat), fix))
            taken, leapt = spot, None
        else:
            jumps.add(fix.time_ms)
            leapt = fix
        newest = spot
    return path, jumps


def _along(start: Spot, fix: Told) -> tuple[Told, int, int, float | None]:
    length, lasted = line_mm(start, (fix.time_ms, fix.lon, fix.lat)), fix.time_ms - start[0]
    return fix, length, lasted, fix.speed_kmh if fix.speed_kmh is not None else length / lasted * 3.6


def expected_aggregates(
    told: Sequence[Told], before: Spot | None, gap_ms: int, jump_kmh: float
) -> list[dict[str, Any]]:
    """The rows of a vehicle's fixes."""
    fixes = in_order(told)
    path, jumps = find_path(fixes, before, gap_ms, jump_kmh)
    rows = []
    for cell in sorted({fix.time_ms // CELL_MS for fix in fixes}):
        every = [fix for fix in fixes if fix.time_ms // CELL_MS == cell]
        good = [fix for fix in every if fix.time_ms not in jumps] or every
        lines = [line for line in path if line[0].time_ms // CELL_MS == cell]
        speeds = [speed for *_, speed in lines if speed is not None]
        temps = [fix.cargo_temp_c for fix in good if fix.cargo_temp_c is not None]
        mileages = [fix.mileage_km for fix in good if fix.mileage_km is not None]
        rows.append(
            {
                "time_ms": cell * CELL_MS,
                "fixes": len(every),
                "jumps": sum(fix.time_ms in jumps for fix in every),
                "first": (good[0].time_ms, good[0].lon, good[0].lat),
                "last": (good[-1].time_ms, good[-1].lon, good[-1].lat),
                "mean_lon": _mean([fix.lon for fix in good]),
                "mean_lat": _mean([fix.lat for fix in good]),
                "length_mm": sum(length for _, length, _, _ in lines),
                "moving_ms": sum(ms for _, length, ms, _ in lines if length * 3.6 > 3 * ms),
                "max_speed_kmh": max(speeds, default=None),
                "mileage_km": mileages[-1] if mileages else None,
                "min_cargo_temp_c": min(temps, default=None),
                "max_cargo_temp_c": max(temps, default=None),
            }
        )
    return rows


def _mean(degrees: Sequence[float]) -> float:
    whole = sum(round(Fraction(each * 10_000_000)) for each in degrees)
    return round(Fraction(whole, len(degrees))) / 10_000_000
