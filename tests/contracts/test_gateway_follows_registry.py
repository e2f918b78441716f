"""Gateway follows registry: what is recorded there is what the exchange serves."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.shared.db import Database
from tests.factories import gateway as make
from tests.support.exchange import Followed, followed

pytestmark = pytest.mark.usefixtures("clean_database")


@pytest.fixture
async def registry(database_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[Followed]:
    async with followed("registry", database_urls, tmp_path) as source:
        yield source


async def served(urls: dict[str, str], directory: Path, dataset: str) -> dict[str, make.Json]:
    async with make.running(make.app(urls, directory)) as api:
        return make.rebuilt(await make.read_all(api, dataset, make.bearer()))


async def test_firms_vehicles_and_areas_arrive(
    registry: Followed, database_urls: dict[str, str], tmp_path: Path
) -> None:
    rng = random.Random(1)
    firms = [make.enterprise(is_demo=number % 5 == 0) for number in range(10)]
    vans = [make.vehicle(rng.choice(firms)["id"], colour_of_seats="red") for _ in range(20)]
    shapes = [make.area() for _ in range(3)]
    recorded = [("vehicle", van) for van in vans] + [("enterprise", firm) for firm in firms]
    recorded += [("area", shape) for shape in shapes]
    rng.shuffle(recorded)
    for kind, state in recorded:
        await registry.record(kind, state)
    await registry.record("starship", {"id": vans[0]["id"]})
    await registry.follow()
    shown = {firm["id"] for firm in firms if not firm["is_demo"]}
    found = await served(database_urls, tmp_path, "vehicles")
    assert set(found) == {van["id"] for van in vans if van["enterprise_id"] in shown}
    assert "colour_of_seats" not in str(found)
    assert set(await served(database_urls, tmp_path, "enterprises")) == shown
    assert set(await served(database_urls, tmp_path, "areas")) == {shape["id"] for shape in shapes}


async def test_a_disabled_client_is_refused_at_the_exchange(
    registry: Followed, database_urls: dict[str, str], tmp_path: Path
) -> None:
    state = {"id": make.enterprise()["id"], "subject": "client-province", "role": "province"}
    async with make.running(make.app(database_urls, tmp_path)) as api:
        assert (await api.get("/exchange/v1/vehicles/changes", headers=make.bearer())).status_code == 200
    await registry.record("client", {**state, "status": "disabled"})
    await registry.follow()
    async with make.running(make.app(database_urls, tmp_path)) as api:
        assert (await api.get("/exchange/v1/vehicles/changes", headers=make.bearer())).status_code == 401
    await registry.record("client", {**state, "status": "active"})
    await registry.follow()


async def test_another_field_list_builds_the_copies_again_and_repeats_nothing(
    registry: Followed, database_urls: dict[str, str], tmp_path: Path, worker: Database
) -> None:
    firm, gone = make.enterprise(), make.enterprise()
    for each in (firm, gone):
        await registry.record("enterprise", each)
    await registry.follow()
    async with make.running(make.app(database_urls, tmp_path)) as api:
        before = await make.read_all(api, "enterprises", make.bearer())
    await registry.record("enterprise", gone, deleted=True)
    await registry.sequence()
    pool = await worker.pool()
    await pool.execute("UPDATE gateway.follow_cursors SET copy_version = 0")
    await registry.follow()
    async with make.running(make.app(database_urls, tmp_path)) as api:
        after = await make.read_all(api, "enterprises", make.bearer())
    assert [(item["id"], item["deleted"]) for item in after[len(before) :]] == [(gone["id"], True)]
    assert after[: len(before)] == before


@pytest.fixture
async def worker(database_urls: dict[str, str]) -> AsyncIterator[Database]:
    database = Database(database_urls["gateway_worker"])
    yield database
    await database.close()
