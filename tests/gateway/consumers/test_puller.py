"""The puller: stops anywhere, resumes, proves everything, and believes nothing that does not verify."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from gateway.consumers import puller
from gateway.consumers.pull_source import Forked, Mismatch, PullSource
from gateway.consumers.pull_store import PullStore
from tests.factories import gateway as make
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("clean_database", "feeds")


class Cut(httpx.ASGITransport):
    """A line that breaks before or after every n-th request."""

    def __init__(self, app: FastAPI, rng: random.Random, chance: float) -> None:
        super().__init__(app, raise_app_exceptions=False)
        self.rng, self.chance = rng, chance

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if self.rng.random() < self.chance:
            raise httpx.ReadError("cut")
        return answer


class Tamper(httpx.ASGITransport):
    """A line on which something is changed."""

    def __init__(self, app: FastAPI, path: str, old: bytes, new: bytes) -> None:
        super().__init__(app, raise_app_exceptions=False)
        self.path, self.old, self.new = path, old, new

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        body = await answer.aread()
        if request.url.path.endswith(self.path):
            body = body.replace(self.old, self.new, 1)
        return httpx.Response(answer.status_code, content=body)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PullStore]:
    store = PullStore(tmp_path, "enterprises")
    yield store
    store.close()


async def run(transport: httpx.AsyncBaseTransport, store: PullStore, dataset: str = "enterprises") -> Any:
    async with httpx.AsyncClient(
        transport=transport, base_url="http://gateway", headers=make.bearer()
    ) as client:
        return await puller.pull(PullSource(client, dataset, 5), store)


def published(directory: Path, dataset: str = "enterprises") -> dict[str, Any]:
    lines = (directory / f"{dataset}.jsonl").read_text(encoding="utf-8").splitlines()
    return {state["id"]: state for state in map(json.loads, lines)}


async def fill(feeds: make.Feeds, count: int) -> list[dict[str, Any]]:
    firms = [make.enterprise(name=f"企业{number}") for number in range(count)]
    for firm in firms:
        await feeds.say("enterprise", firm)
    return firms


async def test_stopping_and_resuming_at_random_rebuilds_every_entity(
    app: FastAPI, api: httpx.AsyncClient, feeds: make.Feeds, tmp_path: Path
) -> None:
    rng = random.Random(3)
    firms = await fill(feeds, 40)
    line, finished, broken = Cut(app, rng, 0.3), 0, 0
    while finished < 6:
        for firm in rng.sample(firms, 4):
            await feeds.say(
                "enterprise", {**firm, "name": f"改{rng.random()}", "is_demo": rng.random() < 0.3}
            )
        store = PullStore(tmp_path, "enterprises")
        try:
            await run(line, store)
            finished += 1
        except httpx.ReadError:
            broken += 1
        finally:
            store.close()
    assert broken
    expected = make.rebuilt(await make.read_all(api, "enterprises", make.bearer()))
    assert published(tmp_path) == expected
    assert expected


async def test_a_snapshot_taken_while_things_change_ends_equal(
    app: FastAPI, api: httpx.AsyncClient, feeds: make.Feeds, store: PullStore, tmp_path: Path,
) -> None:  # fmt: skip
    firms = await fill(feeds, 20)
    rng = random.Random(5)

    class Busy(httpx.ASGITransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("snapshot"):
                for firm in rng.sample(firms, 3):
                    state = {**firm, "name": f"忙{rng.random()}", "is_demo": rng.random() < 0.5}
                    await feeds.say("enterprise", state, deleted=rng.random() < 0.2)
            return await super().handle_async_request(request)

    await run(Busy(app), store)
    assert published(tmp_path) == make.rebuilt(await make.read_all(api, "enterprises", make.bearer()))


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("/changes", "企业".encode(), "企页".encode()),
        ("/changes", b'"pos":', b'"pos":1'),
        ("/snapshot", "企业".encode(), "企页".encode()),
        ("/snapshot", b'"items":[{', b'"items":[],"was":[{'),
        ("/manifest", b'"entities":', b'"entities":1'),
        ("/manifest", b'"jws":"', b'"jws":"A'),
    ],
)
async def test_one_changed_byte_on_the_line_is_noticed(
    app: FastAPI, feeds: make.Feeds, store: PullStore, tmp_path: Path, path: str, old: bytes, new: bytes
) -> None:
    await fill(feeds, 2)
    if path == "/changes":
        await run(httpx.ASGITransport(app), store)
        await fill(feeds, 2)
        (tmp_path / "enterprises.jsonl").unlink()
    with pytest.raises(Mismatch):
        await run(Tamper(app, path, old, new), store)
    assert not (tmp_path / "enterprises.jsonl").exists()


@pytest.mark.parametrize("table", ["exchange_heads", "exchange_changes"])
async def test_one_changed_byte_of_the_stored_state_is_noticed(
    app: FastAPI,
    feeds: make.Feeds,
    store: PullStore,
    superuser: "asyncpg.Connection[asyncpg.Record]",
    table: str,
) -> None:
    if table == "exchange_changes":
        await run(httpx.ASGITransport(app), store)
    firm = (await fill(feeds, 1))[0]
    flip = (
        f"UPDATE gateway.{table} SET state = set_byte(state, 50, get_byte(state, 50) # 1)"  # noqa: S608 - a test's table
        " WHERE dataset = 'enterprises' AND id = $1"
    )
    await superuser.execute(flip, firm["id"])
    with pytest.raises(Mismatch):
        await run(httpx.ASGITransport(app), store)
    await superuser.execute(flip, firm["id"])
    if table == "exchange_heads":
        store.clear()
    await run(httpx.ASGITransport(app), store)


async def test_one_changed_byte_of_the_copy_on_disk_is_noticed(
    app: FastAPI, feeds: make.Feeds, store: PullStore
) -> None:
    await fill(feeds, 3)
    await run(httpx.ASGITransport(app), store)
    changed = store._db.execute("UPDATE entities SET state = replace(state, '企', '全')")
    assert changed.rowcount
    with pytest.raises(Mismatch):
        await run(httpx.ASGITransport(app), store)


async def test_another_history_is_told_apart_from_a_longer_one(
    app: FastAPI, feeds: make.Feeds, store: PullStore, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await fill(feeds, 3)
    await run(httpx.ASGITransport(app), store)
    await superuser.execute("UPDATE gateway.exchange_logs SET feed_id = gen_random_uuid()")
    with pytest.raises(Forked):
        await run(httpx.ASGITransport(app), store)
    store.clear()
    await run(httpx.ASGITransport(app), store)


async def test_a_cut_position_goes_back_to_the_snapshot_by_itself(
    app: FastAPI, api: httpx.AsyncClient, feeds: make.Feeds, store: PullStore, tmp_path: Path,
    superuser: "asyncpg.Connection[asyncpg.Record]",
) -> None:  # fmt: skip
    await run(httpx.ASGITransport(app), store)
    await fill(feeds, 3)
    await superuser.execute(
        "UPDATE gateway.exchange_logs AS l SET cut_pos = c.pos, cut_digest = c.digest FROM"
        " gateway.exchange_changes AS c WHERE c.dataset = l.dataset AND c.audience = l.audience"
        " AND c.pos = l.pos - 1 AND l.dataset = 'enterprises'"
    )
    await run(httpx.ASGITransport(app), store)
    snapshot = (await api.get("/exchange/v1/enterprises/snapshot", headers=make.bearer())).json()
    assert published(tmp_path) == {item["id"]: item["state"] for item in snapshot["items"]}


async def test_a_key_that_was_not_there_at_first_is_not_trusted(app: FastAPI, store: PullStore) -> None:
    store.remember("keys", json.dumps({"keys": []}))
    with pytest.raises(Mismatch):
        await run(httpx.ASGITransport(app), store)


async def test_killed_at_random_instants_it_ends_equal(
    app: FastAPI, api: httpx.AsyncClient, feeds: make.Feeds, tmp_path: Path, unused_port: int
) -> None:
    rng = random.Random(11)
    firms = await fill(feeds, 60)
    command = (sys.executable, "-m", "gateway.consumers.puller", "--url", f"http://127.0.0.1:{unused_port}")
    options = ("--dataset", "areas", "--directory", str(tmp_path), "--page", "2")
    async with serving(app, unused_port):
        for delay in (0.5, 0.7, 0.9, 1.0, 1.1, None):
            for _ in range(15):
                await feeds.say("area", make.area(UUID(rng.choice(firms)["id"]), code=f"A-{rng.random()}"))
            process = await asyncio.create_subprocess_exec(*command, *options, stdout=asyncio.subprocess.PIPE)
            try:
                await asyncio.wait_for(process.wait(), delay)
            except TimeoutError:
                process.kill()
            await process.communicate()
    assert process.returncode == 0
    assert published(tmp_path, "areas") == make.rebuilt(await make.read_all(api, "areas", {}))


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncIterator[None]:
    """The app on a loopback port, in this loop; its lifespan is the fixture's."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None))
    work = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await eventually(started)
    yield
    server.should_exit = True
    await work


def test_two_pullers_do_not_share_a_directory(store: PullStore, tmp_path: Path) -> None:
    assert store.position() is None
    given = ["--url", "http://127.0.0.1:1", "--dataset", "enterprises", "--directory", str(tmp_path)]
    assert puller.main(given) == 1


def test_no_exchange_is_an_exit_code(tmp_path: Path, unused_port: int) -> None:
    given = ["--url", f"http://127.0.0.1:{unused_port}", "--dataset", "areas", "--directory", str(tmp_path)]
    assert puller.main(given) == 1


async def test_an_unknown_dataset_is_another_exit_code(
    app: FastAPI, tmp_path: Path, unused_port: int
) -> None:
    url = f"http://127.0.0.1:{unused_port}"
    given = ["--url", url, "--dataset", "nothing", "--directory", str(tmp_path)]
    async with serving(app, unused_port):
        assert await asyncio.to_thread(puller.main, given) == 4
