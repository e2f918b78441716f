"""What is refused about terminals names every row at fault, and tells nothing of other firms."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.shared.auth import Role
from services.shared.schemas import format_instant
from tests.factories.telemetry import add_enterprise, add_vehicle, fix, headers, moment
from tests.telemetry.conftest import Service, provision

DAY_S = 86_400
LONG_AGO = format_instant(moment(31 * DAY_S + 60))


@pytest.fixture(scope="module")
async def enterprise_id(service: Service) -> UUID:
    return await add_enterprise(service.superuser)


async def batch(
    service: Service, enterprise_id: UUID, *terminals: dict[str, Any], role: Role | None = None
) -> httpx.Response:
    who = headers(enterprise_id=enterprise_id) if role is None else headers(role)
    return await service.api.post("/v1/terminal-batches", json={"terminals": terminals}, headers=who)


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(each["field"], each["code"]) for each in answer.json()["errors"]]


async def test_every_taken_number_is_named(service: Service, enterprise_id: UUID) -> None:
    other = await add_enterprise(service.superuser)
    await provision(service, "VET-FOREIGN", other)
    foreign_revoked = await provision(service, "VET-FOREIGN-GONE", other)
    await provision(service, "VET-MINE", enterprise_id)
    mine_revoked = await provision(service, "VET-GONE", enterprise_id)
    for owner, made in ((other, foreign_revoked), (enterprise_id, mine_revoked)):
        path = f"/v1/terminals/{made['id']}/revocation"
        assert (await service.api.post(path, headers=headers(enterprise_id=owner))).status_code == 204
    numbers = ("VET-FOREIGN", "VET-NEW", "VET-MINE", "VET-GONE", "VET-FOREIGN-GONE")
    rows = [{"terminal_number": number} for number in numbers]
    refused = await batch(service, enterprise_id, *rows)
    assert (refused.status_code, refused.json()["type"]) == (
        409,
        "urn:cityfreight:problem:terminal-number-taken",
    )
    assert faults(refused) == [
        ("body.terminals.0.terminal_number", "taken"),
        ("body.terminals.2.terminal_number", "taken"),
        ("body.terminals.3.terminal_number", "revoked"),
        ("body.terminals.4.terminal_number", "taken"),
    ]
    messages = [each["message"] for each in refused.json()["errors"]]
    assert messages[0] == messages[1] == messages[3], "nobody learns whose a number is"
    assert (
        await service.count("SELECT count(*) FROM telemetry.terminals WHERE terminal_number = 'VET-NEW'") == 0
    )
    single = await service.api.post(
        "/v1/terminals", json=rows[3], headers=headers(enterprise_id=enterprise_id)
    )
    assert faults(single) == [("body.terminal_number", "revoked")]


async def test_every_vehicle_that_is_not_there_is_named(service: Service, enterprise_id: UUID) -> None:
    mine = await add_vehicle(service.superuser, enterprise_id)
    foreign = await add_vehicle(service.superuser, await add_enterprise(service.superuser))
    vehicles = (foreign, mine, uuid4())
    rows = [
        {"terminal_number": f"VET-V-{place}", "vehicle_id": str(each)} for place, each in enumerate(vehicles)
    ]
    refused = await batch(service, enterprise_id, *rows)
    assert (refused.status_code, refused.json()["type"]) == (404, "urn:cityfreight:problem:vehicle-not-found")
    assert faults(refused) == [
        ("body.terminals.0.vehicle_id", "not_found"),
        ("body.terminals.2.vehicle_id", "not_found"),
    ]
    assert len({each["message"] for each in refused.json()["errors"]}) == 1
    owned = [{**row, "enterprise_id": str(enterprise_id)} for row in rows]
    of_a_bureau = await batch(service, enterprise_id, *owned, role=Role.transport_bureau)
    assert (of_a_bureau.status_code, faults(of_a_bureau)) == (404, faults(refused))


async def test_every_overlap_is_named_with_the_terminal_that_is_there(
    service: Service, enterprise_id: UUID
) -> None:
    taken, free = [str(await add_vehicle(service.superuser, enterprise_id)) for _ in range(2)]
    there = await provision(service, "VET-THERE", enterprise_id, vehicle_id=taken)
    rows = [
        {"terminal_number": f"VET-O-{place}", "vehicle_id": each}
        for place, each in enumerate((free, taken, free))
    ]
    refused = await batch(service, enterprise_id, *rows)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:cityfreight:problem:binding-overlap")
    assert faults(refused) == [
        ("body.terminals.1.vehicle_id", "vehicle_taken"),
        ("body.terminals.2.vehicle_id", "vehicle_taken"),
    ]
    met = [each["message"] for each in refused.json()["errors"]]
    assert "VET-THERE" in met[0]
    assert "VET-O-0" in met[1]
    assert (
        await service.count("SELECT count(*) FROM telemetry.terminals WHERE terminal_number LIKE 'VET-O-%'")
        == 0
    )
    mine = headers(enterprise_id=enterprise_id)
    path = f"/v1/terminals/{there['id']}/bindings"
    again = await service.api.post(path, json={"vehicle_id": free}, headers=mine)
    assert (again.status_code, faults(again)) == (409, [("path.terminal_id", "terminal_fitted")])
    second = await provision(service, "VET-SECOND", enterprise_id)
    path = f"/v1/terminals/{second['id']}/bindings"
    clash = await service.api.post(path, json={"vehicle_id": taken}, headers=mine)
    assert (clash.status_code, faults(clash)) == (409, [("body.vehicle_id", "vehicle_taken")])


async def test_a_bridge_is_fitted_to_no_vehicle(service: Service, enterprise_id: UUID) -> None:
    bridge = await provision(service, "VET-BRIDGE", enterprise_id, kind="bridge")
    vehicle = {"vehicle_id": str(await add_vehicle(service.superuser, enterprise_id))}
    mine = headers(enterprise_id=enterprise_id)
    new = {"terminal_number": "VET-BRIDGE-2", "kind": "bridge", **vehicle}
    for path, body in (("/v1/terminals", new), (f"/v1/terminals/{bridge['id']}/bindings", vehicle)):
        refused = await service.api.post(path, json=body, headers=mine)
        assert (refused.status_code, refused.json()["type"]) == (
            422,
            "urn:cityfreight:problem:terminal-kind-invalid",
        )
        assert faults(refused) == [("body.vehicle_id", "not_of_kind")]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"fitted_at": format_instant(moment(60))}, ("body.fitted_at", "vehicle_missing")),
        ({"fitted_at": "1970-01-01T00:00:00Z", "vehicle_id": ""}, ("body.fitted_at", "too_long_ago")),
        ({"fitted_at": LONG_AGO, "vehicle_id": ""}, ("body.fitted_at", "too_long_ago")),
        ({"terminal_number": "ingest-7"}, ("body.terminal_number", "reserved")),
        ({"terminal_number": "0139", "kind": "jt808"}, ("body.terminal_number", "no_phone")),
        ({"device_id": "PJ1"}, ("body.device_id", "not_of_kind")),
        ({"enterprise_id": str(uuid4())}, ("body.enterprise_id", "not_yours")),
    ],
)  # fmt: skip
async def test_a_single_terminal_is_the_body(
    service: Service, enterprise_id: UUID, body: dict[str, Any], fault: tuple[str, str]
) -> None:
    wanted = {"terminal_number": "VET-SINGLE", **body}
    if wanted.get("vehicle_id") == "":
        wanted["vehicle_id"] = str(await add_vehicle(service.superuser, enterprise_id))
    refused = await service.api.post(
        "/v1/terminals", json=wanted, headers=headers(enterprise_id=enterprise_id)
    )
    assert (refused.status_code, faults(refused)) == (422, [fault])
    assert all(" / " in each["message"] for each in refused.json()["errors"])


async def test_a_batch_names_its_rows(service: Service, enterprise_id: UUID) -> None:
    rows = [{"terminal_number": number} for number in ("VET-A", "INGEST-1", "VET-A", "ingest-2", "VET-A")]
    reserved = await batch(service, enterprise_id, *rows)
    assert faults(reserved) == [(f"body.terminals.{n}.terminal_number", "reserved") for n in (1, 3)]
    repeated = await batch(service, enterprise_id, *rows[::2])
    assert faults(repeated) == [(f"body.terminals.{n}.terminal_number", "repeated") for n in (1, 2)]
    unowned = await batch(
        service,
        enterprise_id,
        rows[0],
        {**rows[1], "enterprise_id": str(uuid4())},
        role=Role.transport_bureau,
    )
    assert faults(unowned) == [("body.enterprise_id", "missing")]


async def test_what_has_been_buffering_for_a_month_may_be_fitted_then(
    service: Service, enterprise_id: UUID
) -> None:
    vehicle = await add_vehicle(service.superuser, enterprise_id)
    since = format_instant(moment(30 * DAY_S))
    made = await provision(service, "VET-MONTH", enterprise_id, vehicle_id=str(vehicle), fitted_at=since)
    read = await service.api.get(f"/v1/terminals/{made['id']}", headers=headers(enterprise_id=enterprise_id))
    (binding,) = read.json()["bindings"]
    assert (binding["vehicle_id"], binding["valid_from"]) == (str(vehicle), since)


async def test_a_binding_ends_now_without_a_body(service: Service, enterprise_id: UUID) -> None:
    vehicle = await add_vehicle(service.superuser, enterprise_id)
    made = await provision(service, "VET-END", enterprise_id, vehicle_id=str(vehicle))
    mine = headers(enterprise_id=enterprise_id)
    read = (await service.api.get(f"/v1/terminals/{made['id']}", headers=mine)).json()
    path = f"/v1/terminals/{made['id']}/bindings/{read['bindings'][0]['id']}/end"
    outside = await service.api.post(path, json={"valid_to": "2020-01-01T00:00:00Z"}, headers=mine)
    assert (outside.status_code, faults(outside)) == (422, [("body.valid_to", "outside_binding")])
    ended = await service.api.post(path, headers=mine)
    assert ended.status_code == 200, ended.text
    assert ended.json()["valid_to"] is not None


async def test_the_list_is_narrowed_by_vehicle_and_firm(service: Service) -> None:
    one, two = [await add_enterprise(service.superuser) for _ in range(2)]
    before, now = [str(await add_vehicle(service.superuser, one)) for _ in range(2)]
    made = await provision(service, "VET-L-1", one, vehicle_id=before, fitted_at=format_instant(moment(60)))
    await provision(service, "VET-L-2", two)
    mine, bureau = headers(enterprise_id=one), headers(Role.transport_bureau)
    read = (await service.api.get(f"/v1/terminals/{made['id']}", headers=mine)).json()
    path = f"/v1/terminals/{made['id']}/bindings"
    await service.api.post(f"{path}/{read['bindings'][0]['id']}/end", headers=mine)
    assert (await service.api.post(path, json={"vehicle_id": now}, headers=mine)).status_code == 201
    for who, query, numbers in (
        (mine, {"vehicle_id": now}, ["VET-L-1"]),
        (mine, {"vehicle_id": before}, []),
        (bureau, {"vehicle_id": now}, ["VET-L-1"]),
        (headers(enterprise_id=two), {"vehicle_id": now}, []),
        (bureau, {"enterprise_id": str(two)}, ["VET-L-2"]),
        (bureau, {"enterprise_id": str(two), "vehicle_id": now}, []),
        (mine, {"enterprise_id": str(two)}, []),
    ):
        found = (await service.api.get("/v1/terminals", params=query, headers=who)).json()["items"]
        assert [item["terminal_number"] for item in found] == numbers, query


async def test_posted_positions_of_unknown_terminals_are_named(service: Service, enterprise_id: UUID) -> None:
    await provision(service, "VET-P", enterprise_id)
    await provision(service, "VET-P-FOREIGN", await add_enterprise(service.superuser))
    numbers = ("VET-P", "VET-P-UNKNOWN", "VET-P", "VET-P-FOREIGN", "VET-P-UNKNOWN")
    body = [{"terminal_number": number, **fix(10 + n)} for n, number in enumerate(numbers)]
    mine = headers(enterprise_id=enterprise_id)
    refused = await service.api.post("/v1/positions", json=body, headers=mine)
    assert refused.status_code == 404
    assert {field for field, _ in faults(refused)} == {f"body.{n}.terminal_number" for n in (1, 3, 4)}
    assert len({each["message"] for each in refused.json()["errors"]}) == 1
    one = await service.api.post("/v1/positions", json=body[1], headers=mine)
    assert (one.status_code, faults(one)) == (404, [("body.terminal_number", "not_found")])
    assert await service.stored("VET-P") == 0
