"""Taking vehicles off the work list and walking them as far as their conclusions may have changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.domain.alerts import RuleBook, VehicleRules
from services.telemetry.domain.crossings import NEVER_MS, AreaIndex
from services.telemetry.domain.episodes import EpisodeConfig, SpeedLimit, silence
from services.telemetry.domain.instants import EPOCH, from_ms, to_ms
from services.telemetry.domain.recomputation import FOR_EVER_MS, Recomputation
from services.telemetry.domain.tracks import Track
from services.telemetry.domain.walking import START, Findings, State, Vehicle, WalkConfig
from services.telemetry.queries import derivation as queries
from services.telemetry.queries.derivation import Window

AHEAD = timedelta(minutes=10)
"""No stored fix is newer than this: ingest refuses those more than five minutes ahead."""
SPAN = timedelta(days=1)
"""Fixes are read at most so far at once."""
BEYOND_MOST = 24
_TICK = timedelta(milliseconds=1)
_NEVER = EPOCH + timedelta(days=365_000)
_TAKE = text("""
    WITH taken AS (
        DELETE FROM telemetry.pending_derivations WHERE vehicle_id = any(:vehicles)
        RETURNING vehicle_id, since, until),
    merged AS (
        SELECT vehicle_id, min(since) AS since, max(until) AS until, bool_or(until IS NULL) AS is_endless
        FROM taken GROUP BY vehicle_id)
    SELECT m.*, h.time AS head_time, h.state, h.cells, h.silent_since, h.over_at AS was_over_at,
        b.enterprise_id, v.refrigeration, p.starts, p.ends
    FROM merged m
    CROSS JOIN LATERAL (
        SELECT enterprise_id FROM telemetry.terminal_bindings b WHERE b.vehicle_id = m.vehicle_id
        ORDER BY valid_from DESC LIMIT 1) AS b
    CROSS JOIN LATERAL (
        SELECT array_agg(valid_from) AS starts, array_agg(valid_to) AS ends
        FROM telemetry.terminal_bindings b WHERE b.vehicle_id = m.vehicle_id AND b.is_primary) AS p
    LEFT JOIN telemetry.derivation_heads h USING (vehicle_id)
    LEFT JOIN telemetry.vehicles v ON v.id = m.vehicle_id
    ORDER BY m.vehicle_id
