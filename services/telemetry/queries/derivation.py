"""What derivation reads: pending work, checkpoints and heads, fixes by binding, areas, rules."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import shapely
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.domain.alerts import AlertRule
from services.telemetry.domain.crossings import AreaVersion
from services.telemetry.domain.instants import EPOCH, to_ms
from services.telemetry.domain.tracks import Track

# What comes in order is cheap and goes first; of the rest, which may cost days of fixes, a few at a time.
_PENDING = text("""
    WITH waiting AS MATERIALIZED (
        SELECT vehicle_id, min(id) AS id, min(since) AS since FROM telemetry.pending_derivations
        WHERE vehicle_id <> all(CAST(:but AS uuid[])) GROUP BY vehicle_id),
    told AS MATERIALIZED (
        SELECT w.vehicle_id, w.id, coalesce(w.since > h.time, false) AS in_order FROM waiting w
        LEFT JOIN telemetry.derivation_heads h USING (vehicle_id))
    (SELECT vehicle_id FROM told WHERE in_order ORDER BY id LIMIT :in_order)
    UNION ALL (SELECT vehicle_id FROM told WHERE NOT in_order ORDER BY id LIMIT :late)
""")
_CHECKPOINTS = text("""
    SELECT DISTINCT ON (w.vehicle_id) w.vehicle_id, s.time, s.state
    FROM unnest(CAST(:vehicles AS uuid[]), CAST(:since AS timestamptz[])) AS w(vehicle_id, since)
    JOIN telemetry.derivation_states s ON s.vehicle_id = w.vehicle_id AND s.time <= w.since
    ORDER BY w.vehicle_id, s.time DESC
""")
# All checkpoints up to `until`, and the first few after it: where a walk may meet what is stored.
_LATER = text("""
    SELECT w.vehicle_id, s.time, s.state, s.time > w.until AS is_beyond
    FROM unnest(CAST(:vehicles AS uuid[]), CAST(:after AS timestamptz[]), CAST(:until AS timestamptz[]),
        CAST(:before AS timestamptz[])) AS w(vehicle_id, after, until, before)
    CROSS JOIN LATERAL (
        (SELECT time, state FROM telemetry.derivation_states s
         WHERE s.vehicle_id = w.vehicle_id AND s.time > w.after AND s.time <= least(w.until, w.before))
        UNION ALL
        (SELECT time, state FROM telemetry.derivation_states s
         WHERE s.vehicle_id = w.vehicle_id AND s.time > greatest(w.after, w.until) AND s.time <= w.before
         ORDER BY s.time LIMIT :beyond)) AS s
""")
# A fix counts for the vehicle its terminal is primarily fitted to at the fix's own time. One bound each way
# and a subquery of its own (OFFSET 0), so that index and partitions are gone into by both: of several bounds
# the planner takes one, and reads half a year to find an hour.
_FIXES = text("""
    SELECT w.vehicle_id,
        array_agg((date_part('epoch', p.time) * 1000)::bigint) AS times, array_agg(p.content_hash) AS hashes,
        array_agg(p.lon) AS lons, array_agg(p.lat) AS lats, array_agg(p.speed_kmh) AS speeds,
        array_agg(p.mileage_km) AS mileages, array_agg(p.cargo_temp_c) AS temps,
        array_agg(coalesce(p.load_state, -1)) AS loads, array_agg(coalesce(p.alarm_bits, 0)) AS alarms
    FROM unnest(CAST(:vehicles AS uuid[]), CAST(:since AS timestamptz[]), CAST(:before AS timestamptz[]))
        AS w(vehicle_id, since, before)
    JOIN telemetry.terminal_bindings b ON b.vehicle_id = w.vehicle_id AND b.is_primary
    CROSS JOIN LATERAL (
        SELECT * FROM telemetry.positions f
        WHERE f.terminal_key = b.terminal_key AND f.time >= greatest(w.since, b.valid_from)
            AND f.time < least(w.before, coalesce(b.valid_to, 'infinity')) OFFSET 0) AS p
    GROUP BY w.vehicle_id
""")
_FIRST = text("""
    SELECT b.vehicle_id, min(p.time) FROM telemetry.terminal_bindings b
    CROSS JOIN LATERAL (
        SELECT time FROM telemetry.positions p
        WHERE p.terminal_key = b.terminal_key AND p.time >= greatest(b.valid_from, :since)
          AND (b.valid_to IS NULL OR p.time < b.valid_to)
        ORDER BY time LIMIT 1) AS p
    WHERE b.vehicle_id = any(:vehicles) AND b.is_primary GROUP BY b.vehicle_id
""")
# A row that was written again, whatever of it, has another xmin: so no geometry need be read to tell.
_AREAS_KEY = text("""
    SELECT (SELECT md5(string_agg(concat_ws(' ', id, version, xmin), ',' ORDER BY id)) FROM telemetry.areas),
        (SELECT md5(string_agg(concat_ws(' ', area_id, extract(epoch FROM valid_from), xmin), ','
            ORDER BY area_id, valid_from)) FROM telemetry.area_versions)
