"""Provisioning, rotation, revocation and binding, through the API to the broker."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.shared.auth import Role
from services.shared.mqtt import MqttError
from tests.factories.telemetry import add_enterprise, add_vehicle, fix, headers, moment
from tests.support.waiting import eventually
from tests.telemetry.conftest import Service, device, provision


@pytest.fixture(scope="module")
async def enterprise_id(service: Service) -> UUID:
    return await add_enterprise(service.superuser)


async def test_the_credential_works_when_the_answer_comes(service: Service, enterprise_id: UUID) -> None:
    credential = await provision(service, "NEW-1", enterprise_id)
    assert credential["username"] == credential["terminal_number"] == "NEW-1"
    async with device(service, credential) as found:
        assert await found.connection.deliver(found.topic, json.dumps(fix()).encode()) == 0
    mine = headers(enterprise_id=enterprise_id)
    read = (await service.api.get(f"/v1/terminals/{credential['id']}", headers=mine)).json()
    assert read["status"] == "active"
    assert "password" not in read


async def test_a_batch_is_all_or_nothing(service: Service, enterprise_id: UUID) -> None:
    mine = headers(enterprise_id=enterprise_id)
    good = [{"terminal_number": f"BATCH-{n}"} for n in range(300)]
    taken = await service.api.post("/v1/terminal-batches", json={"terminals": [*good, good[0]]}, headers=mine)
    assert taken.status_code == 409
    answer = await service.api.post("/v1/terminal-batches", json={"terminals": good}, headers=mine)
    assert answer.status_code == 201, answer.text
    items = answer.json()["items"]
    assert [item["terminal_number"] for item in items] == [item["terminal_number"] for item in good]
    assert len({item["password"] for item in items}) == 300
    again = await service.api.post("/v1/terminal-batches", json={"terminals": good}, headers=mine)
    assert (again.status_code, again.json()["type"]) == (409, "urn:cityfreight:problem:terminal-number-taken")
    async with device(service, items[299]):
        pass


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"terminal_number": "a/b"}, 422),
        ({"terminal_number": "ingest-0"}, 422),
        ({"terminal_number": "x\u0000"}, 422),
        ({"terminal_number": "EXTRA", "admin": True}, 422),
        ({"terminal_number": "NOBODY", "vehicle_id": str(uuid4())}, 404),
        ({"terminal_number": "FOREIGN", "enterprise_id": str(uuid4())}, 422),
    ],
)
async def test_what_may_not_be_provisioned(
    service: Service, enterprise_id: UUID, body: dict[str, object], status: int
) -> None:
    answer = await service.api.post("/v1/terminals", json=body, headers=headers(enterprise_id=enterprise_id))
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_suspended_firm_cannot_provision(service: Service) -> None:
    suspended = await add_enterprise(service.superuser, "suspended")
    answer = await service.api.post(
        "/v1/terminals", json={"terminal_number": "SUSPENDED"}, headers=headers(enterprise_id=suspended)
    )
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:cityfreight:problem:enterprise-unknown")


async def test_a_replayed_answer_comes_without_the_secret(service: Service, enterprise_id: UUID) -> None:
    mine = {**headers(enterprise_id=enterprise_id), "Idempotency-Key": "provision-once"}
    first = await service.api.post("/v1/terminals", json={"terminal_number": "ONCE"}, headers=mine)
    again = await service.api.post("/v1/terminals", json={"terminal_number": "ONCE"}, headers=mine)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == {name: value for name, value in first.json().items() if name != "password"}


async def test_rotation_ends_the_old_secret(service: Service, enterprise_id: UUID) -> None:
    old = await provision(service, "ROTATE", enterprise_id)
    mine = headers(enterprise_id=enterprise_id)
    answer = await service.api.post(f"/v1/terminals/{old['id']}/credential-rotation", headers=mine)
    assert answer.status_code == 201
    with pytest.raises(MqttError):
        async with device(service, old):
            pass
    async with device(service, answer.json()):
        pass


async def test_revocation_drops_the_live_connection(service: Service, enterprise_id: UUID) -> None:
    credential = await provision(service, "REVOKE", enterprise_id)
    mine = headers(enterprise_id=enterprise_id)
    async with device(service, credential) as found:
        answer = await service.api.post(f"/v1/terminals/{credential['id']}/revocation", headers=mine)
        assert answer.status_code == 204
        async with asyncio.timeout(5):
            await found.connection.closed
    with pytest.raises(MqttError):
        async with device(service, credential):
            pass
    rotated = await service.api.post(f"/v1/terminals/{credential['id']}/credential-rotation", headers=mine)
    assert rotated.status_code == 409


async def test_a_silent_agent_makes_provisioning_wait_and_say_so(
    service: Service, enterprise_id: UUID
) -> None:
    # A generation the broker can never have loaded stands for an agent that is away.
    credential = await provision(service, "AWAY", enterprise_id)
    await service.superuser.execute(
        "CREATE FUNCTION telemetry.hold() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.active_generation := OLD.active_generation; RETURN NEW; END $$"
    )
    await service.superuser.execute(
        "CREATE TRIGGER hold BEFORE UPDATE ON telemetry.terminals FOR EACH ROW"
        " WHEN (OLD.terminal_number = 'AWAY') EXECUTE FUNCTION telemetry.hold()"
    )
    try:
        answer = await service.api.post(
            f"/v1/terminals/{credential['id']}/credential-rotation",
            headers=headers(enterprise_id=enterprise_id),
        )
        assert (answer.status_code, answer.json()["type"]) == (
            503,
            "urn:cityfreight:problem:broker-not-ready",
        )
        assert answer.headers["retry-after"] == "5"
    finally:
        await service.superuser.execute("DROP FUNCTION telemetry.hold() CASCADE")


async def test_bindings_do_not_overlap_and_end(service: Service, enterprise_id: UUID) -> None:
    vehicle_id = str(await add_vehicle(service.superuser, enterprise_id))
    mine = headers(enterprise_id=enterprise_id)
    one = await provision(service, "BIND-1", enterprise_id, vehicle_id=vehicle_id)
    two = await provision(service, "BIND-2", enterprise_id)
    path = f"/v1/terminals/{two['id']}/bindings"
    clash = await service.api.post(path, json={"vehicle_id": vehicle_id}, headers=mine)
    assert (clash.status_code, clash.json()["type"]) == (409, "urn:cityfreight:problem:binding-overlap")
    second = await service.api.post(path, json={"vehicle_id": vehicle_id, "primary": False}, headers=mine)
    assert second.status_code == 201
    read = (await service.api.get(f"/v1/terminals/{one['id']}", headers=mine)).json()
    end = datetime.fromisoformat(read["bindings"][0]["valid_from"]) + timedelta(seconds=1)
    ended = await service.api.post(
        f"/v1/terminals/{one['id']}/bindings/{read['bindings'][0]['id']}/end",
        json={"valid_to": end.astimezone(UTC).isoformat()},
        headers=mine,
    )
    assert ended.status_code == 200, ended.text
    published = await service.superuser.fetchval(
        "SELECT convert_from(state, 'UTF8') FROM telemetry.outbox WHERE id = $1"
        " ORDER BY version DESC LIMIT 1",
        UUID(one["id"]),
    )
    assert json.loads(published)["bindings"][0]["valid_to"] == ended.json()["valid_to"]


async def test_nothing_is_provisioned_for_a_registration_beyond_its_end(
    service: Service, enterprise_id: UUID
) -> None:
    vehicle_id = await add_vehicle(service.superuser, enterprise_id)
    mine, end = headers(enterprise_id=enterprise_id), moment(-3600)
    ends = "UPDATE telemetry.vehicles SET valid_to = $2 WHERE id = $1"
    await service.superuser.execute(ends, vehicle_id, moment(60))
    wanted = {"terminal_number": "ENDED", "vehicle_id": str(vehicle_id)}
    assert (await service.api.post("/v1/terminals", json=wanted, headers=mine)).status_code == 404
    await service.superuser.execute(ends, vehicle_id, end)
    made = await provision(service, "ENDING", enterprise_id, vehicle_id=str(vehicle_id))
    read = (await service.api.get(f"/v1/terminals/{made['id']}", headers=mine)).json()
    assert datetime.fromisoformat(read["bindings"][0]["valid_to"]) == end
    published = await service.superuser.fetchval(
        "SELECT convert_from(state, 'UTF8') FROM telemetry.outbox WHERE id = $1 AND version = 1",
        UUID(made["id"]),
    )
    assert json.loads(published)["bindings"][0]["valid_to"] == read["bindings"][0]["valid_to"]


async def test_revocation_derives_the_vehicle_anew(service: Service, enterprise_id: UUID) -> None:
    vehicle_id = await add_vehicle(service.superuser, enterprise_id)
    made = await provision(service, "REVOKE-2", enterprise_id, vehicle_id=str(vehicle_id))
    await service.superuser.execute("DELETE FROM telemetry.pending_derivations")
    mine = headers(enterprise_id=enterprise_id)
    path = f"/v1/terminals/{made['id']}/revocation"
    assert (await service.api.post(path, headers=mine)).status_code == 204
    found = await service.superuser.fetch(
        "SELECT d.vehicle_id, since = valid_to FROM telemetry.pending_derivations d"
        " JOIN telemetry.terminal_bindings USING (vehicle_id)"
    )
    assert [tuple(row) for row in found] == [(vehicle_id, True)]


async def test_another_firm_finds_nothing_of_it(service: Service, enterprise_id: UUID) -> None:
    vehicle_id = await add_vehicle(service.superuser, enterprise_id)
    credential = await provision(service, "MINE", enterprise_id, vehicle_id=str(vehicle_id))
    async with device(service, credential) as found:
        await found.connection.deliver(found.topic, json.dumps(fix()).encode())

    async def is_there() -> bool:
        return await service.count("SELECT count(*) FROM telemetry.ingest_batches") == 0

    await eventually(is_there)
    other = headers(enterprise_id=await add_enterprise(service.superuser))
    foreign, missing = UUID(credential["id"]), uuid4()
    for path in ("/v1/terminals/{}", "/v1/tracks?vehicle_id={}"):
        bodies = []
        for key in (foreign if "terminals" in path else vehicle_id, missing):
            answer = await service.api.get(path.format(key), headers=other)
            assert answer.status_code == 404
            bodies.append({k: v for k, v in answer.json().items() if k not in {"request_id", "instance"}})
        assert bodies[0] == bodies[1]
    for path in ("terminals", "visits", "quarantined-positions", "ingest-accounting"):
        assert (await service.api.get(f"/v1/{path}", headers=other)).json()["items"] == []
    assert (await service.api.get("/v1/latest-positions", headers=other)).json()["features"] == []
    bureau = headers(Role.transport_bureau)
    assert (await service.api.get(f"/v1/terminals/{foreign}", headers=bureau)).status_code == 200


@pytest.mark.parametrize("path", ["latest-positions", "visits"])
async def test_police_read_for_a_stated_purpose_only(service: Service, path: str) -> None:
    police = headers(Role.police)
    refused = await service.api.get(f"/v1/{path}", headers=police)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:cityfreight:problem:purpose-required")
    allowed = await service.api.get(f"/v1/{path}", params={"purpose": "事故调查 2026-117"}, headers=police)
    assert allowed.status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "latest-positions?bbox=1,2,3", "latest-positions?bbox=nan,1,2,3", "latest-positions?bbox=5,1,2,3",
        "latest-positions?limit=0", "tracks", "tracks?vehicle_id=x", "visits?cursor=zzz",
        "visits?from=yesterday",
        "ingest-accounting?cursor=WyJhIiwiYiJd", "quarantined-positions?reason=%00",
        "terminals?terminal_number=%00",
    ],
)  # fmt: skip
async def test_bad_questions_get_a_problem(service: Service, query: str) -> None:
    answer = await service.api.get(f"/v1/{query}", headers=headers(Role.transport_bureau))
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]
