"""A database of telemetry worked on as the processes do, and what one walk in order says of it.

Expected is always the walk over all stored fixes in time order from the very start, by the areas and rules
there are now (`domain/`, tested against oracles of its own); what is tested is the way there.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.events.registry import AreaState, VehicleState
from services.shared.follow import Change
from services.telemetry.domain.alerts import RuleBook, VehicleRules
from services.telemetry.domain.crossings import NEVER_MS, AreaIndex
from services.telemetry.domain.episodes import EpisodeConfig, SpeedLimit
from services.telemetry.domain.fixes import Fix
from services.telemetry.domain.instants import from_ms, to_ms
from services.telemetry.domain.jt808.judging import Judged
from services.telemetry.domain.recomputation import FOR_EVER_MS, Recomputation
from services.telemetry.domain.tracks import HOUR_MS
from services.telemetry.domain.walking import START, Vehicle, WalkConfig
from services.telemetry.operations.batch import Batch
from services.telemetry.operations.conclusions import alert_rows, mileage_rows, trip_rows, visit_rows
from services.telemetry.operations.copies import apply_registry_change
from services.telemetry.operations.derivation import Circumstances, derive_pending
from services.telemetry.operations.folding import fold_batches
from services.telemetry.operations.storing import make_partitions, store_batch
from services.telemetry.queries.conclusions import ALERT, MILEAGE_COLUMNS, TRIP, VISIT
from services.telemetry.queries.derivation import find_alert_rules, find_area_kinds, find_area_versions
from tests.support.drives import Told, track_of

ZONE = "Asia/Shanghai"
CONFIG = WalkConfig(episodes=EpisodeConfig({"refrigerated": (-18.0, 8.0)}, overspeed_kmh=60.0))
LOADS = {-1: None, 0: "empty", 1: "partial", 2: "full"}

Conclusions = dict[str, set[Any]]


@dataclass
class World:
    """A database, a worker's connection to it, and what a derivation process remembers."""

    database: Database
    worker: "asyncpg.Connection[asyncpg.Record]"
    circumstances: Circumstances = field(default_factory=Circumstances)
    refrigerated: set[UUID] = field(default_factory=set)

    async def fit(self, since: datetime, vehicle_id: UUID | None = None) -> tuple[UUID, int]:
        """A terminal fitted to a vehicle; the vehicle and the terminal's key."""
        vehicle_id, terminal_id = vehicle_id or uuid4(), uuid4()
        key: int = await self.worker.fetchval(
            "INSERT INTO telemetry.terminals"
            " (id, terminal_number, enterprise_id, secret_verifier, created_at)"
            " VALUES ($1, $2, $1, '', now()) RETURNING terminal_key",
            terminal_id, terminal_id.hex,
        )  # fmt: skip
        await self.worker.execute(
            "INSERT INTO telemetry.terminal_bindings"
            " (id, terminal_id, terminal_key, vehicle_id, enterprise_id, valid_from)"
            " VALUES ($1, $1, $2, $3, $1, $4)",
            terminal_id, key, vehicle_id, since,
        )  # fmt: skip
        return vehicle_id, key

    async def store(self, key: int, sent: Iterable[Told]) -> None:
        """Store fixes as ingest does."""
        now = utc_now()
        batch = Batch(now)
        for row in sent:
            flags = (row.alarms, 0) if row.alarms else ()
            batch.add("", key, Judged(row.time_ms, _fix(row), None, *flags), to_ms(now))
        await store_batch(self.worker, batch, ZONE)

    def restart(self) -> None:
        """What the derivation process remembered is gone."""
        self.circumstances = Circumstances()

    async def derive(self) -> None:
        """Folds and derives until nothing is left."""
        while await fold_batches(self.worker, ZONE):
            pass
        while await self.derive_once():
            pass

    async def ask_for(self, vehicle_id: UUID, since: datetime) -> None:
        """Put a vehicle on the work list of derivation."""
        await self.worker.execute(
            "INSERT INTO telemetry.pending_derivations (vehicle_id, since) VALUES ($1, $2)", vehicle_id, since
        )

    async def derive_once(self) -> int:
        """One transaction of derivation."""
        async with self.database.transaction() as session:
            return await derive_pending(session, self.circumstances, CONFIG, utc_now())

    async def area(
        self, area_id: UUID, version: int, *shapes: tuple[datetime, float, float], kind: str = "zone"
    ) -> None:
        """The area becomes a square of 0.02 degrees with this corner, from each instant on."""
        ends = [*(start for start, *_ in shapes[1:]), None]
        state = AreaState.model_validate(
            {
                "id": area_id, "code": "A", "name": "A", "kind": kind,
                "versions": [
                    {"valid_from": start, "valid_to": end, "geometry": square(lon, lat)}
                    for (start, lon, lat), end in zip(shapes, ends, strict=True)
                ],
            }
        )  # fmt: skip
        await self._apply(Change("area", area_id, version, version, utc_now(), deleted=False, state=state))

    async def refrigerate(self, vehicle_id: UUID, since: datetime) -> None:
        """The registry says that the vehicle is refrigerated."""
        state = VehicleState(
            id=vehicle_id, enterprise_id=uuid4(), plate_number="辽L00001", plate_color=2, valid_from=since,
            powertrain="ICE", payload_kg=1000, refrigeration="refrigerated",
        )  # fmt: skip
        self.refrigerated.add(vehicle_id)
        await self._apply(Change("vehicle", vehicle_id, 1, 1, utc_now(), deleted=False, state=state))

    async def _apply(self, change: Change) -> None:
        async with self.database.transaction() as session:
            await apply_registry_change(session, change)

    async def rule(self, since: datetime, until: datetime | None = None, **said: Any) -> UUID:
        """An office's rule in force over an interval; its vehicles are derived anew."""
        rule_id = uuid4()
        await self.worker.execute(
            "INSERT INTO telemetry.alert_rules (id, owner_role, name, created_by, created_at)"
            " VALUES ($1, 'police', 'rule', 'test', $2)", rule_id, since,
        )  # fmt: skip
        await self.worker.execute(
            "INSERT INTO telemetry.alert_rule_versions (rule_id, valid_from, valid_to, kind, severity,"
            " area_id, area_kind, events, limit_kmh, vehicle_ids)"
            " VALUES ($1, $2, $3, $4, 'warning', $5, $6, $7, $8, $9)",
            rule_id, since, until, "overspeed" if "limit_kmh" in said else "area", said.get("area_id"),
            said.get("area_kind"), said.get("events", []), said.get("limit_kmh"), said.get("vehicle_ids"),
        )  # fmt: skip
        await self.worker.execute(
            "INSERT INTO telemetry.pending_derivations (vehicle_id, since)"
            " SELECT DISTINCT vehicle_id, $1::timestamptz FROM telemetry.terminal_bindings", since,
        )  # fmt: skip
        return rule_id

    async def stored(self, vehicles: Sequence[UUID]) -> Conclusions:
        """All that stands of these vehicles."""
        found: Conclusions = {}
        for kind in (VISIT, TRIP, ALERT):
            found[kind.name] = await self._rows(kind.table, kind.columns, "status <> 'retracted'", vehicles)
        found["daily_mileage"] = await self._rows("daily_mileages", MILEAGE_COLUMNS, "fixes > 0", vehicles)
        found["checkpoint"] = await self._rows(
            "derivation_states", ("time", "state"), "true", vehicles, key="vehicle_id"
        )
        found["head"] = await self._rows(
            "derivation_heads", ("time", "state"), "true", vehicles, key="vehicle_id"
        )
        cells = await self.worker.fetch(
            "SELECT vehicle_id, hour, cell FROM telemetry.vehicle_cells WHERE vehicle_id = any($1)", vehicles
        )
        found["cell"] = {tuple(row) for row in cells}
        return found

    async def _rows(
        self, table: str, columns: Sequence[str], where: str, vehicles: Sequence[UUID], key: str = "id"
    ) -> set[Any]:
        rows = await self.worker.fetch(
            f"SELECT {key}, vehicle_id, {', '.join(columns)} FROM telemetry.{table}"  # noqa: S608  names of ours
            f" WHERE vehicle_id = any($1) AND {where}",
            vehicles,
        )
        return {tuple(map(_hashable, row)) for row in rows}

    async def expected(
        self, vehicles: Sequence[UUID], fixes: Mapping[UUID, Sequence[Told]] | None = None
    ) -> Conclusions:
        """What one walk in order over all that is stored, or over these fixes, says of these vehicles."""
        async with self.database.transaction() as session:
            index = AreaIndex(await find_area_versions(session))
            book = RuleBook(await find_alert_rules(session), await find_area_kinds(session))
        names = ("visit", "trip", "alert", "daily_mileage", "checkpoint", "head", "cell")
        found: Conclusions = {name: set() for name in names}
        for vehicle_id in vehicles:
            rules = book.about(vehicle_id, await self._owner(vehicle_id))
            own = await self.fixes(vehicle_id) if fixes is None else fixes[vehicle_id]
            fitted = await self._fitted(vehicle_id)
            for name, rows in self._walk(vehicle_id, own, index, rules, fitted).items():
                found[name] |= rows
        return found

    async def _owner(self, vehicle_id: UUID) -> UUID:
        found: UUID = await self.worker.fetchval(
            "SELECT enterprise_id FROM telemetry.terminal_bindings WHERE vehicle_id = $1"
            " ORDER BY valid_from DESC LIMIT 1",
            vehicle_id,
        )
        return found

    async def _fitted(self, vehicle_id: UUID) -> tuple[tuple[int, int], ...]:
        rows = await self.worker.fetch(
            "SELECT valid_from, valid_to FROM telemetry.terminal_bindings"
            " WHERE vehicle_id = $1 AND is_primary",
            vehicle_id,
        )
        return tuple((to_ms(start), NEVER_MS if end is None else to_ms(end)) for start, end in rows)

    def _walk(
        self,
        vehicle_id: UUID,
        rows: Sequence[Told],
        index: AreaIndex,
        rules: VehicleRules,
        fitted: tuple[tuple[int, int], ...],
    ) -> Mapping[str, set[Any]]:
        limits = (SpeedLimit(None, CONFIG.episodes.overspeed_kmh, -FOR_EVER_MS, None), *rules.speed_limits)
        cold = CONFIG.episodes.temperatures_c["refrigerated"] if vehicle_id in self.refrigerated else None
        walked = Recomputation(Vehicle(vehicle_id, cold, limits, fitted), START, FOR_EVER_MS, index, CONFIG)
        walked.over(track_of(rows), {})
        walk = walked.walk
        at = walk.last.time_ms if walk.last else 0
        ends = [end for start, end in fitted if start <= at + CONFIG.visits.max_gap_ms]
        is_over = bool(ends) and max(ends) <= to_ms(utc_now())
        found = walk.ended().plus(walk.open(is_over=is_over))
        found.episodes.extend(walk.silences(max(at, *ends)) if is_over else [])
        alerts = [*rules.of_visits(found.visits), *rules.of_episodes(found.episodes)]
        plain = {
            "visit": visit_rows(found.visits),
            "trip": trip_rows(found.trips),
            "alert": alert_rows(alerts),
        }
        return {
            **{name: {_told(row.id, vehicle_id, row.values) for row in rows} for name, rows in plain.items()},
            "daily_mileage": {_told(row.id, vehicle_id, row.values) for row in mileage_rows(found.days)},
            "cell": {
                (vehicle_id, hour_ms // HOUR_MS, cell)
                for hour_ms, cells in walked.cells.items()
                for cell in cells
            },
            "checkpoint": {
                (vehicle_id, vehicle_id, from_ms(at), state) for at, state in walked.checkpoints.items()
            },
            "head": {(vehicle_id, vehicle_id, from_ms(walk.last.time_ms), walk.state().encode())}
            if walk.last
            else set(),
        }

    async def fixes(self, vehicle_id: UUID) -> list[Told]:
        """The stored fixes that count for a vehicle, each by the binding at its time."""
        rows = await self.worker.fetch(
            "SELECT p.time, lon, lat, content_hash, speed_kmh, mileage_km, cargo_temp_c,"
            " coalesce(load_state, -1), coalesce(alarm_bits, 0)"
            " FROM telemetry.terminal_bindings b JOIN telemetry.positions p USING (terminal_key)"
            " WHERE vehicle_id = $1 AND is_primary AND p.time >= valid_from"
            " AND (valid_to IS NULL OR p.time < valid_to)",
            vehicle_id,
        )
        return [Told(to_ms(row[0]), *row[1:]) for row in rows]

    async def check(
        self,
        vehicles: Sequence[UUID],
        fixes: Mapping[UUID, Sequence[Told]] | None = None,
        since: datetime | None = None,
    ) -> Conclusions:
        """Stored is what one walk in order says; the feed's last word on everything is its row.

        `since`: checkpoints of before are gone, and one may stand there.
        """
        stored, expected = await self.stored(vehicles), await self.expected(vehicles, fixes)
        if since is not None:
            for side in (stored, expected):
                side["checkpoint"] = {row for row in side["checkpoint"] if row[2] > since}
                side["cell"] = {row for row in side["cell"] if row[1] * HOUR_MS >= to_ms(since)}
        missing = expected["cell"] - stored["cell"]  # more is allowed: it costs and changes nothing
        assert not missing
        for name, rows in expected.items():
            if name != "cell":
                assert stored[name] == rows, (name, _first_differences(stored[name], rows))
        await self.check_published()
        return stored

    async def check_published(self) -> None:
        """Versions have no gap, and what was published last is what stands."""
        for kind in (VISIT, TRIP, ALERT):
            last = await self.published(kind.name)
            table = await self.worker.fetch(
                f"SELECT id, status, {kind.start} AS start, {kind.end} AS end, supersedes, version"  # noqa: S608  names of ours
                f" FROM telemetry.{kind.table}"
            )
            assert {row["id"] for row in table} == last.keys()
            for row in table:
                state, version = last[row["id"]]
                assert (state["status"], version) == (row["status"], row["version"]), (kind.name, state, row)
                assert datetime.fromisoformat(state[kind.start]) == row["start"]
                end = state[kind.end]
                assert (datetime.fromisoformat(end) if end else None) == row["end"]
                assert row["supersedes"] is None or row["supersedes"] in last

    async def published(self, kind: str) -> dict[UUID, tuple[dict[str, Any], int]]:
        """The last state of each entity of a kind with its version; all versions are there."""
        rows = await self.worker.fetch(
            "SELECT id, version, state FROM telemetry.outbox WHERE kind = $1 ORDER BY seq", kind
        )
        versions: dict[UUID, list[int]] = {}
        last: dict[UUID, tuple[dict[str, Any], int]] = {}
        for row in rows:
            versions.setdefault(row["id"], []).append(row["version"])
            last[row["id"]] = json.loads(row["state"]), row["version"]
        assert all(found == list(range(1, len(found) + 1)) for found in versions.values())
        return last


@asynccontextmanager
async def running_world(url: str) -> AsyncIterator[World]:
    """A world in an empty database, with its partitions."""
    database = Database(url)
    worker = await database.connect()
    await make_partitions(worker, utc_now())
    yield World(database, worker)
    await worker.close()
    await database.close()


def square(lon: float, lat: float, size: float = 0.02) -> dict[str, Any]:
    ring = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]
    return {"type": "MultiPolygon", "coordinates": [[ring]]}


def moved(rows: Sequence[Told], first: datetime) -> list[Told]:
    """The same with the first fix at another time."""
    by = to_ms(first) - min(row.time_ms for row in rows)
    return [row._replace(time_ms=row.time_ms + by) for row in rows]


def full_hour(ago: timedelta) -> datetime:
    """A full hour in the past."""
    return (utc_now() - ago).replace(minute=0, second=0, microsecond=0)


def _fix(row: Told) -> Fix:
    return Fix(
        time=float(row.time_ms), lon=row.lon, lat=row.lat, speed_kmh=row.speed_kmh, mileage_km=row.mileage_km,
        cargo_temp_c=row.cargo_temp_c, load_state=LOADS[row.load],  # type: ignore[arg-type]  # of the three
    )  # fmt: skip


def _told(name: UUID, vehicle_id: UUID, values: Sequence[Any]) -> tuple[Any, ...]:
    return (name, vehicle_id, *map(_hashable, values))


def _hashable(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("["):  # jsonb
        value = json.loads(value)
    return json.dumps(value) if isinstance(value, list) else value


def _first_differences(stored: set[Any], expected: set[Any]) -> list[Any]:
    return [sorted(stored - expected, key=repr)[:2], sorted(expected - stored, key=repr)[:2]]
