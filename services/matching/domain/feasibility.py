"""What of a vehicle stands in the way of a load, judged for many at once; `causes` names it for one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.cargo import NEEDED_LEVEL
from services.matching.domain.fleet import Fleet, Rows
from services.matching.domain.job import Job
from services.matching.domain.limits import Limits
from services.matching.domain.standings import operate


@dataclass(frozen=True, slots=True)
class Masks:
    """For chosen rows, what holds; NaN distance where the place is unknown."""

    km: NDArray[np.float64]
    operating: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    located: NDArray[np.bool_]
    fresh: NDArray[np.bool_]
    near: NDArray[np.bool_]
    weight: NDArray[np.bool_]
    volume: NDArray[np.bool_]
    cold: NDArray[np.bool_]
    free: NDArray[np.bool_]

    def all(self) -> NDArray[np.bool_]:
        """Everything but the traffic rules holds."""
        return (
            self.operating
            & self.valid
            & self.fresh
            & self.near
            & self.weight
            & self.volume
            & self.cold
            & self.free
        )


def judge(fleet: Fleet, rows: Rows, job: Job, limits: Limits, km: NDArray[np.float64] | None = None) -> Masks:
    """Judge rows at once, all but the traffic rules.

    Args:
        fleet: At one state.
        rows: Which vehicles.
        job: The load.
        limits: Of the match.
        km: Their distances where they are known already.
    """
    fix = fleet.values("fix", rows)
    located = np.isfinite(fix)
    if km is None:
        km = fleet.distances(rows, job.pickup.point)
    return Masks(
        km=km,
        operating=operate(fleet, rows, job),
        valid=(fleet.values("valid_from", rows) <= job.pickup.start.timestamp())
        & (fleet.values("valid_to", rows) >= job.delivery.end.timestamp()),
        located=located,
        fresh=located & (job.now.timestamp() - fix <= limits.position_max_age_s),
        near=~located | (km <= limits.max_approach_km),
        weight=fleet.values("payload_kg", rows) >= job.weight_kg,
        volume=fleet.values("volume_m3", rows) >= job.volume_m3,
        cold=fleet.values("level", rows) >= NEEDED_LEVEL[job.temperature],
        free=_free(fleet, rows, job),
    )


def _free(fleet: Fleet, rows: Rows, job: Job) -> NDArray[np.bool_]:
    free = np.ones(len(rows), np.bool_)
    taken = [fleet.row_of[v] for v in job.booked if v in fleet.row_of]
    if taken:
        free[np.isin(rows, taken)] = False
    return free
