"""The copies: by version, deletions as marks, built anew from a reset; and overdue loads."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import httpx
import pytest
from sqlalchemy import text

from services.matching.consumers.copies import apply_registry, reset_registry
from services.matching.operations.loads import expire_loads, lapse_stray_offers
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.events.registry import AreaState
from services.shared.follow import Change
from services.shared.ids import new_id
from tests.factories import matching as make


@pytest.fixture
async def own(fresh_database_urls: dict[str, str]) -> AsyncIterator[Database]:
    """The worker's view of a database of this test alone."""
    database = Database(fresh_database_urls["matching_worker"])
    yield database
    await database.close()


def _change(kind: str, state: object, version: int, *, deleted: bool = False) -> Change:
    return Change(kind, state.id, version, version, utc_now(), deleted=deleted, state=state)  # type: ignore[attr-defined]


async def _apply(database: Database, *changes: Change) -> None:
    async with database.transaction() as session:
        for change in changes:
            await apply_registry(session, change)


async def test_an_older_version_changes_nothing_and_a_deletion_leaves_a_mark(own: Database) -> None:
    firm = make.vehicle_state(new_id()).enterprise_id
    new, old = make.vehicle_state(firm, payload_kg=2000), make.vehicle_state(firm, payload_kg=1)
    old = old.model_copy(update={"id": new.id})
    await _apply(own, _change("vehicle", new, 2), _change("vehicle", old, 1))
    read = "SELECT state->>'payload_kg' AS payload, deleted, pos FROM matching.vehicles"
    pool = await own.pool()
    assert [tuple(row) for row in await pool.fetch(read)] == [("2000", False, 2)]
    await _apply(own, _change("vehicle", new, 3, deleted=True))
    assert [tuple(row) for row in await pool.fetch(read)] == [("2000", True, 3)]


async def test_shapes_are_replaced_with_their_area_and_emptied_by_a_reset(own: Database) -> None:
    pool = await own.pool()
    point = (122.0, 41.0)
    versions = [
        {"valid_from": make.LONG_AGO, "valid_to": utc_now(), "geometry": make.square(*point)},
        {"valid_from": utc_now(), "geometry": make.square(*point, 0.1)},
    ]
    given = {"id": new_id(), "code": "A", "name": "核心区", "kind": "restricted"}
    one = AreaState.model_validate({**given, "versions": versions[:1]})
    two = AreaState.model_validate({**given, "versions": versions})
    count = "SELECT count(*) FROM matching.area_versions"
    for state, version, shapes in ((one, 1, 1), (two, 2, 2), (one, 1, 2)):
        await _apply(own, _change("area", state, version))
        assert await pool.fetchval(count) == shapes
    async with own.transaction() as session:
        await reset_registry(session)
    assert await pool.fetchval(count) == 0


async def test_the_fleet_is_built_anew_when_the_feed_is_another(
    api: httpx.AsyncClient, world: make.World
) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    kept, gone = await world.vehicle(carrier, here), await world.vehicle(carrier, here)
    load = await make.post_load(api, shipper, here)
    assert len((await make.candidates(api, load, carrier.headers))["items"]) == 2
    world.feed_id = new_id()
    async with world.worker.transaction() as session:
        await session.execute(text("DELETE FROM matching.vehicles WHERE id = :id"), {"id": gone.id})
    await world.standing(carrier, "active")
    items = (await make.candidates(api, load, carrier.headers))["items"]
    assert [item["vehicle_id"] for item in items] == [str(kept.id)]
    assert items[0]["verdict"] == "feasible"


async def test_an_overdue_load_expires_with_its_offers(
    api: httpx.AsyncClient, world: make.World, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    load = await make.post_load(api, shipper, here)
    made = await make.offer(api, carrier, load, vehicle)
    async with world.worker.transaction() as session:
        assert await expire_loads(session, utc_now()) == 0
        assert await expire_loads(session, utc_now() + timedelta(hours=3)) >= 1
        await lapse_stray_offers(session, utc_now())
    seen = (await api.get(f"/v1/loads/{load['id']}", headers=shipper.headers)).json()
    assert (seen["status"], seen["version"]) == ("expired", 2)
    offer = (await api.get(f"/v1/offers/{made['id']}", headers=carrier.headers)).json()
    assert offer["status"] == "lapsed"
    assert (await make.accept(api, shipper, made)).status_code == 409
    answer = await api.get(f"/v1/candidates?load_id={load['id']}", headers=shipper.headers)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "load-not-open")
    states = await superuser.fetch(
        "SELECT convert_from(state, 'UTF8')::json->>'status' FROM matching.outbox"
        " WHERE id::text = $1 ORDER BY seq",
        load["id"],
    )
    assert [row[0] for row in states] == ["open", "expired"]


async def test_without_copies_there_is_no_answer(
    fresh_database_urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    telemetry = make.Telemetry()
    app = make.app(fresh_database_urls, tmp_path_factory.mktemp("empty"), telemetry.client())
    async with make.running(app) as api:
        answer = await api.get(f"/v1/candidates?load_id={new_id()}", headers=make.bureau())
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert (await api.get("/readyz")).status_code == 200
