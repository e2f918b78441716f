"""Candidates for a load: evaluated in memory, shown in the view the caller may have."""

import asyncio
import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.domain.candidates import Matching, Ranking, banded_km
from services.matching.domain.causes import Cause
from services.matching.domain.distances import band_text
from services.matching.domain.fleet import Fleet, Rows
from services.matching.domain.vehicles import vehicle_class
from services.matching.domain.view import FleetView
from services.matching.errors import LoadNotOpen
from services.matching.queries.jobs import get_job
from services.matching.queries.loads import get_load
from services.matching.schemas.candidates import CandidateOut, ReasonOut, VehicleClassOut
from services.shared.auth import Principal
from services.shared.db import Database
from services.shared.geo import distance_m
from services.shared.paging import decode_cursor, encode_cursor

_INLINE = 1000
"""More rows than this are evaluated in a thread, so that other requests go on."""


@dataclass(frozen=True, slots=True)
class CandidateFilter:
    """Which candidates of which load, and which page of them; `vehicle_id` narrows to one."""

    load_id: UUID
    vehicle_id: UUID | None
    verdict: Literal["feasible", "refused"] | None
    cursor: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A vehicle of a page; score and told distance when it is feasible."""

    row: int
    score: float | None = None
    km: float | None = None


async def find_candidates(
    session: AsyncSession,
    database: Database,
    view: FleetView,
    who: Principal,
    wanted: CandidateFilter,
    now: datetime,
) -> tuple[list[CandidateOut], str | None]:
    """Return one page of candidates in the caller's view, and the next cursor.

    A named vehicle is found where the caller may see which vehicle it is: by a bureau and its owner only.

    Raises:
        NotFound: The load is unknown or not the caller's to see.
        LoadNotOpen: It is decided or overdue.
        Unprocessable: The cursor is not one of this list.
    """
    load = await get_load(session, who, wanted.load_id)
    if load.status != "open" or load.pickup_to <= now:
        raise LoadNotOpen
    matching = Matching(view.fleet, await get_job(database, load, now), view.limits)
    if load.shipper_id == who.enterprise_id and wanted.vehicle_id is None:
        return _for_owner(matching, who, wanted), None
    rows = view.fleet.present() if who.is_bureau else _own_rows(view.fleet, who)
    if wanted.vehicle_id is not None:
        rows = rows[rows == view.fleet.row_of.get(wanted.vehicle_id, -1)]
    if len(rows) > _INLINE:
        return await asyncio.to_thread(_page, matching, rows, wanted)
    return _page(matching, rows, wanted)


def _own_rows(fleet: Fleet, who: Principal) -> Rows:
    own = fleet.rows_of.get(who.enterprise_id, ()) if who.enterprise_id else ()
    return np.array([row for row in own if fleet.rows["present"][row]], np.intp)


def _for_owner(matching: Matching, who: Principal, wanted: CandidateFilter) -> list[CandidateOut]:
    """Return the best feasible vehicles, and why vehicles of the owner's own fleet are refused."""
    own = _own_rows(matching.fleet, who)
    entries: list[_Entry] = []
    if wanted.verdict != "refused":
        entries += _ranked(matching.best(wanted.limit, banded_km))
    if wanted.verdict != "feasible":
        entries += [_Entry(int(row)) for row in matching.among(own)[1]]
    mine = set(own.tolist())
    return [
        _shown(matching, entry) if entry.row in mine else _anonymous(matching.fleet, entry)
        for entry in entries[: wanted.limit]
    ]


def _page(matching: Matching, rows: Rows, wanted: CandidateFilter) -> tuple[list[CandidateOut], str | None]:
    """Return a page of all rows: the feasible, best first, then the refused by id."""
    index, (ranking, refused) = matching.fleet.index, matching.among(rows)
    if wanted.verdict == "feasible":
        refused = refused[:0]
    elif wanted.verdict == "refused":
        ranking = ranking.part(0, 0)
    if wanted.cursor is not None:
        kind, score, vehicle_id = decode_cursor(wanted.cursor, [int, float, UUID])
        after = bisect_right(index.sorted_ids, vehicle_id)
        if kind:
            ranking, refused = ranking.part(0, 0), refused[index.rank[refused] >= after]
        else:
            lower = (ranking.scores < score) | (
                (ranking.scores == score) & (index.rank[ranking.rows] >= after)
            )
            ranking = ranking.part(len(ranking) - int(np.count_nonzero(lower)), len(ranking))
    entries = [
        *_ranked(ranking.part(0, wanted.limit + 1)),
        *(_Entry(int(row)) for row in refused[: wanted.limit + 1]),
    ]
    shown = entries[: wanted.limit]
    items = [_shown(matching, entry) for entry in shown]
    return items, _cursor_of(matching.fleet, shown[-1]) if len(entries) > wanted.limit else None


def _ranked(ranking: Ranking) -> list[_Entry]:
    values = (ranking.rows.tolist(), ranking.scores.tolist(), ranking.km.tolist())
    return [_Entry(row, score, km) for row, score, km in zip(*values, strict=True)]


def _cursor_of(fleet: Fleet, last: _Entry) -> str:
    kind, score = (1, 0.0) if last.score is None else (0, last.score)
    return encode_cursor([kind, score, fleet.vehicles[last.row].id])


def _class_of(fleet: Fleet, row: int) -> VehicleClassOut:
    return VehicleClassOut.model_validate(vehicle_class(fleet.vehicles[row]))


def _anonymous(fleet: Fleet, entry: _Entry) -> CandidateOut:
    return CandidateOut(
        verdict="feasible",
        vehicle_class=_class_of(fleet, entry.row),
        score=entry.score,
        distance_band=None if entry.km is None else band_text(entry.km),
        distance_km=None,
        vehicle_id=None,
        enterprise_id=None,
        plate_number=None,
        plate_color=None,
        reasons=None,
    )


def _shown(matching: Matching, entry: _Entry) -> CandidateOut:
    fleet, vehicle = matching.fleet, matching.fleet.vehicles[entry.row]
    place = fleet.rows[entry.row]
    km = (
        distance_m(float(place["lon"]), float(place["lat"]), *matching.job.pickup.point) / 1000
        if math.isfinite(place["fix"])
        else None
    )
    causes = [] if entry.score is not None else matching.causes(entry.row)
    return CandidateOut(
        verdict="feasible" if entry.score is not None else "refused",
        vehicle_class=_class_of(fleet, entry.row),
        score=entry.score,
        distance_band=None if km is None else band_text(km),
        distance_km=None if km is None else math.ceil(km),
        vehicle_id=vehicle.id,
        enterprise_id=vehicle.enterprise_id,
        plate_number=vehicle.plate_number,
        plate_color=vehicle.plate_color,
        reasons=[_reason(cause) for cause in causes],
    )


def _reason(cause: Cause) -> ReasonOut:
    return ReasonOut(code=cause.code, message=f"{cause.zh} / {cause.en}", detail=cause.detail)
