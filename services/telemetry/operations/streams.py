"""Live streams of latest positions (server-sent events): bounded, resumable, gone at once when told.

Between two events of a stream the changes of a terminal are coalesced to the newest, so a slow reader costs a
place for each terminal and no more. The id of an event is the revision up to which everything has been told;
whoever comes back with it misses nothing.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Literal
from uuid import UUID

import asyncpg
from prometheus_client import Gauge

from services.shared.auth import Principal, Role
from services.shared.clock import Clock
from services.shared.db import Database
from services.shared.geo import Bbox
from services.shared.logs import get_log
from services.telemetry.domain.states import ReadingRules
from services.telemetry.errors import StreamsFull, TooManyStreams
from services.telemetry.operations.channels import PERIOD_S, Channel
from services.telemetry.operations.readings import Asked, Watches, box_extent
from services.telemetry.queries.latest import find_vehicle_owners
from services.telemetry.queries.streams import Change

HEARTBEAT_S: Final = 15.0
RETRY_MS: Final = 2000
STREAMS = Gauge("telemetry_streams_open", "Open streams of positions")
log = get_log(__name__)

Ending = Literal["token_expired", "no_longer_allowed", "shutdown"]


@dataclass(frozen=True, slots=True)
class StreamFilter:
    """What a stream shows: all given conditions hold."""

    box: Bbox | None = None
    fleet: UUID | None = None
    vehicles: frozenset[UUID] = frozenset()

    def takes(self, change: Change) -> bool:
        """Whether the stream is about this terminal, wherever it is."""
        if self.fleet is not None and change.enterprise_id != self.fleet:
            return False
        return not self.vehicles or change.vehicle_id in self.vehicles

    def shows(self, change: Change) -> bool:
        """Whether the position is in view."""
        return self.box is None or self.box.contains(change.lon, change.lat)


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a stream may last: until its token ends, and while that still holds."""

    expires_at: float
    """Seconds of the epoch."""
    holds: Callable[[], Awaitable[bool]]


class Stream:
    """One open stream: what it has still to tell."""

    def __init__(
        self, asked: Asked, watches: Watches, wanted: StreamFilter, lease: Lease, clock: Clock
    ) -> None:
        self.asked, self._wanted, self._lease, self._clock = asked, wanted, lease, clock
        self._watches = watches
        self._pending: dict[int, Change] = {}
        self._left: dict[int, UUID] = {}
        self._shown: set[int] = set()
        self._wake, self._ended = asyncio.Event(), asyncio.Event()
        self._ending: Ending = "shutdown"
        self.cursor = 0
        self.is_resumed = False
        """Then it is not known what the client shows."""

    def offer(self, changes: list[Change]) -> None:
        """Take what has changed; of one terminal only the newest is kept."""
        for change in changes:
            key = change.terminal_key
            self.cursor = max(self.cursor, change.revision)
            known = self._pending.get(key)
            if not self._wanted.takes(change) or (known and known.revision >= change.revision):
                continue
            if self._wanted.shows(change):
                self._pending[key] = change
                self._left.pop(key, None)
            else:
                self._pending.pop(key, None)
                if self.is_resumed or key in self._shown:
                    self._left[key] = change.terminal_id
        if self._pending or self._left:
            self._wake.set()

    def end(self, why: Ending) -> None:
        """End it now."""
        self._ending = why
        self._ended.set()
        self._wake.set()

    async def events(self) -> AsyncIterator[bytes]:
        """Give the stream's bytes until it ends."""
        yield f"retry: {RETRY_MS}\n\n".encode()
        try:
            if not self.is_resumed:
                yield await self._tell()
            async for event in self._go_on():
                yield event
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            # What cannot go on record is not shown.
            log.warning("stream_ended", error=type(error).__name__)

    async def _go_on(self) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        beat = clock() + HEARTBEAT_S
        while not self._ended.is_set():
            await _within(self._wake, min(beat - clock(), self._lease.expires_at - time.time()))
            if self._lease.expires_at <= time.time():
                self.end("token_expired")
            elif clock() >= beat:
                beat = clock() + HEARTBEAT_S
                if not await self._lease.holds():
                    self.end("no_longer_allowed")
                elif not self._wake.is_set():
                    yield f"id: {self.cursor}\n: alive\n\n".encode()
            if self._wake.is_set() and not self._ended.is_set():
                yield await self._tell()
                await _within(self._ended, PERIOD_S)
        yield f'event: end\ndata: {{"reason":"{self._ending}"}}\n\n'.encode()

    async def _tell(self) -> bytes:
        """Give one event of everything that waits, on record before it leaves."""
        self._wake.clear()
        changes, self._pending = self._pending, {}
        left, self._left = self._left, {}
        upto = self.cursor
        await self._record(changes)
        self._shown |= changes.keys()
        self._shown -= left.keys()
        features = ",".join(change.feature for change in changes.values())
        gone = json.dumps([str(terminal_id) for terminal_id in left.values()])
        data = f'{{"type":"FeatureCollection","features":[{features}],"left":{gone}}}'
        return f"id: {upto}\nevent: positions\ndata: {data}\n\n".encode()

    async def _record(self, changes: dict[int, Change]) -> None:
        if self._wanted.vehicles:
            return  # named ones went on record when it began
        firms = Counter(change.enterprise_id for change in changes.values())
        asked = replace(self.asked, at=self._clock())
        await self._watches.record(asked, "stream", firms, box_extent(self._wanted.box))


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        return


