"""Sealing: what was concluded from positions that may be gone is final (`design.md`, Visits).

Retention calls it before it drops positions. Afterwards no recomputation begins before the seal, and a sealed
row refuses to be changed (`refuse_sealed` in the schema): a late fix, a binding or an area of before it has
no effect there.
"""

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.domain.instants import EPOCH_DAY, to_ms
from services.telemetry.domain.recomputation import undecided
from services.telemetry.domain.tracks import HOUR_MS
from services.telemetry.domain.walking import State
from services.telemetry.operations.derivation import LOCK

_BEHIND = text("""
    SELECT EXISTS (SELECT FROM telemetry.pending_derivations WHERE since < :before)
        OR EXISTS (SELECT FROM telemetry.ingest_batches b, unnest(b.min_time) AS at WHERE at < :before)
""")
_STATES = text("""
    SELECT h.vehicle_id, coalesce(s.state, h.state) AS state,
        s.state IS NULL AND coalesce(h.over_at < :before, false) AS is_over
    FROM telemetry.derivation_heads h
    LEFT JOIN LATERAL (
        SELECT state FROM telemetry.derivation_states s
        WHERE s.vehicle_id = h.vehicle_id AND s.time >= :before ORDER BY s.time LIMIT 1) AS s ON true
""")
_KEEP = text("""
    INSERT INTO telemetry.derivation_states (vehicle_id, time, state)
    SELECT vehicle_id, :before, state
    FROM unnest(CAST(:vehicles AS uuid[]), CAST(:states AS bytea[])) AS w(vehicle_id, state)
    ON CONFLICT DO NOTHING
""")
_FINAL = "NOT sealed AND {end} < :before AND NOT id = any(:undecided)"
_SEAL = tuple(
    text(f"UPDATE telemetry.{table} SET sealed = true WHERE {_FINAL.format(end=end)}{further}")  # noqa: S608  names of our own
    for table, end, further in (
        ("visits", "left_at", ""),
        ("trips", "ended_at", ""),
        ("alerts", "ended_at", " AND visit_id IS NULL"),
    )
)
_SEAL_OF_VISITS = text("""
    UPDATE telemetry.alerts a SET sealed = true FROM telemetry.visits v
    WHERE v.id = a.visit_id AND v.sealed AND NOT a.sealed
""")
_SEAL_DAYS = text("""
    UPDATE telemetry.daily_mileages d SET sealed = true
    FROM unnest(CAST(:vehicles AS uuid[]), CAST(:days AS date[])) AS w(vehicle_id, day)
    WHERE d.vehicle_id = w.vehicle_id AND d.day < w.day AND d.status = 'closed' AND NOT d.sealed
""")
_FORGET = (
    text("DELETE FROM telemetry.derivation_states WHERE time < :before"),
    text(
        "DELETE FROM telemetry.vehicle_cells"
        " WHERE hour < CAST(date_part('epoch', CAST(:before AS timestamptz)) / 3600 AS integer)"
    ),
    text(
        "INSERT INTO telemetry.seals (sealed_before, sealed_at) VALUES (:before, :now) ON CONFLICT DO NOTHING"
    ),
)


class _Kept(NamedTuple):
    """A vehicle's state after all its fixes before the seal; nothing can go on from it when it is over."""

    vehicle_id: UUID
    encoded: bytes
    state: State
    is_over: bool


async def seal_conclusions(session: AsyncSession, before: datetime, now: datetime) -> bool:
    """Seal all that fixes before a full hour have decided; False when some of them wait to be derived.

    What such fixes have begun and later ones decide stays open to these. Each vehicle keeps a checkpoint at
    the seal, so that whatever comes after it can still be derived without a position of before.

    Raises:
        ValueError: it is not a full hour.
    """
    if to_ms(before) % HOUR_MS:
        raise ValueError("a seal stands at a full hour")
    await session.execute(LOCK)
    if await session.scalar(_BEHIND, {"before": before}):
        return False
    kept = await _find_kept(session, before)
    values: dict[str, Any] = {
        "before": before, "now": now, "vehicles": [each.vehicle_id for each in kept],
        "states": [each.encoded for each in kept], "days": [_first_day(each) for each in kept],
        "undecided": [name for each in kept for name in undecided(each.vehicle_id, each.state)
                      if not each.is_over],
    }  # fmt: skip
    for statement in (_KEEP, *_SEAL, _SEAL_OF_VISITS, _SEAL_DAYS, *_FORGET):
        wanted = statement.compile().params.keys()
        await session.execute(statement, {name: values[name] for name in wanted})
    return True


async def _find_kept(session: AsyncSession, before: datetime) -> list[_Kept]:
    """Give the state at the seal of each vehicle that had a fix before it.

    That is its first checkpoint since: none is missing where there were fixes before and after. Where there
    is none, no fix has come since, and it is the head.
    """
    found = []
    for row in await session.execute(_STATES, {"before": before}):
        state = State.decode(row.state)
        if state.last is not None and state.last.time_ms < to_ms(before):
            found.append(_Kept(row.vehicle_id, row.state, state, row.is_over))
    return found


def _first_day(kept: _Kept) -> date:
    """Give the first city day that later fixes may still change."""
    days = kept.state.days
    return EPOCH_DAY + timedelta(days=days[-1].day + 1 if kept.is_over else days[0].day)