""")
_AREAS = text(
    "SELECT area_id, valid_from, valid_to, ST_AsBinary(geometry) AS shape FROM telemetry.area_versions"
)
_AREA_KINDS = text("SELECT id, kind FROM telemetry.areas")
_RULES_KEY = text("SELECT count(*), coalesce(sum(version), 0) FROM telemetry.alert_rules")
_RULES = text("SELECT * FROM telemetry.alert_rule_versions ORDER BY rule_id, valid_from")
_SEALED_BEFORE = text("SELECT max(sealed_before) FROM telemetry.seals")


class Window(NamedTuple):
    """The fixes of a vehicle from an instant to before another."""

    vehicle_id: UUID
    since: datetime
    before: datetime


async def find_pending_vehicles(
    session: AsyncSession, in_order: int, late: int, but: Sequence[UUID] = ()
) -> list[UUID]:
    """Give the vehicles that have waited longest, but some: with newer fixes only, and of the others."""
    values = {"in_order": in_order, "late": late, "but": list(but)}
    return list(await session.scalars(_PENDING, values))


async def find_checkpoints(
    session: AsyncSession, vehicles: Sequence[UUID], since: Sequence[datetime]
) -> dict[UUID, tuple[datetime, bytes]]:
    """Give each vehicle's last checkpoint at or before its instant."""
    rows = await session.execute(_CHECKPOINTS, {"vehicles": vehicles, "since": since})
    return {row.vehicle_id: (row.time, row.state) for row in rows}


async def find_later_checkpoints(
    session: AsyncSession, windows: Sequence[Window], until: Sequence[datetime], beyond: int
) -> dict[UUID, tuple[dict[int, bytes], int]]:
    """Give each vehicle's checkpoints after its window's beginning; how many of them are beyond `until`.

    Of those beyond only the first `beyond`; none after the window's end.
    """
    values = {
        "vehicles": [window.vehicle_id for window in windows],
        "after": [window.since for window in windows],
        "until": list(until),
        "before": [window.before for window in windows],
        "beyond": beyond,
    }
    found: dict[UUID, dict[int, bytes]] = {window.vehicle_id: {} for window in windows}
    counts = dict.fromkeys(found, 0)
    for row in await session.execute(_LATER, values):
        found[row.vehicle_id][to_ms(row.time)] = row.state
        counts[row.vehicle_id] += row.is_beyond
    return {vehicle: (states, counts[vehicle]) for vehicle, states in found.items()}


async def find_first_fixes(
    session: AsyncSession, vehicles: Sequence[UUID], since: datetime
) -> dict[UUID, datetime]:
    """Give the time of each vehicle's first fix since an instant."""
    rows = await session.execute(_FIRST, {"vehicles": vehicles, "since": since})
    return {row[0]: row[1] for row in rows}


async def find_tracks(session: AsyncSession, windows: Sequence[Window]) -> dict[UUID, Track]:
    """Give the fixes of each window that has any, by the primary binding at their time."""
    values = dict(zip(("vehicles", "since", "before"), map(list, zip(*windows, strict=True)), strict=True))
    return {row.vehicle_id: _track(row) for row in await session.execute(_FIXES, values)}


def _track(row: Any) -> Track:
    times, hashes, loads, alarms = (
        np.array(values, dtype=np.int64) for values in (row.times, row.hashes, row.loads, row.alarms)
    )
    lons, lats, speeds, mileages, temps = (
        np.array(values, dtype=np.float64)
        for values in (row.lons, row.lats, row.speeds, row.mileages, row.temps)
    )
    return Track(times, lons, lats, hashes, speeds, mileages, temps, loads, alarms)


async def get_areas_key(session: AsyncSession) -> tuple[str | None, str | None]:
    """Give what changes whenever any area does: a hash over all they are, and one over all their shapes."""
    row: Any = (await session.execute(_AREAS_KEY)).one()
    return row[0], row[1]


async def find_area_versions(session: AsyncSession) -> list[AreaVersion]:
    """Give every shape of every area."""
    return [
        AreaVersion(
            row.area_id,
            to_ms(row.valid_from),
            None if row.valid_to is None else to_ms(row.valid_to),
            shapely.from_wkb(bytes(row.shape)),
        )
        for row in await session.execute(_AREAS)
    ]


async def find_area_kinds(session: AsyncSession) -> Mapping[UUID, str]:
    """Give the kind of every area."""
    return {row.id: row.kind for row in await session.execute(_AREA_KINDS)}


async def get_rules_key(session: AsyncSession) -> tuple[int, int]:
    """Give what changes whenever any alert rule does."""
    row: Any = (await session.execute(_RULES_KEY)).one()
    return int(row[0]), int(row[1])


async def find_alert_rules(session: AsyncSession) -> list[AlertRule]:
    """Give all that every alert rule says and has said."""
    return [
        AlertRule(
            row.rule_id,
            row.owner_enterprise_id,
            row.severity,
            to_ms(row.valid_from),
            None if row.valid_to is None else to_ms(row.valid_to),
            row.area_id,
            row.area_kind,
            frozenset(row.events),
            row.limit_kmh,
            None if row.vehicle_ids is None else frozenset(row.vehicle_ids),
            None if row.enterprise_ids is None else frozenset(row.enterprise_ids),
        )
        for row in await session.execute(_RULES)
    ]


async def find_sealed_before(session: AsyncSession) -> datetime:
    """Give the instant before which conclusions are sealed; the epoch when none are."""
    found: datetime | None = await session.scalar(_SEALED_BEFORE)
    return found or EPOCH