class Streams:
    """The open streams of one process."""

    def __init__(
        self, database: Database, rules: ReadingRules, clock: Clock, *, per_caller: int, most: int
    ) -> None:
        self._database, self._rules, self._clock = database, rules, clock
        self._per_caller, self._most = per_caller, most
        self._open: dict[Stream, Channel] = {}
        self._channels: dict[tuple[Role, UUID | None], Channel] = {}
        self._callers: Counter[str] = Counter()

    async def open(
        self, asked: Asked, watches: Watches, wanted: StreamFilter, after: int | None, lease: Lease
    ) -> Stream:
        """Open a stream that goes on after a revision, or begins with everything in view.

        Raises:
            TooManyStreams: the caller has as many as it may.
            StreamsFull: this process has as many as it can.
        """
        who = asked.who
        if self._callers[who.subject] >= self._per_caller:
            message = f"每个用户至多{self._per_caller}个 / at most {self._per_caller} a caller"
            raise TooManyStreams(message, headers={"Retry-After": "10"})
        if self._callers.total() >= self._most:
            raise StreamsFull(headers={"Retry-After": "10"})
        self._callers[who.subject] += 1
        audience = who.role, who.enterprise_id
        channel = self._channels.setdefault(audience, Channel(self._database, who, self._rules, self._clock))
        stream = Stream(asked, watches, wanted, lease, self._clock)
        self._open[stream] = channel
        STREAMS.inc()
        try:
            stream.is_resumed = after is not None
            begun = await channel.join(stream, after or 0)
            stream.cursor = max(stream.cursor, begun)
        except BaseException:
            await self.close(stream)
            raise
        return stream

    async def find_owners(self, who: Principal, vehicles: tuple[UUID, ...]) -> dict[UUID, UUID]:
        """Give the firm of each of these vehicles that the caller may see."""
        async with self._database.transaction(who.db_scope, readonly=True) as session:
            return await find_vehicle_owners(session, vehicles)

    async def close(self, stream: Stream) -> None:
        """Let a stream go."""
        channel = self._open.pop(stream)
        who = stream.asked.who
        STREAMS.dec()
        self._callers[who.subject] -= 1
        self._callers += Counter()  # forgets who has none
        await channel.leave(stream)
        if channel.is_idle:
            self._channels.pop((who.role, who.enterprise_id), None)

    def end_all(self) -> None:
        """End every stream: the process is to end."""
        for stream in self._open:
            stream.end("shutdown")
