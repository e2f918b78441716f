"""The fleet at one state of the copies: rows of numbers, KD-trees per capability class, the rulebook.

A capability class is a level of refrigeration and a step of payload; its tree holds every vehicle that
has at least both, so one query of one tree finds the nearest that can carry a load (`performance.md` §7).
Trees are over unit vectors: exact on the sphere. They are built at first use of a fleet, 1 to 3 ms each
for 10,000 vehicles, and a fleet lives until positions or copies move on.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from services.matching.domain.distances import arcs_of, chord_of, unit_vectors
from services.matching.domain.rulebook import Rulebook
from services.matching.domain.vehicles import Vehicle

ROW: Final = np.dtype(
    [
        ("present", "?"),
        ("active", "?"),
        ("level", "i1"),
        ("payload_kg", "f8"),
        ("volume_m3", "f8"),
        ("valid_from", "f8"),
        ("valid_to", "f8"),
        ("energy", "f8"),
        ("lon", "f8"),
        ("lat", "f8"),
        ("fix", "f8"),
    ]
)
"""One vehicle; instants in epoch seconds, `valid_to` infinite when open; NaN is unknown."""

STEPS_KG: Final = (0, 500, 1000, 1500, 2000, 3000, 5000, 8000, 12000, 20000)
"""Payload steps of the capability classes."""
_SLACK: Final = 1 + 1e-9

Rows = NDArray[np.intp]
Numbers = NDArray[np.float64]


class Fleet:
    """Every vehicle that takes part; immutable.

    Args:
        vehicles: In row order.
        rows: Array of `ROW`, as long as `vehicles`.
        row_of: Row of a vehicle id.
        rows_of: Rows of an enterprise.
        book: Rules and grants.
    """

    def __init__(
        self,
        vehicles: Sequence[Vehicle],
        rows: NDArray[Any],
        row_of: Mapping[UUID, int],
        rows_of: Mapping[UUID, Sequence[int]],
        book: Rulebook,
    ) -> None:
        self.vehicles = vehicles
        self.rows = rows
        self.row_of = row_of
        self.rows_of = rows_of
        self.book = book
        self._vectors: Numbers | None = None
        self._trees: dict[tuple[int, int], tuple[Any, Rows]] = {}

    def __len__(self) -> int:
        """Return the number of rows, vehicles that have left included."""
        return len(self.rows)

    def present(self) -> Rows:
        """Return the rows of vehicles that have not left."""
        return np.flatnonzero(self.rows["present"])

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
        tree, rows = self._tree(level, bisect_right(STEPS_KG, weight_kg) - 1)
        if tree is None:
            return np.empty(0, np.intp), np.empty(0)
        here = unit_vectors(np.array([point[0]]), np.array([point[1]]))[0]
        wanted = min(count, len(rows))
        chords, found = tree.query(
            here, k=[*range(1, wanted + 1)], distance_upper_bound=chord_of(max_km) * _SLACK
        )
        kept = np.isfinite(chords)
        return rows[found[kept]], arcs_of(chords[kept])

    def _tree(self, level: int, step: int) -> tuple[Any, Rows]:
        key = level, max(step, 0)
        if key not in self._trees:
            rows = np.flatnonzero(
                self.rows["present"]
                & self.rows["active"]
                & (self.rows["level"] >= level)
                & (self.rows["payload_kg"] >= STEPS_KG[key[1]])
                & np.isfinite(self.rows["fix"])
            )
            if self._vectors is None:
                self._vectors = unit_vectors(self.rows["lon"], self.rows["lat"])
            tree = (
                cKDTree(self._vectors[rows], balanced_tree=False, compact_nodes=False) if len(rows) else None
            )
            self._trees[key] = tree, rows
        return self._trees[key]