""")


class Work:
    """A vehicle to be walked from a state on, and how far that has got.

    A walk from the head (`before` is then what goes on there) meets no checkpoint and ends with the last fix
    touched; one from a checkpoint goes on until it meets a stored one again, or to the head. Once nothing is
    fitted that could go on there, what goes on ended with the last fix.
    """

    def __init__(self, row: Any, state: State, start: datetime, now: datetime) -> None:
        self.vehicle_id: UUID = row.vehicle_id
        self.enterprise_id: UUID = row.enterprise_id
        self.state, self.start = state, start
        self.since: datetime = row.since
        self.silent_since: datetime | None = row.silent_since
        self._now_ms = to_ms(now)
        self._fitted = tuple(
            (to_ms(start), NEVER_MS if end is None else to_ms(end))
            for start, end in zip(row.starts or (), row.ends or (), strict=True)
        )
        self.head_cells: list[int] = row.cells or []
        self.was_over_at: datetime | None = row.was_over_at
        self.before: Findings | None = None
        ends = [row.until] if row.until is not None else []
        self.until: datetime = max([now + AHEAD, *ends] if row.is_endless else ends)
        self.end = max(self.until, row.head_time or self.until)
        self._until_ms = FOR_EVER_MS if row.is_endless else to_ms(row.until)
        self.stored: dict[int, bytes] = {}
        self.at = start
        self.rules: VehicleRules
        self.walked: Recomputation

    def begin(
        self, areas: AreaIndex, rules: VehicleRules, refrigeration: str | None, config: WalkConfig
    ) -> None:
        """Get ready to walk."""
        self.rules = rules
        limits = (_city_limit(config.episodes), *rules.speed_limits)
        temperatures = config.episodes.temperatures_c.get(refrigeration or "none")
        vehicle = Vehicle(self.vehicle_id, temperatures, limits, self._fitted)
        self.walked = Recomputation(vehicle, self.state, self._until_ms, areas, config)

    @property
    def over_at(self) -> datetime | None:
        """Since when nothing is fitted that could go on where the walk is; None while something is."""
        walk = self.walked.walk
        if walk.last is None:
            return None
        until_ms = walk.vehicle.fitted_until(walk.last.time_ms, walk.config.visits.max_gap_ms)
        return from_ms(until_ms) if until_ms <= self._now_ms else None

    def going_on(self, over_at: datetime | None) -> Findings:
        """Give what goes on where the walk is, or ended there when nothing is fitted after an instant."""
        walk = self.walked.walk
        found = walk.open(is_over=over_at is not None)
        if over_at is not None:
            found.episodes.extend(walk.silences(to_ms(over_at)))
        elif self.silent_since is not None and self.is_silent:
            found.episodes.append(silence(self.vehicle_id, to_ms(self.silent_since), None))
        return found

    @property
    def is_silent(self) -> bool:
        """Whether an alert says that no fix has come since that where the walk is."""
        walk = self.walked.walk
        if self.silent_since is None or walk.last is None:
            return False
        return walk.is_under_way and walk.last.time_ms == to_ms(self.silent_since)

    @property
    def is_done(self) -> bool:
        """Whether nothing beyond can have changed."""
        return self.walked.met is not None or self.at > self.end

    @property
    def window(self) -> Window:
        """The fixes to walk next."""
        return Window(self.vehicle_id, self.at, min(self.at + SPAN, self.end + _TICK))

    def over(self, track: Track | None, before: datetime) -> None:
        """Walk all fixes before an instant."""
        if track is not None:
            self.walked.over(track, self.stored)
        at = to_ms(before)
        if at in self.stored:
            self.walked.meet(at, self.stored[at])
        self.at = before


async def take_work(
    session: AsyncSession,
    vehicles: Sequence[UUID],
    areas: AreaIndex,
    rules: RuleBook,
    config: WalkConfig,
    now: datetime,
) -> list[Work]:
    """Take vehicles off the work list; give from which state each is walked.

    Nothing before the last seal is walked again: its positions may be gone, and it is final.
    """
    sealed_before = await queries.find_sealed_before(session)
    rows = [
        (row, max(row.since, sealed_before)) for row in await session.execute(_TAKE, {"vehicles": vehicles})
    ]
    late = [(row, since) for row, since in rows if row.head_time is None or since <= row.head_time]
    late_names, instants = [row.vehicle_id for row, _ in late], [since for _, since in late]
    checkpoints = await queries.find_checkpoints(session, late_names, instants) if late else {}
    new = [name for name in late_names if name not in checkpoints]
    firsts = await queries.find_first_fixes(session, new, sealed_before) if new else {}
    works: list[Work] = []
    for row, since in rows:
        is_late = row.head_time is None or since <= row.head_time
        if not is_late:
            work = Work(row, State.decode(row.state), since, now)
        elif row.vehicle_id in checkpoints:
            at, state = checkpoints[row.vehicle_id]
            work = Work(row, State.decode(state), at, now)
            work.stored[to_ms(at)] = state
        else:
            work = Work(row, START, firsts.get(row.vehicle_id, _NEVER), now)
        work.begin(areas, rules.about(row.vehicle_id, row.enterprise_id), row.refrigeration, config)
        work.before = None if is_late else work.going_on(work.was_over_at)
        work.since = since
        works.append(work)
    return works


async def walk_all(session: AsyncSession, works: Sequence[Work]) -> None:
    """Walk vehicles until nothing beyond can have changed, a day at most at once."""
    beyond, active = 1, [work for work in works if not work.is_done]
    while active:
        ends = await _look_ahead(session, [work for work in active if work.before is None], beyond)
        windows = [
            work.window._replace(before=ends.get(work.vehicle_id, work.window.before)) for work in active
        ]
        tracks = await queries.find_tracks(session, windows)
        for work, window in zip(active, windows, strict=True):
            work.over(tracks.get(work.vehicle_id), window.before)
        active = [work for work in active if not work.is_done]
        beyond = min(beyond * 2, BEYOND_MOST)


async def _look_ahead(session: AsyncSession, works: Sequence[Work], beyond: int) -> dict[UUID, datetime]:
    """Find the stored checkpoints of the next windows; where to stop and look whether one is met."""
    if not works:
        return {}
    windows, until = [work.window for work in works], [work.until for work in works]
    later = await queries.find_later_checkpoints(session, windows, until, beyond)
    ends: dict[UUID, datetime] = {}
    for work in works:
        states, count = later[work.vehicle_id]
        work.stored |= states
        if count == beyond:
            ends[work.vehicle_id] = from_ms(max(states))
    return ends


def _city_limit(config: EpisodeConfig) -> SpeedLimit:
    return SpeedLimit(None, config.overspeed_kmh, -FOR_EVER_MS, None)
