"""A listener for JT/T 808 terminals beside the API that provisions them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from services.telemetry.consumers.listener import Listener
from services.telemetry.settings import ListenerSettings
from tests.factories import telemetry as factories
from tests.support.ports import unused_port
from tests.support.waiting import eventually


@dataclass
class Platform:
    api: httpx.AsyncClient
    superuser: "asyncpg.Connection[asyncpg.Record]"
    port: int
    enterprise_id: UUID
    numbers: int = 0

    async def provision(self, **fields: Any) -> dict[str, Any]:
        """A terminal of its own phone number."""
        self.numbers += 1
        body = {"terminal_number": f"1390000{self.numbers:04}", "kind": "jt808", **fields}
        answer = await self.api.post("/v1/terminals", json=body, headers=self.headers())
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def headers(self) -> dict[str, str]:
        return factories.headers(enterprise_id=self.enterprise_id)

    async def stored(self, number: str) -> list[asyncpg.Record]:
        return await self.superuser.fetch(
            "SELECT p.* FROM telemetry.positions p JOIN telemetry.terminals USING (terminal_key)"
            " WHERE terminal_number = $1 ORDER BY time",
            number,
        )

    async def fetchval(self, query: str, *values: Any) -> Any:
        return await self.superuser.fetchval(query, *values)


@asynccontextmanager
async def listening(database_urls: dict[str, str], directory: Path) -> AsyncIterator[Platform]:
    """Runs a listener with short limits, for one firm."""
    values = factories.settings_values(database_urls, "telemetry_worker", directory)
    port = unused_port()
    settings = ListenerSettings(**values, jt808_port=port, jt808_admission_s=3, jt808_idle_s=5)
    listener, stop = Listener(settings), asyncio.Event()
    running = asyncio.create_task(listener.run(stop))
    superuser = await asyncpg.connect(database_urls["superuser"])

    async def is_ready() -> bool:
        assert not running.done(), running.exception()
        return listener.is_listening

    await eventually(is_ready)
    async with factories.api(database_urls, directory) as api:
        yield Platform(api, superuser, port, await factories.add_enterprise(superuser))
    stop.set()
    await running
    await superuser.close()
