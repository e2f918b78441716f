"""Databases of the probe and the mirror on the run's cluster, and their processes to be killed."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from deploy.local.cluster import PROJECT, Cluster
from services.shared.changes import Feed
from services.shared.changes.sequencer import sequence_batch
from services.shared.db import Database
from tests.support.probe import PARTITION_ROWS, ROLES, SERVICES, Keys, migrate_probe


@dataclass(frozen=True)
class ProbeDatabases:
    """Makes databases that hold both services, migrated."""

    cluster: Cluster
    passwords: dict[str, str]
    template: str

    @classmethod
    async def make(cls, cluster: Cluster, partition_rows: int = PARTITION_ROWS) -> "ProbeDatabases":
        """Make the template; the roles' names are the run's, their passwords are set anew."""
        passwords = {role: secrets.token_hex(16) for role in ROLES}
        template = f"probe_{uuid4().hex[:8]}"
        cluster.create_database(template, passwords, SERVICES)
        for service in SERVICES:
            url = cluster.url(template, f"{service}_owner", passwords[f"{service}_owner"])
            engine = create_async_engine(
                url.replace("postgresql:", "postgresql+asyncpg:"), poolclass=NullPool
            )
            async with engine.begin() as connection:
                await connection.run_sync(migrate_probe, service, partition_rows)
            await engine.dispose()
        return cls(cluster, passwords, template)

    @contextmanager
    def clone(self) -> Iterator[dict[str, str]]:
        """A database of its own; URLs by role."""
        name = f"probe_{uuid4().hex[:8]}"
        self.cluster.clone_database(self.template, name)
        yield self.cluster.urls(name, self.passwords)
        self.cluster.drop_database(name)


async def start_process(task: str, keys: Keys | None = None, **urls: str) -> "subprocess.Popen[bytes]":
    """Start a sequencer or a follower as a process of its own; return when it begins its work."""
    given = {**urls, **({"private": keys.private, "public": str(keys.public_file)} if keys else {})}
    process = subprocess.Popen(  # noqa: ASYNC220 - it is killed and waited for by pid, outside the loop
        [sys.executable, "-m", "tests.support.probe_process", task, json.dumps(given)],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    with process.stdout as said:
        assert await asyncio.to_thread(said.readline) == b"started\n"
    return process


async def drain(feed: Feed, url: str) -> None:
    """Give everything that waits in the outbox its position."""
    connection = await asyncpg.connect(url)
    try:
        # another sequencer may hold the lock: then nothing is moved here, and the outbox empties by its hand
        while await connection.fetchval(f"SELECT EXISTS (SELECT FROM {feed.schema}.outbox)"):  # noqa: S608 - the feed's own name
            await sequence_batch(connection, feed)
    finally:
        await connection.close()


async def outbox_is_empty(database: Database) -> bool:
    """Whether the sequencer has caught up."""
    pool = await database.pool()
    return not await pool.fetchval("SELECT EXISTS (SELECT FROM probe.outbox)")
