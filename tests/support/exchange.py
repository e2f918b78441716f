"""One source's real feed, followed by the gateway: tables, sequencer, router, follower, exchange."""

import asyncio
import importlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from gateway.consumers.worker import KINDS, copy_version, sweep
from gateway.models import follow_cursors
from gateway.operations.logs import start_logs
from gateway.operations.resequencing import apply_change, mark_stale
from gateway.settings import GatewaySettings
from services.shared.app import create_service_app
from services.shared.auth import ServiceAuth
from services.shared.auth.tokens import generate_key, public_part
from services.shared.changes import Feed, feed_router
from services.shared.changes.sequencer import sequence_batch
from services.shared.db import Database
from services.shared.follow import Source
from services.shared.follow.follower import Follower

_KEY = generate_key("gateway")


@dataclass
class Followed:
    """One service's feed and the gateway behind it."""

    name: str
    feed: Feed
    producer: Database
    gateway: Database
    client: httpx.AsyncClient
    versions: dict[UUID, int] = field(default_factory=dict)

    async def record(self, kind: str, state: dict[str, Any], *, deleted: bool = False) -> None:
        """Write a state to the source's outbox, as its operations do; unknown kinds and fields too."""
        entity = UUID(state["id"])
        self.versions[entity] = self.versions.get(entity, 0) + 1
        async with self.producer.transaction() as session:
            await self.feed.record(
                session,
                kind=kind,
                entity_id=entity,
                version=self.versions[entity],
                state=state,
                deleted=deleted,
            )

    async def sequence(self) -> None:
        """Give what waits in the outbox its positions."""
        connection = await self.producer.connect()
        try:
            while await sequence_batch(connection, self.feed):
                pass
        finally:
            await connection.close()

    async def follow(self) -> None:
        """Follow to the source's head."""
        await self.sequence()
        name = self.name
        source = Source(name, self.client, KINDS[name], copy_version(name))
        follower = Follower(
            self.gateway, follow_cursors, source, partial(apply_change, name), partial(mark_stale, name)
        )
        before, after = object(), await self._cursor()
        while before != after:
            await follower.round(asyncio.Event(), wait=0)
            before, after = after, await self._cursor()
        await sweep(self.gateway)

    async def _cursor(self) -> object:
        pool = await self.gateway.pool()
        row = await pool.fetchrow(
            "SELECT feed_id, pos, copy_version FROM gateway.follow_cursors WHERE source = $1", self.name
        )
        return tuple(row) if row else None


@asynccontextmanager
async def followed(name: str, urls: dict[str, str], directory: Path) -> AsyncIterator[Followed]:
    """The feed of a service over its own tables and router, and the gateway's worker on its own."""
    models = importlib.import_module(f"services.{name}.models")
    (feed,) = {id(each): each for each in vars(models).values() if isinstance(each, Feed)}.values()
    keys = directory / "service_keys.json"
    keys.write_text(json.dumps({"keys": [public_part(_KEY)]}))
    settings = GatewaySettings(
        database_url=urls[f"{name}_api"],
        service_key=json.dumps(_KEY),
        service_keys_file=keys,
        port=1,
    )
    app = create_service_app(
        settings, name=name, title=name, description="", revision="0001", routers=[feed_router(feed)]
    )
    producer, gateway = Database(urls[f"{name}_worker"]), Database(urls["gateway_worker"])
    async with gateway.transaction() as session:
        await start_logs(session)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=f"http://{name}", auth=ServiceAuth(json.dumps(_KEY))
        ) as client,
    ):
        yield Followed(name, feed, producer, gateway, client)
    await producer.close()
    await gateway.close()
