"""A service of nothing but a feed (`probe`) and one of nothing but a follower (`mirror`), for their tests.

Partitions hold 100 positions, so that every run crosses and cuts some.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import BigInteger, Column, Connection, Integer, Table, Uuid, delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.app import create_service_app
from services.shared.auth import ServiceAuth
from services.shared.auth.tokens import generate_key, public_part
from services.shared.changes import Feed, feed_router
from services.shared.changes.ddl import create_feed, create_follow
from services.shared.db import Database, make_metadata
from services.shared.ddl import create_kernel_tables
from services.shared.follow import Change, Source, follow_tables, upsert_copy
from services.shared.schemas import Event
from services.shared.settings import KernelSettings

SERVICES = ("probe", "mirror")
ROLES = tuple(f"{service}_{part}" for service in SERVICES for part in ("owner", "api", "worker"))
PARTITION_ROWS = 100

source_metadata = make_metadata("probe")
mirror_metadata = make_metadata("mirror")
feed = Feed("probe", source_metadata)
cursors = follow_tables(mirror_metadata)


def _things(name: str, metadata: Any) -> Table:
    return Table(
        name,
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("value", Integer, nullable=False),
    )


things = _things("things", source_metadata)
copies = _things("copies", mirror_metadata)


class ThingState(Event):
    """The published state of a thing."""

    id: UUID
    value: int
    note: str = ""


def migrate_probe(connection: Connection, schema: str, partition_rows: int = PARTITION_ROWS) -> None:
    """Create the tables of one of the two, with alembic's own operations."""
    op = Operations(MigrationContext.configure(connection))
    table = "things" if schema == "probe" else "copies"
    op.execute(
        f"CREATE TABLE {schema}.{table}"
        " (id uuid PRIMARY KEY, version bigint NOT NULL, value integer NOT NULL)"
    )
    if schema == "probe":
        create_feed(op, schema, partition_rows=partition_rows)
        create_kernel_tables(op, schema)
    else:
        create_follow(op, schema)


def differences(connection: Connection, schema: str) -> list[Any]:
    """What `alembic check` would find between metadata and tables, the feed's and follower's alone."""
    metadata = source_metadata if schema == "probe" else mirror_metadata
    known = {table.name for table in metadata.tables.values()}

    def include(item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        return name in known if kind == "table" else getattr(item, "table", item).name in known

    options = {
        "include_schemas": True,
        "include_name": lambda name, kind, _parents: name == schema if kind == "schema" else True,
        "include_object": include,
        "compare_type": True,
    }
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def put(session: AsyncSession, entity: UUID, value: int) -> int:
    """Insert or change a thing, then record it; its new version."""
    statement = (
        "INSERT INTO probe.things VALUES (:id, 1, :value)"
        " ON CONFLICT (id) DO UPDATE SET version = things.version + 1, value = excluded.value"
        " RETURNING version"
    )
    version = int((await session.execute(text(statement), {"id": entity, "value": value})).scalar_one())
    state = ThingState(id=entity, value=value, note="车辆 \U0001f69a")
    await feed.record(session, kind="thing", entity_id=entity, version=version, state=state)
    return version


async def drop(session: AsyncSession, entity: UUID) -> None:
    """Delete a thing and record that."""
    gone = (
        await session.execute(
            text("DELETE FROM probe.things WHERE id = :id RETURNING version, value"), {"id": entity}
        )
    ).one()
    state = ThingState(id=entity, value=gone.value)
    await feed.record(
        session, kind="thing", entity_id=entity, version=gone.version + 1, state=state, deleted=True
    )


async def apply(session: AsyncSession, change: Change) -> None:
    """Bring one change into the mirror."""
    await upsert_copy(session, copies, change, value=change.state.value)


async def reset(session: AsyncSession) -> None:
    """Empty the mirror."""
    await session.execute(delete(copies))


@dataclass(frozen=True)
class Keys:
    """The mirror's key and the deployment's public keys."""

    private: str
    public_file: Path

    @classmethod
    def make(cls, directory: Path) -> "Keys":
        """Generate them."""
        key = generate_key("mirror")
        public = directory / "service_keys.json"
        public.write_text(json.dumps({"keys": [public_part(key)]}))
        return cls(json.dumps(key), public)


def source_app(url: str, keys: Keys) -> FastAPI:
    """The API of the probe, on the database at `url` (its api role)."""
    settings = KernelSettings(
        database_url=SecretStr(url),
        service_key=SecretStr(keys.private),
        service_keys_file=keys.public_file,
        port=1,
    )
    return create_service_app(
        settings, name="probe", title="probe", description="", revision="0001", routers=[feed_router(feed)]
    )


@asynccontextmanager
async def source_client(url: str, keys: Keys) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the probe's API, signed in as the mirror."""
    app = source_app(url, keys)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://probe",
            auth=ServiceAuth(keys.private),
            timeout=40,
        ) as client,
    ):
        yield client


def source(client: httpx.AsyncClient, copy_version: int = 1) -> Source:
    """The probe as a source."""
    return Source("probe", client, {"thing": ThingState}, copy_version)


async def equal(probe: Database, mirror: Database) -> bool:
    """Whether the mirror is the state of the probe (deleted ones are in neither)."""
    async with probe.transaction(readonly=True) as one, mirror.transaction(readonly=True) as other:
        left = (await one.execute(text("SELECT id, value, version FROM probe.things ORDER BY id"))).all()
        right = (await other.execute(text("SELECT id, value, version FROM mirror.copies ORDER BY id"))).all()
    return list(left) == list(right)
