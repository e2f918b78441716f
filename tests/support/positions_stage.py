"""Telemetry without a broker: its API, and fixes stored as ingest stores them."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import httpx

from services.shared.clock import utc_now
from services.telemetry.domain.fixes import Accepted, Rejected, decode
from services.telemetry.domain.instants import to_ms
from services.telemetry.domain.rows import encode
from services.telemetry.operations.batch import Batch, Quarantine
from services.telemetry.operations.folding import fold_batches
from services.telemetry.operations.storing import make_partitions, store_batch
from services.telemetry.queries.terminals import find_terminal_keys
from tests.factories import telemetry as factories

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
ZONE = "Asia/Shanghai"
Decoder = Callable[[bytes, int], tuple[list[Accepted], list[Rejected]]]


@dataclass(frozen=True)
class Van:
    """A vehicle with its terminal."""

    id: UUID
    firm: UUID
    number: str
    terminal_id: UUID


@dataclass
class Stage:
    """What a test of reading touches."""

    api: httpx.AsyncClient
    superuser: Connection
    worker: Connection
    urls: dict[str, str]

    async def firm(self) -> UUID:
        """A new firm."""
        return await factories.add_enterprise(self.superuser)

    async def van(self, firm: UUID, fitted: datetime | None = None, kind: str = "mqtt") -> Van:
        """A new vehicle of a firm, fitted with a new terminal."""
        vehicle_id = await factories.add_vehicle(self.superuser, firm)
        terminal_id, number = uuid4(), f"V{uuid4().hex[:12]}"
        await self.superuser.execute(
            "INSERT INTO telemetry.terminals (id, terminal_number, enterprise_id, kind, secret_verifier,"
            " created_at, status) VALUES ($1, $2, $3, $4, '', now(), 'active')",
            terminal_id, number, firm, kind,
        )  # fmt: skip
        await self.superuser.execute(
            "INSERT INTO telemetry.terminal_bindings (id, terminal_id, terminal_key, vehicle_id,"
            " enterprise_id, valid_from) SELECT $1, id, terminal_key, $2, $3, $4 FROM telemetry.terminals"
            " WHERE id = $5",
            uuid4(), vehicle_id, firm, fitted or factories.moment(40 * 86_400), terminal_id,
        )  # fmt: skip
        return Van(vehicle_id, firm, number, terminal_id)

    async def receive(
        self, number: str, payload: Any, at: datetime | None = None, decoder: Decoder = decode
    ) -> None:
        """Take a message of a terminal as ingest does, at an instant."""
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        now = at or utc_now()
        key = (await find_terminal_keys(self.worker, [number])).get(number)
        accepted, rejected = decoder(raw, to_ms(now))
        batch = Batch(now, redelivered=True)
        for time_ms, fix in accepted:
            if key is None:
                unknown = Rejected("unknown_terminal", number, raw)
                batch.rejects.append(Quarantine(number, None, unknown))
            else:
                batch.rows.append(encode(key, time_ms, fix, to_ms(now)))
        batch.rejects += [Quarantine(number, key, each) for each in rejected]
        await store_batch(self.worker, batch, ZONE)

    async def fold(self) -> None:
        """Fold all that is committed."""
        while await fold_batches(self.worker, ZONE):
            pass

    async def drive(self, van: Van, fixes: Sequence[dict[str, Any]]) -> None:
        """Receive fixes and fold them."""
        for start in range(0, len(fixes), 2000):
            await self.receive(van.number, list(fixes[start : start + 2000]))
        await self.fold()

    async def get(self, path: str, headers: dict[str, str], **params: Any) -> httpx.Response:
        """Ask the API."""
        return await self.api.get(path, params=params, headers=headers)


@asynccontextmanager
async def running_stage(urls: dict[str, str], directory: Path, **settings: Any) -> AsyncIterator[Stage]:
    """The stage, on a database that is there."""
    superuser = await asyncpg.connect(urls["superuser"])
    worker = await asyncpg.connect(urls["telemetry_worker"])
    await make_partitions(worker, utc_now())
    async with factories.api(urls, directory, **settings) as api:
        yield Stage(api, superuser, worker, urls)
    await superuser.close()
    await worker.close()
