"""The fleet at one state of the copies: rows of numbers, KD-trees per capability class, the rulebook.

A capability class is a level of refrigeration and a step of payload; its tree holds every vehicle that
has at least both, so one query of one tree finds the nearest that can carry a load (`performance.md` §7).
Trees are over unit vectors: exact on the sphere. They are built at first use of a fleet, 1 to 3 ms each
for 10,000 vehicles, and a fleet lives until positions or copies move on.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from services.matching.domain.distances import arcs_of, chord_of, unit_vectors
from services.matching.domain.rulebook import Profiles, Rulebook
from services.matching.domain.vehicles import Vehicle
from services.shared.rules.standing import Course

ROW: Final = np.dtype(
    [
        ("present", "?"),
        ("level", "i1"),
        ("profile", "i4"),
        ("payload_kg", "f8"),
        ("volume_m3", "f8"),
        ("valid_from", "f8"),
        ("valid_to", "f8"),
        ("off", "f8"),
        ("on", "f8"),
        ("earlier", "f8"),
        ("energy", "f8"),
        ("lon", "f8"),
        ("lat", "f8"),
        ("fix", "f8"),
    ]
)
"""One vehicle; instants in epoch seconds, `valid_to` infinite when open; NaN is unknown.

`off`, `on`, `earlier`: what the courses of firm and papers come to, see `standings.put_together`.
"""

UNKNOWN_FIRM: Final = Course.always(active=False)
"""A firm nobody has told of yet takes no part."""
STEPS_KG: Final = (0, 500, 1000, 1500, 2000, 3000, 5000, 8000, 12000, 20000)
"""Payload steps of the capability classes."""
_SLACK: Final = 1 + 1e-9

Rows = NDArray[np.intp]
Numbers = NDArray[np.float64]


class FleetIndex:
    """Which vehicle is in which row; made anew only when vehicles change.

    Args:
        vehicles: In row order.
        row_of: Row of a vehicle id.
        rows_of: Rows of an enterprise.
        profiles: A row's `profile` points into it.
    """

    def __init__(
        self,
        vehicles: Sequence[Vehicle],
        row_of: Mapping[UUID, int],
        rows_of: Mapping[UUID, Sequence[int]],
        profiles: Profiles,
    ) -> None:
        self.vehicles = vehicles
        self.row_of = row_of
        self.rows_of = rows_of
        self.profiles = profiles
        ordered = sorted(range(len(vehicles)), key=lambda row: vehicles[row].id)
        self.sorted_ids = [vehicles[row].id for row in ordered]
        self.rank = np.empty(len(vehicles), np.intp)
        self.rank[ordered] = np.arange(len(vehicles))


class Fleet:
    """Every vehicle that takes part; immutable.

    Args:
        index: Which vehicle is in which row.
        rows: Array of `ROW`, in that order.
        book: Rules and grants.
        firms: Courses of the firms' standings.
        since: Nobody asks about a job that is over before this instant.
    """

    def __init__(
        self,
        index: "FleetIndex",
        rows: NDArray[Any],
        book: Rulebook,
        firms: Mapping[UUID, Course],
        since: datetime,
    ) -> None:
        self.index = index
        self.firms = firms
        self.since = since
        self.vehicles = index.vehicles
        self.row_of = index.row_of
        self.rows_of = index.rows_of
        self.rows = rows
        self.book = book
        self._trees: dict[tuple[int, int], tuple[Any, Rows]] = {}

    def __len__(self) -> int:
        """Return the number of rows, vehicles that have left included."""
        return len(self.rows)

    def firm_of(self, row: int) -> Course:
        """Return the course of the standing of a row's firm."""
        return self.firms.get(self.vehicles[row].enterprise_id, UNKNOWN_FIRM)

    def values(self, name: str, rows: Rows) -> NDArray[Any]:
        """Return one number of chosen rows; a few such are cheaper than whole rows."""
        found: NDArray[Any] = self.rows[name][rows]
        return found

    def present(self) -> Rows:
        """Return the rows of vehicles that have not left."""
        return np.flatnonzero(self.rows["present"])

    @cached_property
    def vectors(self) -> Numbers:
        """Places as unit vectors; NaN where unknown."""
        return unit_vectors(self.rows["lon"], self.rows["lat"])

    @cached_property
    def holders(self) -> Rows:
        """Rows of vehicles with a permit or exemption."""
        return np.array([self.row_of[v] for v in self.book.holders if v in self.row_of], np.intp)

    def distances(self, rows: Rows, point: tuple[float, float]) -> Numbers:
        """Return the distances of rows from a point, great-circle km; NaN where unknown."""
        here = unit_vectors(np.array([point[0]]), np.array([point[1]]))[0]
        return arcs_of(np.linalg.norm(self.vectors[rows] - here, axis=-1))

    def nearest(
        self, point: tuple[float, float], level: int, weight_kg: float, count: int, max_km: float
    ) -> tuple[Rows, Numbers]:
        """Return up to `count` rows of one capability class, nearest first, and their distances in km.

        Args:
            point: Longitude and latitude.
            level: Least refrigeration level.
            weight_kg: Selects the payload step; vehicles of the step may still be too small.
            count: Most rows.
            max_km: Farthest.
        """
        tree, rows = self._tree(level, weight_kg)
        if tree is None:
            return np.empty(0, np.intp), np.empty(0)
        here = unit_vectors(np.array([point[0]]), np.array([point[1]]))[0]
        wanted = min(count, len(rows))
        chords, found = tree.query(
            here, k=[*range(1, wanted + 1)], distance_upper_bound=chord_of(max_km) * _SLACK
        )
        kept = np.isfinite(chords)
        return rows[found[kept]], arcs_of(chords[kept])

    def capable(self, level: int, weight_kg: float) -> Rows:
        """Return all rows of a capability class."""
        return self._tree(level, weight_kg)[1]

    def _tree(self, level: int, weight_kg: float) -> tuple[Any, Rows]:
        key = level, bisect_right(STEPS_KG, weight_kg) - 1
        if key not in self._trees:
            gone_for_good = np.isposinf(self.rows["on"]) & (self.rows["off"] <= self.since.timestamp())
            rows = np.flatnonzero(
                self.rows["present"]
                & ~gone_for_good
                & (self.rows["level"] >= level)
                & (self.rows["payload_kg"] >= STEPS_KG[key[1]])
                & np.isfinite(self.rows["fix"])
            )
            tree = (
                cKDTree(self.vectors[rows], balanced_tree=False, compact_nodes=False) if len(rows) else None
            )
            self._trees[key] = tree, rows
        return self._trees[key]
