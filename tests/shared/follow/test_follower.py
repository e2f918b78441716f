"""The follower: resumes, starts anew, ignores what it does not know, never goes back."""

import asyncio
import json
from uuid import uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy import text

from services.shared.auth.tokens import generate_key, load_key
from services.shared.changes import compact, run_sequencer, verify_feed
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.follow import Source
from services.shared.follow.follower import Follower
from tests.support.following import bootstraps, follow_to_head, following, position
from tests.support.probe import Keys, apply, cursors, drop, equal, feed, put, reset, source, source_client
from tests.support.probe_databases import drain
from tests.support.waiting import eventually


async def _change(probe: Database, urls: dict[str, str], number: int) -> None:
    """Insert `number` things, change half of them, delete a tenth."""
    entities = [uuid4() for _ in range(number)]
    async with probe.transaction() as session:
        for value, entity in enumerate(entities):
            await put(session, entity, value)
        for entity in entities[::2]:
            await put(session, entity, -1)
        for entity in entities[::10]:
            await drop(session, entity)
    await drain(feed, urls["probe_worker"])


async def test_starts_from_the_snapshot_then_replays(
    probe: Database, mirror: Database, urls: dict[str, str], keys: Keys
) -> None:
    await _change(probe, urls, 40)
    async with source_client(urls["probe_api"], keys) as client:
        before = bootstraps()
        await follow_to_head(mirror, source(client))
        assert await equal(probe, mirror)
        await _change(probe, urls, 40)
        await follow_to_head(mirror, source(client))
        assert await equal(probe, mirror)
        assert bootstraps() == before + 1


async def test_a_raised_copy_version_builds_the_copy_again(
    probe: Database, mirror: Database, urls: dict[str, str], keys: Keys
) -> None:
    await _change(probe, urls, 10)
    async with source_client(urls["probe_api"], keys) as client:
        await follow_to_head(mirror, source(client))
        async with mirror.transaction() as session:
            await session.execute(text("UPDATE mirror.copies SET value = 12345"))
        await follow_to_head(mirror, source(client, copy_version=2))
    assert await equal(probe, mirror)


async def test_unknown_kinds_and_fields_are_ignored(
    probe: Database, mirror: Database, urls: dict[str, str], keys: Keys
) -> None:
    async with source_client(urls["probe_api"], keys) as client:
        await _change(probe, urls, 10)
        await follow_to_head(mirror, source(client))
        entity = uuid4()
        async with probe.transaction() as session:
            await feed.record(session, kind="news", entity_id=uuid4(), version=1, state={"other": [1]})
            await session.execute(text("INSERT INTO probe.things VALUES (:id, 1, 7)"), {"id": entity})
            state = {"id": str(entity), "value": 7, "added_later": {"x": None}}
            await feed.record(
                session, kind="thing", entity_id=entity, version=1, state=state, schema_version=2
            )
        await drain(feed, urls["probe_worker"])
        await follow_to_head(mirror, source(client))
    assert await equal(probe, mirror)


async def test_state_and_cursor_move_together(
    probe: Database, mirror: Database, urls: dict[str, str], keys: Keys
) -> None:
    """An apply that fails half-way leaves neither rows nor a moved cursor; nothing is skipped."""
    async with source_client(urls["probe_api"], keys) as client:
        await _change(probe, urls, 10)
        await follow_to_head(mirror, source(client))
        stood = await position(mirror)
        await _change(probe, urls, 10)
        count = 0

        async def failing(session: object, change: object) -> None:
            nonlocal count
            count += 1
            if count == 5:
                raise RuntimeError("half-way")
            await apply(session, change)  # type: ignore[arg-type]  # passed through as given

        with pytest.raises(RuntimeError):
            await Follower(mirror, cursors, source(client), failing, reset).round(asyncio.Event(), wait=0)
        assert await position(mirror) == stood
        await follow_to_head(mirror, source(client))
    assert await equal(probe, mirror)


