"""The feed: positions, pages, cursors, snapshots, rights."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from services.shared.changes import ChainBroken, run_sequencer, verify_feed
from services.shared.db import Database
from tests.support.probe import SERVICES, Keys, differences, drop, feed, put, source_client
from tests.support.probe_databases import drain


async def _fill(probe: Database, urls: dict[str, str], number: int) -> list[UUID]:
    entities = [uuid4() for _ in range(number)]
    async with probe.transaction() as session:
        for value, entity in enumerate(entities):
            await put(session, entity, value)
    await drain(feed, urls["probe_worker"])
    return entities


async def test_metadata_and_migration_agree(urls: dict[str, str]) -> None:
    for service in SERVICES:
        url = urls[f"{service}_owner"].replace("postgresql:", "postgresql+asyncpg:")
        engine = create_async_engine(url, poolclass=NullPool)
        async with engine.connect() as connection:
            assert await connection.run_sync(differences, service) == []
        await engine.dispose()


async def test_pages_are_dense_and_lead_to_the_head(
    probe: Database, urls: dict[str, str], keys: Keys
) -> None:
    await _fill(probe, urls, 250)
    async with source_client(urls["probe_api"], keys) as client:
        seen, after = [], 0
        while True:
            page = (await client.get("/internal/v1/changes", params={"after": after, "limit": 100})).json()
            assert page["head"] == 250
            if not page["items"]:
                break
            seen += [item["pos"] for item in page["items"]]
            after = page["next_after"]
            assert after == seen[-1]
    assert seen == list(range(1, 251))
    verified = await verify_feed(feed, probe)
    assert (verified.after, verified.head) == (0, 250)


async def test_filter_by_kind_still_leads_on(probe: Database, urls: dict[str, str], keys: Keys) -> None:
    await _fill(probe, urls, 5)
    async with source_client(urls["probe_api"], keys) as client:
        page = (await client.get("/internal/v1/changes", params={"kind": ["other"]})).json()
        assert (page["items"], page["next_after"]) == ([], 5)
        page = (
            await client.get("/internal/v1/changes", params={"kind": ["other", "thing"], "limit": 2})
        ).json()
        assert [item["pos"] for item in page["items"]] == [1, 2]
        assert page["next_after"] == 2


async def test_snapshot_pages_hold_every_living_entity(
    probe: Database, urls: dict[str, str], keys: Keys
) -> None:
    entities = await _fill(probe, urls, 25)
    async with probe.transaction() as session:
        await drop(session, entities[3])
        await put(session, entities[4], 99)
    await drain(feed, urls["probe_worker"])
    async with source_client(urls["probe_api"], keys) as client:
        found: dict[str, Any] = {}
        params: dict[str, Any] = {"limit": 10}
        while True:
            page = (await client.get("/internal/v1/snapshot", params=params)).json()
            assert page["pos"] == 27
            found |= {item["id"]: item["state"]["value"] for item in page["items"]}
            if page["next_cursor"] is None:
                break
            params["cursor"] = page["next_cursor"]
    expected = {str(entity): value for value, entity in enumerate(entities)} | {str(entities[4]): 99}
    del expected[str(entities[3])]
    assert found == expected


async def test_cursor_of_another_history_is_told_so(
    probe: Database, urls: dict[str, str], keys: Keys
) -> None:
    await _fill(probe, urls, 3)
    async with source_client(urls["probe_api"], keys) as client:
        page = (await client.get("/internal/v1/changes")).json()
        good = {"after": 2, "feed_id": page["feed_id"], "digest": page["items"][1]["digest"]}
        assert (await client.get("/internal/v1/changes", params=good)).status_code == 200
        for bad in ({"after": 4}, {"feed_id": str(uuid4())}, {"digest": "0" * 64}, {"after": 0}):
            answer = await client.get("/internal/v1/changes", params={**good, **bad})
            assert answer.status_code == 409
            assert answer.json()["type"].endswith(":feed-forked")
            assert answer.json()["snapshot"] == "/internal/v1/snapshot"


async def test_bad_queries_are_4xx(probe: Database, urls: dict[str, str], keys: Keys) -> None:
    await _fill(probe, urls, 1)
    async with source_client(urls["probe_api"], keys) as client:
        for bad in (
            {"after": -1},
            {"after": "x"},
            {"limit": 5001},
            {"wait": 31},
            {"digest": "zz"},
            {"after": 2**63},
        ):
            assert (await client.get("/internal/v1/changes", params=bad)).status_code == 422
        assert (await client.get("/internal/v1/snapshot", params={"cursor": "a/b"})).status_code == 422
        assert (await client.get("/internal/v1/changes", auth=httpx.BasicAuth("a", "b"))).status_code == 401


async def test_before_the_sequencer_ran_it_is_unavailable(urls: dict[str, str], keys: Keys) -> None:
    async with source_client(urls["probe_api"], keys) as client:
        for path in ("changes", "snapshot"):
            assert (await client.get(f"/internal/v1/{path}")).status_code == 503


async def test_long_poll_wakes_with_the_commit(probe: Database, urls: dict[str, str], keys: Keys) -> None:
    stop = asyncio.Event()
    sequencer = asyncio.create_task(run_sequencer(feed, probe, stop))
    try:
        await _fill(probe, urls, 1)
        async with source_client(urls["probe_api"], keys) as client:
            loop = asyncio.get_running_loop()
            waiting = asyncio.create_task(client.get("/internal/v1/changes", params={"after": 1, "wait": 20}))
            await asyncio.sleep(0.3)
            began = loop.time()
            async with probe.transaction() as session:
                await put(session, uuid4(), 1)
            page = (await waiting).json()
            assert [item["pos"] for item in page["items"]] == [2]
            assert loop.time() - began < 1
            empty = (await client.get("/internal/v1/changes", params={"after": 2, "wait": 1})).json()
            assert (empty["items"], empty["next_after"]) == ([], 2)
    finally:
        stop.set()
        await sequencer


async def test_roles_cannot_rewrite_the_feed(probe: Database, urls: dict[str, str]) -> None:
    await _fill(probe, urls, 2)
    forbidden = [
        "UPDATE probe.changes SET pos = 9",
        "DELETE FROM probe.changes",
        "DELETE FROM probe.changes_p1",
        "DELETE FROM probe.feed_checkpoints",
        "DELETE FROM probe.feed_meta",
        "TRUNCATE probe.changes",
    ]
    api_only = [
        "INSERT INTO probe.feed_checkpoints VALUES (1, gen_random_uuid(), '', now(), '')",
        "DELETE FROM probe.outbox",
        "UPDATE probe.feed_meta SET head_pos = 0",
        "SELECT probe.ensure_changes_partition(1)",
        "SELECT probe.drop_changes_partition(100)",
    ]
    for role, statements in (("probe_worker", forbidden), ("probe_api", forbidden + api_only)):
        connection = await asyncpg.connect(urls[role])
        for statement in statements:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        await connection.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE probe.changes SET state = '{}' WHERE pos = 2",
        "DELETE FROM probe.changes WHERE pos = 2",
        "DELETE FROM probe.changes WHERE pos = 3",
        "UPDATE probe.changes SET version = 5 WHERE pos = 1",
        "UPDATE probe.changes SET recorded_at = recorded_at + interval '1 ms' WHERE pos = 3",
    ],
)
async def test_any_later_change_breaks_the_chain(probe: Database, urls: dict[str, str], damage: str) -> None:
    await _fill(probe, urls, 3)
    connection = await asyncpg.connect(urls["superuser"])
    await connection.execute(damage)
    await connection.close()
    with pytest.raises(ChainBroken):
        await verify_feed(feed, probe)
