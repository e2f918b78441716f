"""Keeping what a walk leaves behind: checkpoints, the head, the cells crossed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.domain.instants import from_ms
from services.telemetry.domain.tracks import HOUR_MS
from services.telemetry.operations.work import Work

_FORGET = text("""
    DELETE FROM telemetry.derivation_states s
    USING unnest(CAST(:vehicles AS uuid[]), CAST(:times AS timestamptz[])) AS w(vehicle_id, time)
    WHERE s.vehicle_id = w.vehicle_id AND s.time = w.time
""")
_CLEAR = text("""
    DELETE FROM telemetry.derivation_states s
    USING unnest(CAST(:vehicles AS uuid[]), CAST(:until AS timestamptz[])) AS w(vehicle_id, until)
    WHERE s.vehicle_id = w.vehicle_id AND s.time <= w.until
""")
_KEEP = text("""
    INSERT INTO telemetry.derivation_states (vehicle_id, time, state)
    SELECT * FROM unnest(CAST(:vehicles AS uuid[]), CAST(:times AS timestamptz[]), CAST(:states AS bytea[]))
    ON CONFLICT (vehicle_id, time) DO UPDATE SET state = excluded.state
""")
_HEADS = text("""
    INSERT INTO telemetry.derivation_heads AS h (vehicle_id, time, state, cells, is_under_way, silent_since,
        over_at)
    SELECT vehicle_id, time, state, CAST(cells AS integer[]), is_under_way, silent_since, over_at
    FROM unnest(CAST(:vehicles AS uuid[]), CAST(:times AS timestamptz[]), CAST(:states AS bytea[]),
        CAST(:cells AS text[]), CAST(:under_way AS boolean[]), CAST(:silent AS timestamptz[]),
        CAST(:over AS timestamptz[]))
        AS w(vehicle_id, time, state, cells, is_under_way, silent_since, over_at)
    ON CONFLICT (vehicle_id) DO UPDATE SET time = excluded.time, state = excluded.state,
        cells = excluded.cells, is_under_way = excluded.is_under_way, silent_since = excluded.silent_since,
        over_at = excluded.over_at
""")
_BEHEAD = text("DELETE FROM telemetry.derivation_heads WHERE vehicle_id = any(:vehicles)")
_CELLS = text("""
    INSERT INTO telemetry.vehicle_cells (cell, hour, vehicle_id)
    SELECT * FROM unnest(CAST(:cells AS integer[]), CAST(:hours AS integer[]), CAST(:vehicles AS uuid[]))
    ON CONFLICT DO NOTHING
""")


async def keep_place(session: AsyncSession, works: Sequence[Work]) -> None:
    """Write what has changed of all three."""
    await _keep_checkpoints(session, works)
    await _keep_heads(session, [work for work in works if work.walked.met is None])
    await _keep_cells(session, works)


async def _keep_checkpoints(session: AsyncSession, works: Sequence[Work]) -> None:
    """Replace the checkpoints of the hours walked that differ; those beyond the one met stay.

    None is right before the first fix there is.
    """
    new = [(work.vehicle_id, work.start) for work in works if work.walked.begun.last is None]
    if new:
        await session.execute(_CLEAR, _columns(("vehicles", "until"), new))
    stale = [
        (work.vehicle_id, from_ms(at))
        for work in works
        for at in work.stored
        if from_ms(at) > work.start and at < work.walked.met_ms and at not in work.walked.checkpoints
    ]
    changed = [
        (work.vehicle_id, from_ms(at), state)
        for work in works
        for at, state in work.walked.checkpoints.items()
        if work.stored.get(at) != state
    ]
    if stale:
        await session.execute(_FORGET, _columns(("vehicles", "times"), stale))
    if changed:
        await session.execute(_KEEP, _columns(("vehicles", "times", "states"), changed))


async def _keep_heads(session: AsyncSession, works: Sequence[Work]) -> None:
    names = ("vehicles", "times", "states", "cells", "under_way", "silent", "over")
    rows = [_head(work) for work in works if work.walked.walk.last is not None]
    if rows:
        await session.execute(_HEADS, _columns(names, rows))
    gone = [work.vehicle_id for work in works if work.walked.walk.last is None]
    if gone:
        await session.execute(_BEHEAD, {"vehicles": gone})


def _head(work: Work) -> tuple[Any, ...]:
    walk = work.walked.walk
    last = from_ms(walk.last.time_ms if walk.last else 0)
    state = walk.state()
    hour_ms = walk.last.time_ms // HOUR_MS * HOUR_MS if walk.last else 0
    cells = work.walked.cells.get(hour_ms, set())
    if _head_hour(work) == hour_ms:
        cells = cells | set(work.head_cells)
    text_of_cells = "{" + ",".join(map(str, sorted(cells))) + "}"
    silent = work.silent_since if work.is_silent else None
    return work.vehicle_id, last, state.encode(), text_of_cells, walk.is_under_way, silent, work.over_at


async def _keep_cells(session: AsyncSession, works: Sequence[Work]) -> None:
    rows = [
        (cell, hour_ms // HOUR_MS, work.vehicle_id)
        for work in works
        for hour_ms, cells in work.walked.cells.items()
        for cell in cells.difference(work.head_cells if _head_hour(work) == hour_ms else ())
    ]
    if rows:
        await session.execute(_CELLS, _columns(("cells", "hours", "vehicles"), rows))


def _head_hour(work: Work) -> int | None:
    """Give the hour the head's cells are of, None where the walk does not go on from a head."""
    last = work.walked.begun.last
    return last.time_ms // HOUR_MS * HOUR_MS if work.before is not None and last else None


def _columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
