"""What lapses at a midnight is published when it comes, once, and again when it is restored."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx
import pytest

from services.registry.operations.turning import turn_due
from services.shared.db import Database
from services.shared.standards.zones import CITY_ZONE
from tests.factories import people
from tests.factories import registry as make


def _today() -> date:
    return datetime.now(UTC).astimezone(CITY_ZONE).date()


def _begin(day: date) -> datetime:
    """The instant at which a day begins in the city."""
    return datetime.combine(day, time(), CITY_ZONE).astimezone(UTC)


@pytest.fixture
async def worker(database_urls: dict[str, str]) -> AsyncIterator[Database]:
    """The database as the worker's role sees it."""
    found = Database(database_urls["registry_worker"], pool_size=2)
    yield found
    await found.close()


async def _turn(worker: Database, now: datetime) -> int:
    async with worker.transaction() as session:
        return await turn_due(session, now)


async def _settled(worker: Database, now: datetime) -> None:
    while await _turn(worker, now):
        pass


async def test_a_lapse_is_published_when_it_is_due_and_not_before(
    api: httpx.AsyncClient, firm: make.Firm, worker: Database, superuser: Any
) -> None:
    await _settled(worker, datetime.now(UTC))
    last = _today() + timedelta(days=1)
    vehicle = await make.register(api, firm, insurance_valid_to=last.isoformat())
    permit = {"holder_kind": "enterprise", "holder_id": str(firm.id), "kind": "business_licence"}
    await api.post("/v1/certificates", json={**permit, "valid_to": last.isoformat()}, headers=firm.headers)
    due = _begin(last + timedelta(days=1))
    assert await _turn(worker, due - timedelta(milliseconds=1)) == 0
    assert await _turn(worker, due) == 2
    assert await _turn(worker, due) == 0
    state = await make.outbox_state(superuser, vehicle["id"])
    assert (state["status"], state["lapses"]) == ("lapsed", ["insurance"])
    assert (await make.outbox_state(superuser, firm.id))["status"] == "suspended"
    shown = (await api.get(f"/v1/vehicles/{vehicle['id']}", headers=firm.headers)).json()
    assert (shown["lapses"], shown["version"]) == (["insurance"], 2)


async def test_a_restoration_known_in_advance_comes_by_itself(
    api: httpx.AsyncClient, firm: make.Firm, worker: Database, superuser: Any
) -> None:
    today = _today()
    vehicle = await make.register(api, firm, inspection_valid_to=today.isoformat())
    renewal = {
        "holder_kind": "vehicle",
        "holder_id": vehicle["id"],
        "kind": "inspection",
        "valid_from": (today + timedelta(days=3)).isoformat(),
        "valid_to": (today + timedelta(days=4)).isoformat(),
    }
    assert (await api.post("/v1/certificates", json=renewal, headers=firm.headers)).status_code == 201
    seen = []
    for ahead in range(1, 7):
        await _settled(worker, _begin(today + timedelta(days=ahead)))
        seen.append((await make.outbox_state(superuser, vehicle["id"]))["status"])
    assert seen == ["lapsed", "lapsed", "active", "active", "lapsed", "lapsed"]


async def test_a_midnight_of_a_thousand_lapses_is_worked_off_in_batches(
    api: httpx.AsyncClient, firm: make.Firm, worker: Database, superuser: Any
) -> None:
    await _settled(worker, datetime.now(UTC) + timedelta(days=400))
    today = _today()
    vehicle = await make.register(api, firm, insurance_valid_to=today.isoformat())
    for number in range(450):
        await superuser.execute(
            "INSERT INTO registry.vehicles SELECT (jsonb_populate_record(v, jsonb_build_object('id',"
            " gen_random_uuid(), 'plate_number', 'T' || $2::text))).*"
            " FROM registry.vehicles v WHERE id = $1::uuid",
            vehicle["id"],
            f"{number:05d}",
        )
    due = _begin(today + timedelta(days=401))
    batches = []
    while turned := await _turn(worker, due):
        batches.append(turned)
    assert batches == [200, 200, 51]
    left = "SELECT count(*) FROM registry.vehicles WHERE turns_at IS NOT NULL AND enterprise_id = $1"
    assert await superuser.fetchval(left, firm.id) == 0


async def test_papers_of_people_and_tricycles_turn_the_same_way(
    api: httpx.AsyncClient, firm: make.Firm, worker: Database, superuser: Any
) -> None:
    today = _today()
    await _settled(worker, datetime.now(UTC) + timedelta(days=500))
    last = (today + timedelta(days=500)).isoformat()
    driver = await people.driver(api, firm, licence_valid_to=last)
    ended = await people.driver(api, firm, licence_valid_to=last)
    tricycle = await people.tricycle(api, firm, insurance_valid_to=last)
    await api.post(f"/v1/drivers/{ended['id']}/employment-end", json={"reason": "x"}, headers=firm.headers)
    due = _begin(today + timedelta(days=501))
    assert await _turn(worker, due - timedelta(milliseconds=1)) == 0
    state = await make.outbox_state(superuser, driver["id"])
    assert [(each["status"], each["causes"]) for each in state["standings"]] == [
        ("active", []),
        ("lapsed", ["driving_licence"]),
        ("lapsed", ["driving_licence", "qualification"]),
    ]
    assert (state["lapses"], state["status"]) == ([], "active")
    assert await _turn(worker, due) == 2
    assert await _turn(worker, due) == 0
    assert (await make.outbox_state(superuser, driver["id"]))["lapses"] == ["driving_licence"]
    assert (await make.outbox_state(superuser, tricycle["id"]))["lapses"] == ["insurance"]
