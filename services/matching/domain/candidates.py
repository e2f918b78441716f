"""Candidates for a load: the best feasible for a shipper, all of them for who may see reasons."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.cargo import NEEDED_LEVEL
from services.matching.domain.distances import band_edge
from services.matching.domain.feasibility import Cause, Masks, causes, judge
from services.matching.domain.fleet import Fleet, Rows
from services.matching.domain.job import Job
from services.matching.domain.limits import Limits
from services.matching.domain.rulebook import JobAccess
from services.matching.domain.scoring import best_possible, scores

_FIRST_LOOK = 64

Told = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Turns distances into those that may be told."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A feasible vehicle: its row, its score and the distance that may be told, km."""

    row: int
    score: float
    km: float


def whole_km(km: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round up to whole km, for bureaus and the vehicle's owner."""
    return np.ceil(km)


def banded_km(km: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round up to the edge of the band, for a shipper."""
    return np.array([band_edge(float(value)) for value in km])


class Matching:
    """One load against one fleet."""

    def __init__(self, fleet: Fleet, job: Job, limits: Limits) -> None:
        self.fleet = fleet
        self.job = job
        self.limits = limits
        self.access = JobAccess(fleet.book, job)

    def best(self, count: int, told: Told = banded_km) -> list[Ranked]:
        """Return the `count` best feasible vehicles, exactly, looking only as far as needed.

        Looks at the nearest of the capability class, then at four times as many, until no vehicle
        farther away could score higher than the last one kept.
        """
        level, look = NEEDED_LEVEL[self.job.temperature], max(_FIRST_LOOK, 2 * count)
        while True:
            rows, km = self.fleet.nearest(
                self.job.pickup.point, level, self.job.weight_kg, look, self.limits.max_approach_km
            )
            ranked = self._rank(rows, judge(self.fleet, rows, self.job, self.limits, km), told)
            if len(rows) < look or self._is_settled(ranked, count, float(told(km[-1:])[0])):
                return ranked[:count]
            look *= 4

    def among(self, rows: Rows, told: Told = whole_km) -> tuple[list[Ranked], list[int]]:
        """Return the feasible of these rows, best first, and the refused."""
        ranked = self._rank(rows, judge(self.fleet, rows, self.job, self.limits), told)
        feasible = {candidate.row for candidate in ranked}
        return ranked, [int(row) for row in rows if int(row) not in feasible]

    def causes(self, row: int) -> list[Cause]:
        """Return why a vehicle is refused; empty when it is feasible."""
        return causes(self.fleet, row, self.job, self.limits, self.access)

    def _is_settled(self, ranked: list[Ranked], count: int, farthest_km: float) -> bool:
        if len(ranked) < count:
            return False
        return ranked[count - 1].score > best_possible(farthest_km, self.limits.max_approach_km)

    def _rank(self, rows: Rows, masks: Masks, told: Told) -> list[Ranked]:
        kept = np.flatnonzero(masks.all())
        if not self.access.is_open:
            vehicles = self.fleet.vehicles
            kept = np.array([i for i in kept if self.access.allows(vehicles[rows[i]])], np.intp)
        data = self.fleet.rows[rows[kept]]
        km = told(masks.km[kept])
        fit = np.maximum(self.job.weight_kg / data["payload_kg"], self.job.volume_m3 / data["volume_m3"])
        values = scores(km, fit, data["energy"], self.limits.max_approach_km)
        ranked = [
            Ranked(int(row), float(score), float(distance))
            for row, score, distance in zip(rows[kept], values, km, strict=True)
        ]
        return sorted(ranked, key=lambda c: (-c.score, str(self.fleet.vehicles[c.row].id)))
