"""Candidates for a load: the best feasible for a shipper, all of them for who may see reasons."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.cargo import NEEDED_LEVEL
from services.matching.domain.causes import Cause, causes
from services.matching.domain.distances import band_edges
from services.matching.domain.feasibility import Masks, judge
from services.matching.domain.fleet import Fleet, Rows
from services.matching.domain.job import Job
from services.matching.domain.limits import Limits
from services.matching.domain.rulebook import JobAccess
from services.matching.domain.scoring import best_possible, scores

_FIRST_LOOK: Final = 512
"""So many of the nearest are looked at before everybody of the class is; measured best of 64 to 1024."""

Told = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Turns distances into those that may be told."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Feasible vehicles, best first (by id where scores are equal): rows, scores, told distances in km."""

    rows: Rows
    scores: NDArray[np.float64]
    km: NDArray[np.float64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.rows)

    def part(self, start: int, stop: int) -> "Ranking":
        """Return the places from `start` to before `stop`."""
        return Ranking(self.rows[start:stop], self.scores[start:stop], self.km[start:stop])


def whole_km(km: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round up to whole km, for bureaus and the vehicle's owner."""
    return np.ceil(km)


def banded_km(km: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round up to the edge of the band, for a shipper."""
    return band_edges(km)


class Matching:
    """One load against one fleet."""

    def __init__(self, fleet: Fleet, job: Job, limits: Limits) -> None:
        self.fleet = fleet
        self.job = job
        self.limits = limits
        self.access = JobAccess(fleet.book, job)

    def best(self, count: int, told: Told = banded_km) -> Ranking:
        """Return the `count` best feasible vehicles, exactly, looking only as far as needed.

        Looks at the nearest of the capability class; if a vehicle farther away could score as high as the
        last one kept, at the whole class.
        """
        level, weight, point = NEEDED_LEVEL[self.job.temperature], self.job.weight_kg, self.job.pickup.point
        look = max(_FIRST_LOOK, count)
        rows, km = self.fleet.nearest(point, level, weight, look, self.limits.max_approach_km)
        ranking = self._rank(rows, judge(self.fleet, rows, self.job, self.limits, km), told)
        if len(rows) < look:
            return ranking.part(0, count)
        farthest = float(told(km[-1:])[0])
        if len(ranking) >= count and ranking.scores[count - 1] > best_possible(farthest):
            return ranking.part(0, count)
        everyone = self.fleet.capable(level, weight)
        return self._rank(everyone, judge(self.fleet, everyone, self.job, self.limits), told).part(0, count)

    def among(self, rows: Rows, told: Told = whole_km) -> tuple[Ranking, Rows]:
        """Return the feasible of these rows, best first, and the refused by id."""
        ranking = self._rank(rows, judge(self.fleet, rows, self.job, self.limits), told)
        refused = rows[~np.isin(rows, ranking.rows)]
        return ranking, refused[np.argsort(self.fleet.index.rank[refused])]

    def causes(self, row: int) -> list[Cause]:
        """Return why a vehicle is refused; empty when it is feasible."""
        return causes(self.fleet, row, self.job, self.limits, self.access)

    def _rank(self, rows: Rows, masks: Masks, told: Told) -> Ranking:
        kept = np.flatnonzero(masks.all())
        if not self.access.is_open:
            kept = kept[self._allowed(rows[kept])]
        chosen = rows[kept]
        km, value = told(masks.km[kept]), self.fleet.values
        fit = np.maximum(
            self.job.weight_kg / value("payload_kg", chosen), self.job.volume_m3 / value("volume_m3", chosen)
        )
        values = scores(km, fit, value("energy", chosen))
        order = np.lexsort((self.fleet.index.rank[chosen], -values))
        return Ranking(chosen[order], values[order], km[order])

    def _allowed(self, rows: Rows) -> NDArray[np.bool_]:
        """Tell which rows the traffic rules let to both stops: once for vehicles alike, else one by one."""
        profiles = self.fleet.rows["profile"][rows]
        allowed = self.access.allows_profiles(self.fleet.index.profiles, profiles)
        for place in np.flatnonzero(np.isin(rows, self.fleet.holders)):
            allowed[place] = self.access.allows_vehicle(self.fleet.vehicles[rows[place]])
        return allowed
