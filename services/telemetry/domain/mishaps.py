"""What goes wrong with terminals in the field, drawn for each simulated one from its own chance.

Every fix stays one the platform must keep: offsets of clocks and times of buffering lie within what
quarantine allows, so that after a run everything sent must be stored exactly once.
"""

import math
import random
from collections.abc import Collection
from typing import Any, Final, NamedTuple

from services.shared.standards import coordinates

TUNNELS, DUPLICATES, DISORDER, CLOCKS, CRS, REBOOTS, JITTER = KINDS = (
    "tunnels", "duplicates", "disorder", "clocks", "crs", "reboots", "jitter",
)  # fmt: skip
AFFECTED: Final = 0.3
"""Share of the terminals that each kind befalls."""
METRES_PER_DEGREE: Final = 111_195.0


class Mishaps(NamedTuple):
    """What befalls one terminal; a share is per fix."""

    clock_offset_s: float = 0.0
    """Its clock minus the true time."""
    states_crs: str | None = None
    """The system it says its coordinates are in; None says nothing, which means WGS-84."""
    shifted: bool = False
    """Whether its coordinates really are GCJ-02."""
    tunnel_share: float = 0.0
    """Of fixes at which a tunnel begins."""
    tunnel_fixes: int = 0
    duplicate_share: float = 0.0
    disorder: bool = False
    """Sends what has waited newest first."""
    reboot_share: float = 0.0
    jitter_m: float = 0.0


def draw(chance: random.Random, kinds: Collection[str]) -> Mishaps:
    """Draw what befalls a terminal when these kinds may happen."""
    hit = {kind for kind in KINDS if chance.random() < AFFECTED} & set(kinds)
    offset = chance.choice((-7200.0, -90.0, -5.0, 45.0, 200.0))
    stated, in_tunnel = chance.random() < 0.5, chance.randint(3, 12)  # noqa: PLR2004  half of them
    return Mishaps(
        clock_offset_s=offset if CLOCKS in hit else 0.0,
        states_crs="GCJ-02" if CRS in hit and stated else None,
        shifted=CRS in hit,
        tunnel_share=0.03 if TUNNELS in hit else 0.0,
        tunnel_fixes=in_tunnel,
        duplicate_share=0.1 if DUPLICATES in hit else 0.0,
        disorder=DISORDER in hit,
        reboot_share=0.02 if REBOOTS in hit else 0.0,
        jitter_m=8.0 if JITTER in hit else 0.0,
    )


def distort(chance: random.Random, mishaps: Mishaps, fix: dict[str, Any]) -> dict[str, Any]:
    """Give the fix as the terminal reports it: jittered, in the system it uses, with what it states."""
    lon, lat = fix["lon"], fix["lat"]
    if mishaps.jitter_m:
        north, east = chance.gauss(0, mishaps.jitter_m), chance.gauss(0, mishaps.jitter_m)
        lat += north / METRES_PER_DEGREE
        lon += east / METRES_PER_DEGREE / math.cos(math.radians(lat))
    if mishaps.shifted:
        lon, lat = coordinates.wgs84_to_gcj02(lon, lat)
    stated = {"crs": mishaps.states_crs} if mishaps.states_crs else {}
    return {**fix, "lon": round(lon, 6), "lat": round(lat, 6), **stated}
