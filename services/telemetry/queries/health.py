"""Reading terminals' health: what folding has kept, judged by the city's limits. No position is scanned."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal, Role
from services.shared.paging import decode_cursor, encode_cursor
from services.shared.standards.zones import city_day
from services.telemetry.domain.health import LONGEST_SILENCE, SILENT_FOR_EVER, HealthLimits

Row = Mapping[str, Any]

# `today` is the city's day; counts of another day are noughts. A bridge reports nothing of itself.
_JUDGED = f"""
WITH known AS (
    SELECT t.id, t.terminal_number, t.enterprise_id, t.kind, t.status, t.created_at,
        greatest(h.heard_at, l.received_at) AS heard_at, l.time AS last_fix_at, l.soc_pct,
        h.clock_offset_ms, h.clock_drift_ms_per_day,
        CASE WHEN l.counted_on = :today THEN l.steps ELSE 0 END AS steps,
        CASE WHEN l.counted_on = :today THEN l.jumps ELSE 0 END AS jumps,
        CASE WHEN l.counted_on = :today THEN l.restarts ELSE 0 END AS restarts,
        coalesce(a.received, 0) AS received, coalesce(a.quarantined, 0) AS quarantined
    FROM telemetry.terminals t
    LEFT JOIN telemetry.terminal_health h USING (terminal_key)
    LEFT JOIN telemetry.latest_positions l USING (terminal_key)
    LEFT JOIN telemetry.ingest_accounting a ON a.terminal_number = t.terminal_number AND a.day = :today
    WHERE t.status <> 'revoked' AND t.kind <> 'bridge'
        AND (CAST(:enterprise AS uuid) IS NULL OR t.enterprise_id = :enterprise)
        AND (CAST(:named AS uuid) IS NULL OR t.enterprise_id = :named)
        AND (CAST(:kind AS text) IS NULL OR t.kind = :kind)),
measured AS (
    SELECT *, CASE WHEN heard_at IS NOT NULL
            THEN extract(epoch FROM greatest(:now - heard_at, interval '0'))::float8 END AS silence_s,
        CASE WHEN steps >= :least THEN jumps::float8 / steps END AS jump_share,
        CASE WHEN received >= :least THEN quarantined::float8 / received END AS quarantine_share
    FROM known),
judged AS (
    SELECT *, CASE WHEN heard_at IS NULL THEN '{SILENT_FOR_EVER}' ELSE (CAST(:codes AS text[]))[
            1 + width_bucket(silence_s / 60, CAST(:minutes AS float8[]))] END AS band,
        array_remove(ARRAY[
            CASE WHEN heard_at IS NULL OR silence_s / 60 >= (CAST(:minutes AS float8[]))[1]
                THEN 'silence' END,
            CASE WHEN abs(clock_offset_ms) > 1000 * CAST(:offset AS float8) THEN 'clock_offset' END,
            CASE WHEN abs(clock_drift_ms_per_day) > 1000 * CAST(:drift AS float8) THEN 'clock_drift' END,
            CASE WHEN jump_share > :jump_share THEN 'jumps' END,
            CASE WHEN quarantine_share > :quarantine_share THEN 'quarantine' END,
            CASE WHEN restarts > :restarts THEN 'restarts' END], NULL) AS faults
    FROM measured)
"""  # noqa: S608  built of constants
_PAGE = text(f"""{_JUDGED}
SELECT * FROM judged
WHERE (CAST(:number AS text) IS NULL OR terminal_number = :number)
    AND (CAST(:band AS text) IS NULL OR band = :band)
    AND (CAST(:fault AS text) IS NULL OR :fault = any(faults))
    AND (CAST(:after AS uuid) IS NULL OR id > :after)
ORDER BY id LIMIT :limit
""")  # noqa: S608  built of constants
_RATES = text(f"""{_JUDGED}
SELECT enterprise_id, kind, json_object_agg(band, terminals) AS bands, sum(terminals)::int AS terminals,
    sum(faulty)::int AS faulty, (SELECT name FROM telemetry.enterprises e WHERE e.id = enterprise_id) AS name
FROM (
    SELECT enterprise_id, kind, band, count(*)::int AS terminals,
        count(*) FILTER (WHERE array_remove(faults, 'silence') <> '{{}}')::int AS faulty
    FROM judged
    WHERE CAST(:after AS uuid) IS NULL OR (enterprise_id, kind) > (:after, CAST(:after_kind AS text))
    GROUP BY 1, 2, 3) b
GROUP BY 1, 2 ORDER BY 1, 2 LIMIT :limit
""")  # noqa: S608  built of constants


@dataclass(frozen=True, slots=True)
class HealthFilter:
    """Which terminals; all given conditions hold."""

    enterprise_id: UUID | None = None
    kind: str | None = None
    terminal_number: str | None = None
    band: str | None = None
    fault: str | None = None


async def page_health(
    session: AsyncSession,
    who: Principal,
    limits: HealthLimits,
    now: datetime,
    wanted: HealthFilter,
    cursor: str | None,
    limit: int,
) -> tuple[list[Row], str | None]:
    """Give one page of the caller's terminals that are not revoked, by id."""
    after = decode_cursor(cursor, (UUID,))[0] if cursor else None
    values = {
        **_values(who, limits, now, wanted), "number": wanted.terminal_number, "band": wanted.band,
        "fault": wanted.fault, "after": after, "limit": limit + 1,
    }  # fmt: skip
    rows: list[Any] = list((await session.execute(_PAGE, values)).mappings())
    return rows[:limit], encode_cursor([rows[limit - 1]["id"]]) if len(rows) > limit else None


async def page_online_rates(
    session: AsyncSession,
    who: Principal,
    limits: HealthLimits,
    now: datetime,
    wanted: HealthFilter,
    cursor: str | None,
    limit: int,
) -> tuple[list[Row], str | None]:
    """Give one page of counts by band, per enterprise and kind of terminal."""
    after, kind = decode_cursor(cursor, (UUID, str)) if cursor else (None, None)
    values = {**_values(who, limits, now, wanted), "after": after, "after_kind": kind, "limit": limit + 1}
    rows: list[Any] = list((await session.execute(_RATES, values)).mappings())
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], encode_cursor([rows[limit - 1]["enterprise_id"], rows[limit - 1]["kind"]])


def _values(who: Principal, limits: HealthLimits, now: datetime, wanted: HealthFilter) -> dict[str, Any]:
    codes = [*(band.code for band in limits.bands), LONGEST_SILENCE]
    return {
        "enterprise": (who.enterprise_id or UUID(int=0)) if who.role is Role.enterprise else None,
        "named": wanted.enterprise_id, "kind": wanted.kind, "now": now,
        "today": city_day(now), "codes": codes,
        "minutes": [band.minutes for band in limits.bands], "least": limits.least_counted,
        "offset": limits.clock_offset_s, "drift": limits.clock_drift_s_per_day,
        "jump_share": limits.jump_share, "quarantine_share": limits.quarantine_share,
        "restarts": limits.restarts,
    }  # fmt: skip