async def test_two_processes_of_one_service_do_not_disturb_each_other(
    probe: Database, mirror: Database, urls: dict[str, str], keys: Keys
) -> None:
    stop = asyncio.Event()
    sequencer = asyncio.create_task(run_sequencer(feed, probe, stop))
    async with source_client(urls["probe_api"], keys) as client:
        async with following(mirror, source(client)), following(mirror, source(client)):
            for _ in range(5):
                await _change(probe, urls, 20)
            await eventually(lambda: equal(probe, mirror))
        stop.set()
        await sequencer
    assert await equal(probe, mirror), "neither undid on its way out what the other had done"


async def test_compaction_then_old_and_new_followers_are_equal(
    probe: Database, mirror: Database, urls: dict[str, str], keys: Keys
) -> None:
    service_key = json.dumps(generate_key("probe"))
    async with source_client(urls["probe_api"], keys) as client:
        await _change(probe, urls, 20)
        await follow_to_head(mirror, source(client))
        await _change(probe, urls, 200)
        assert await compact(feed, probe, service_key, utc_now()) == []
        assert await compact(feed, probe, service_key, utc_now(), keep=-utc_now().resolution) == [
            100,
            200,
            300,
        ]
        gone = await client.get("/internal/v1/changes", params={"after": 99})
        assert (gone.status_code, gone.json()["snapshot"]) == (410, "/internal/v1/snapshot")
        assert (await client.get("/internal/v1/changes", params={"after": 300})).status_code == 200
        verified = await verify_feed(feed, probe, load_key(service_key))
        assert (verified.after, verified.head) == (300, 352)
        before = bootstraps()
        await follow_to_head(mirror, source(client))
        assert bootstraps() == before + 1
        assert await equal(probe, mirror)
        async with mirror.transaction() as session:
            await session.execute(text("DELETE FROM mirror.follow_cursors"))
        await _change(probe, urls, 20)
        await follow_to_head(mirror, source(client))
        assert await equal(probe, mirror)


async def test_a_follower_exactly_at_the_cut_goes_on(
    probe: Database, mirror: Database, urls: dict[str, str], keys: Keys
) -> None:
    async with source_client(urls["probe_api"], keys) as client:
        async with probe.transaction() as session:
            for value in range(100):
                await put(session, uuid4(), value)
        await drain(feed, urls["probe_worker"])
        await follow_to_head(mirror, source(client))
        before = bootstraps()
        cuts = await compact(
            feed, probe, json.dumps(generate_key("probe")), utc_now(), keep=-utc_now().resolution
        )
        assert cuts == [100]
        await _change(probe, urls, 10)
        await follow_to_head(mirror, source(client))
        assert bootstraps() == before
    assert await equal(probe, mirror)


async def test_a_promoted_database_starts_a_new_life(
    probe: Database, mirror: Database, urls: dict[str, str], keys: Keys
) -> None:
    async with source_client(urls["probe_api"], keys) as client:
        await _change(probe, urls, 10)
        await follow_to_head(mirror, source(client))
        connection = await asyncpg.connect(urls["superuser"])
        await connection.execute(
            "UPDATE probe.feed_meta SET cluster = replace(cluster, '/00000001', '/00000000')"
        )
        await connection.close()
        before = bootstraps()
        await _change(probe, urls, 10)
        await follow_to_head(mirror, source(client))
        assert bootstraps() == before + 1
    assert await equal(probe, mirror)
    assert (await verify_feed(feed, probe)).head == 32


async def test_a_source_that_skips_or_forges_is_not_believed(
    probe: Database, mirror: Database, urls: dict[str, str], keys: Keys
) -> None:
    await _change(probe, urls, 10)
    async with source_client(urls["probe_api"], keys) as client:
        await follow_to_head(mirror, source(client))
        await _change(probe, urls, 10)

        async def forging(request: httpx.Request) -> httpx.Response:
            answer = await client.get(request.url.raw_path.decode())
            if "changes" not in request.url.path:
                return httpx.Response(answer.status_code, content=answer.content)
            return httpx.Response(200, content=answer.content.replace(b'"value":-1', b'"value":-2'))

        async with httpx.AsyncClient(
            transport=httpx.MockTransport(forging), base_url="http://probe"
        ) as forged:
            before = bootstraps()
            await follow_to_head(mirror, Source("probe", forged, source(client).kinds))
        assert bootstraps() == before + 1
    assert await equal(probe, mirror)
