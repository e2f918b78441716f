"""What lapses at a midnight is published when it comes, once, and again when it is restored."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.registry.operations.turning import end_registrations_of_closed, turn_due
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


async def test_a_closed_firm_holds_no_plate(
    api: httpx.AsyncClient, firm: make.Firm, worker: Database
) -> None:
    vehicle = await make.register(api, firm)
    again = {name: vehicle[name] for name in ("plate_number", "plate_color")}
    reason = {"reason": "企业申请注销"}
    closed = await api.post(f"/v1/enterprises/{firm.id}/closure", json=reason, headers=make.official())
    assert closed.status_code == 200
    async with worker.transaction() as session:
        assert await end_registrations_of_closed(session, datetime.now(UTC)) >= 1
        assert await end_registrations_of_closed(session, datetime.now(UTC)) == 0
    shown = (await api.get(f"/v1/vehicles/{vehicle['id']}", headers=make.official())).json()
    assert (shown["valid_to"] is not None, shown["end_reason"][:4]) == (True, "企业注销")
    other = await make.admit_firm(api)
    await make.register(api, other, **again)


async def test_one_that_fails_holds_up_no_other(
    api: httpx.AsyncClient, firm: make.Firm, worker: Database, superuser: Any
) -> None:
    await _settled(worker, datetime.now(UTC))
    last = _today() + timedelta(days=2)
    broken, sound = [await make.register(api, firm, insurance_valid_to=last.isoformat()) for _ in range(2)]
    # An instant that Python cannot compare: such a row could be written once, and stopped every other.
    await superuser.execute(
        "UPDATE registry.vehicles SET valid_from = '-infinity' WHERE id = $1", UUID(broken["id"])
    )
    try:
        due = _begin(last + timedelta(days=1))
        assert await _turn(worker, due) == 1
        assert (await make.outbox_state(superuser, sound["id"]))["status"] == "lapsed"
        assert (await make.outbox_state(superuser, broken["id"]))["status"] == "active"
    finally:
        await superuser.execute(
            "UPDATE registry.vehicles SET valid_from = now() WHERE id = $1", UUID(broken["id"])
        )
