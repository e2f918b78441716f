"""`Idempotency-Key`: one effect, one answer, no secret kept."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from services.registry.settings import RegistrySettings
from services.shared.db import Database
from services.shared.idempotency import forget_expired
from tests.factories import registry as make
from tests.shared.probe_service import create_probe

PATH = "/probe/marks"


@pytest.fixture
async def probe(database_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = RegistrySettings(**make.settings_values(database_urls, tmp_path))
    async with make.running(create_probe(settings)) as client:
        yield client


@pytest.fixture
async def superuser(
    database_urls: dict[str, str],
) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await asyncpg.connect(database_urls["superuser"])
    yield connection
    await connection.close()


class _Caller:
    """One client with one key, leaving marks of its own name."""

    def __init__(self, probe: httpx.AsyncClient, superuser: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._probe = probe
        self._superuser = superuser
        self.headers = {**make.official(), "Idempotency-Key": str(uuid4())}
        self.name = f"mark-{uuid4()}-"

    async def post(
        self, query: str = "", headers: dict[str, str] | None = None, **body: object
    ) -> httpx.Response:
        given = {**self.headers, **(headers or {})}
        return await self._probe.post(PATH + query, json={"text": self.name, **body}, headers=given)

    async def effects(self) -> int:
        return int(
            await self._superuser.fetchval(
                "SELECT count(*) FROM registry.revoked_subjects WHERE starts_with(subject, $1)", self.name
            )
        )


@pytest.fixture
def caller(probe: httpx.AsyncClient, superuser: "asyncpg.Connection[asyncpg.Record]") -> _Caller:
    return _Caller(probe, superuser)


async def test_fifty_at_once_have_one_effect(caller: _Caller) -> None:
    answers = await asyncio.gather(*(caller.post() for _ in range(50)))
    assert await caller.effects() == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    fresh = [a for a in answers if a.status_code == 201 and "idempotent-replay" not in a.headers]
    assert len(fresh) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["type"].endswith("idempotency-in-progress")
            assert answer.headers["retry-after"] == "1"
    replays = [await caller.post() for _ in range(3)]
    assert {replay.headers["idempotent-replay"] for replay in replays} == {"true"}
    assert len({replay.content for replay in replays}) == 1
    assert replays[0].json()["count"] == fresh[0].json()["count"]
    assert await caller.effects() == 1


async def test_a_replay_comes_without_the_secret(caller: _Caller) -> None:
    first, again = await caller.post(), await caller.post()
    assert first.json()["secret"] == first.json()["inner"][0]["secret"] == "S"
    assert again.json() == {"count": first.json()["count"], "text": caller.name, "inner": [{"kept": 1}]}
    assert again.status_code == first.status_code == 201


async def test_no_secret_is_stored(caller: _Caller, superuser: "asyncpg.Connection[asyncpg.Record]") -> None:
    await caller.post()
    row = await superuser.fetchrow(
        "SELECT body FROM registry.idempotency_keys WHERE key = $1", caller.headers["Idempotency-Key"]
    )
    assert row is not None
    assert b'"S"' not in row["body"]


async def test_another_body_or_query_under_the_key_is_refused(caller: _Caller) -> None:
    await caller.post()
    for answer in (await caller.post(lon=1.0), await caller.post("?note=x")):
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (
            422,
            "idempotency-key-reused",
        )
    assert await caller.effects() == 1


async def test_the_key_is_the_clients_own(caller: _Caller) -> None:
    first = await caller.post()
    other = await caller.post(headers=make.official())
    assert "idempotent-replay" not in other.headers
    assert (first.status_code, other.status_code) == (201, 201)
    assert await caller.effects() == 2


async def test_a_refused_request_leaves_neither_effect_nor_key(caller: _Caller) -> None:
    assert (await caller.post(fail=True)).status_code == 409
    assert await caller.effects() == 0
    assert (await caller.post()).status_code == 201
    assert await caller.effects() == 1


async def test_without_a_key_each_request_counts(caller: _Caller) -> None:
    del caller.headers["Idempotency-Key"]
    for _ in range(3):
        assert (await caller.post()).status_code == 201
    assert await caller.effects() == 3


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb", "é"])
async def test_a_malformed_key_is_refused(caller: _Caller, key: str) -> None:
    caller.headers.pop("Idempotency-Key")
    raw = [(name.encode(), value.encode()) for name, value in caller.headers.items()]
    answer = await caller._probe.post(
        PATH, json={"text": caller.name}, headers=[*raw, (b"Idempotency-Key", key.encode("latin-1"))]
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "header.Idempotency-Key"
    assert await caller.effects() == 0


async def test_a_key_is_forgotten_after_a_day(
    caller: _Caller, superuser: "asyncpg.Connection[asyncpg.Record]", database_urls: dict[str, str]
) -> None:
    await caller.post()
    await superuser.execute(
        "UPDATE registry.idempotency_keys SET created_at = now() - interval '24 hours 1 second'"
        " WHERE key = $1",
        caller.headers["Idempotency-Key"],
    )
    again = await caller.post(lon=2.0)
    assert (again.status_code, "idempotent-replay" in again.headers) == (201, False)
    assert await caller.effects() == 2
    await superuser.execute("UPDATE registry.idempotency_keys SET created_at = now() - interval '25 hours'")
    database = Database(database_urls["registry_worker"], pool_size=1)
    async with database.transaction() as session:
        await forget_expired(session, "registry")
    await database.close()
    assert await superuser.fetchval("SELECT count(*) FROM registry.idempotency_keys") == 0


async def test_another_reference_code_is_another_request(caller: _Caller) -> None:
    assert (await caller.post(headers={"X-Reference-Code": "a" * 43})).status_code == 201
    stranger = await caller.post(headers={"X-Reference-Code": "b" * 43})
    assert stranger.json()["type"] == "urn:cityfreight:problem:idempotency-key-reused"
    owner = await caller.post(headers={"X-Reference-Code": "a" * 43})
    assert "idempotent-replay" in owner.headers
    assert await caller.effects() == 1


async def test_a_request_on_another_version_is_another_request(caller: _Caller) -> None:
    assert (await caller.post(headers={"If-Match": '"1"'})).status_code == 201
    for other in ({"If-Match": '"2"'}, {"If-Match": ""}, {}):
        answer = await caller.post(headers=other)
        assert answer.json()["type"] == "urn:cityfreight:problem:idempotency-key-reused", other
    assert "idempotent-replay" in (await caller.post(headers={"If-Match": '"1"'})).headers
    assert await caller.effects() == 1
