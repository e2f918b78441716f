"""Comparing what was derived with what is stored, and writing the difference."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.domain.instants import EPOCH, EPOCH_DAY, from_ms
from services.telemetry.domain.recomputation import compare
from services.telemetry.domain.walking import Findings
from services.telemetry.operations.conclusions import (
    Written,
    alert_rows,
    mileage_rows,
    news,
    retract,
    trip_rows,
    visit_rows,
    without_fixes,
    write_conclusions,
    write_mileages,
)
from services.telemetry.operations.work import Work
from services.telemetry.queries import conclusions as queries
from services.telemetry.queries.conclusions import ALERT, TRIP, VISIT, Days, Kind, MileageRow, Row
from services.telemetry.queries.derivation import Window

_FAR = EPOCH + timedelta(days=365_000)
_FAR_DAY = date(9999, 1, 1)
_VISIT_ID = ALERT.columns.index("visit_id")


class Rows(NamedTuple):
    """What there is of one vehicle, derived or stored."""

    visits: list[Row]
    trips: list[Row]
    alerts: list[Row]
    mileages: list[MileageRow]


async def conclude(session: AsyncSession, works: Sequence[Work]) -> None:
    """Make the stored conclusions of vehicles those derived, in few statements for all of them."""
    after = {work.vehicle_id: _after(work) for work in works}
    stored = await _find_stored(session, [work for work in works if work.before is None], after)
    sides = [(work, *_sides(work, after[work.vehicle_id], stored)) for work in works]
    await _replace(session, VISIT, [(work, new.visits, old.visits) for work, new, old in sides])
    await _replace(session, TRIP, [(work, new.trips, old.trips) for work, new, old in sides])
    await _replace(session, ALERT, [(work, new.alerts, old.alerts) for work, new, old in sides])
    changed: list[tuple[MileageRow, UUID]] = []
    for work, new, old in sides:
        gone = {row.id: without_fixes(row) for row in old.mileages} | {row.id: row for row in new.mileages}
        changed += [(row, work.enterprise_id) for row in gone.values() if row not in old.mileages]
    await write_mileages(session, changed)


def _after(work: Work) -> Findings:
    """Give what the walk decided: what ended on it and, unless it met a checkpoint, what goes on after it."""
    ended = work.walked.walk.ended()
    if work.walked.met is not None:
        return ended
    return ended.plus(work.going_on(work.over_at))


async def _replace(
    session: AsyncSession, kind: Kind, sides: Iterable[tuple[Work, list[Row], list[Row]]]
) -> None:
    upserts: list[Written] = []
    retractions: list[UUID] = []
    for work, derived, known in sides:
        difference = compare(derived, known)
        upserts += news(difference, known, work.enterprise_id)
        retractions += difference.retractions
    await retract(session, kind, retractions)
    await write_conclusions(session, kind, upserts)


class _Stored(NamedTuple):
    visits: Mapping[UUID, list[Row]]
    trips: Mapping[UUID, list[Row]]
    alerts: Mapping[UUID, list[Row]]
    mileages: Mapping[UUID, list[MileageRow]]


async def _find_stored(
    session: AsyncSession, works: Sequence[Work], after: Mapping[UUID, Findings]
) -> _Stored:
    """Read what walks from checkpoints decide anew."""
    if not works:
        return _Stored({}, {}, {}, {})
    windows = [_window(work) for work in works]
    ids = frozenset(chain.from_iterable(work.walked.resumed() for work in works))
    found = [await queries.find_stored(session, kind, windows, ids) for kind in (VISIT, TRIP, ALERT)]
    decided = [
        {work.vehicle_id: work.walked.decides(rows[work.vehicle_id]) for work in works} for rows in found
    ]
    visits, trips, alerts = decided
    names = {row.id for rows in visits.values() for row in rows}
    names |= {visit.id for work in works for visit in after[work.vehicle_id].visits}
    of_visits: dict[UUID, list[Row]] = {work.vehicle_id: [] for work in works}
    for row in await queries.find_alerts_of_visits(session, names):
        of_visits[row.vehicle_id].append(row)
    alerts = {
        name: [*(row for row in rows if row.values[_VISIT_ID] is None), *of_visits[name]]
        for name, rows in alerts.items()
    }
    mileages = await queries.find_mileages(session, [_days(work) for work in works])
    return _Stored(visits, trips, alerts, mileages)


def _window(work: Work) -> Window:
    begun, met = work.walked.begun.last, work.walked.met
    return Window(
        work.vehicle_id,
        EPOCH if begun is None else from_ms(begun.time_ms),
        _FAR if met is None or met.last is None else from_ms(met.last.time_ms),
    )


def _days(work: Work) -> Days:
    begun, met = work.walked.begun.days, work.walked.met
    return Days(
        work.vehicle_id,
        EPOCH_DAY + timedelta(days=begun[0].day) if begun else EPOCH_DAY,
        EPOCH_DAY + timedelta(days=met.days[0].day) if met is not None and met.days else _FAR_DAY,
    )


def _sides(work: Work, after: Findings, stored: _Stored) -> tuple[Rows, Rows]:
    """Give what was derived of a vehicle, and what it replaces."""
    name = work.vehicle_id
    if work.before is None:
        known = Rows(stored.visits[name], stored.trips[name], stored.alerts[name], stored.mileages[name])
        return _rows(work, after), known
    # What goes on in a head is what is stored; most of it still does, and needs no rows to tell.
    return _rows(work, after.without(work.before)), _rows(work, work.before.without(after))


def _rows(work: Work, found: Findings) -> Rows:
    alerts = [*work.rules.of_visits(found.visits), *work.rules.of_episodes(found.episodes)]
    return Rows(
        visit_rows(found.visits), trip_rows(found.trips), alert_rows(alerts), mileage_rows(found.days)
    )
