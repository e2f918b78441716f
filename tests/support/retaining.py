"""A database of telemetry with days far back, and retention run over it as the worker does."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from services.shared.clock import utc_now
from services.telemetry.domain.instants import to_ms
from services.telemetry.domain.retention import RetentionRules
from services.telemetry.operations.retention import Step, retain_some
from tests.support.aggregate_oracle import Spot, expected_aggregates
from tests.support.deriving import World
from tests.support.drives import Told

RULES = RetentionRules()
_COLUMNS = (
    "time, fixes, jumps, first_at, first_lon, first_lat, last_at, last_lon, last_lat, mean_lon, mean_lat,"
    " length_mm, moving_ms, max_speed_kmh, mileage_km, min_cargo_temp_c, max_cargo_temp_c"
)


def midnight(days_ago: int) -> datetime:
    """The beginning of a UTC day."""
    return datetime.combine(utc_now().date() - timedelta(days=days_ago), time.min, UTC)


@dataclass
class Past:
    """Vehicles that drove long ago; what was stored of them."""

    world: World
    told: dict[UUID, list[Told]] = field(default_factory=dict)
    keys: dict[UUID, int] = field(default_factory=dict)

    async def drove(self, rows: Sequence[Told], vehicle: UUID | None = None) -> UUID:
        """A vehicle whose terminal sent this; derived."""
        if vehicle is None:
            first = datetime.fromtimestamp(rows[0].time_ms / 1000, UTC)
            vehicle, key = await self.world.fit(first - timedelta(days=1))
            self.keys[vehicle] = key
        await self.world.store(self.keys[vehicle], rows)
        await self.world.derive()
        self.told[vehicle] = await self.world.fixes(vehicle)
        return vehicle

    async def witness(self, ago: timedelta = timedelta(minutes=1)) -> None:
        """A terminal that reports today: the fleet's clock."""
        await self.drove([Told(to_ms(utc_now() - ago), 122.0, 41.0)])

    async def retain(self, rules: RetentionRules = RULES, now: datetime | None = None) -> list[Step]:
        """Runs until nothing is due; what came of each step."""
        steps = []
        while True:
            steps.append(await retain_some(self.world.database, rules, now or utc_now()))
            if steps[-1] is not Step.DONE:
                return steps

    async def days(self) -> set[date]:
        """UTC days that have a partition."""
        rows = await self.world.worker.fetch(
            "SELECT to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') FROM pg_inherits"
            " WHERE inhparent = 'telemetry.positions'::regclass"
        )
        return {row[0] for row in rows}

    async def stored(self, vehicle: UUID) -> list[int]:
        """Times of the raw fixes that are left of a vehicle."""
        return sorted(fix.time_ms for fix in await self.world.fixes(vehicle))

    async def aggregates(self, vehicle: UUID) -> list[dict[str, Any]]:
        """The rows of a vehicle, shaped as the oracle's."""
        rows = await self.world.worker.fetch(
            f"SELECT {_COLUMNS} FROM telemetry.track_aggregates WHERE vehicle_id = $1 ORDER BY time",  # noqa: S608  names of ours
            vehicle,
        )
        return [
            {
                "time_ms": to_ms(row["time"]),
                "first": (to_ms(row["first_at"]), row["first_lon"], row["first_lat"]),
                "last": (to_ms(row["last_at"]), row["last_lon"], row["last_lat"]),
                **{n: v for n, v in row.items() if not n.startswith(("time", "first_", "last_"))},
            }
            for row in rows
        ]

    def expected(
        self, vehicle: UUID, days: Sequence[date], before: Spot | None = None
    ) -> list[dict[str, Any]]:
        """What the oracle says of the days of a vehicle, one after the other."""
        rows: list[dict[str, Any]] = []
        for day in sorted(days):
            fixes = [fix for fix in self.told[vehicle] if day_of(fix.time_ms) == day]
            of_day = expected_aggregates(fixes, before, RULES.gap_ms, RULES.jump_kmh)
            before = of_day[-1]["last"] if of_day else None
            rows += of_day
        return rows


def day_of(time_ms: int) -> date:
    """The UTC day of an instant."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).date()
