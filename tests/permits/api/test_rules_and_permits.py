"""Rules, types, applications and permits: who may, in which state, and what the feed is told."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.permits.consumers.registry import apply_registry
from services.permits.operations.permits import expire_permits
from services.shared.auth import Role
from services.shared.db import Database
from services.shared.events.permits import PermitState, RestrictionRuleState
from services.shared.follow import Change
from services.shared.ids import new_id
from tests.factories import permits as make
from tests.support.waiting import eventually


async def published(superuser: Any, kind: str, entity_id: str) -> list[make.Json]:
    """What the outbox holds of one entity, oldest first."""
    rows = await superuser.fetch(
        "SELECT version, state FROM permits.outbox WHERE kind = $1 AND id = $2 ORDER BY seq",
        kind,
        UUID(entity_id),
    )
    assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))
    return [json.loads(row["state"]) for row in rows]


async def test_a_rule_is_repealed_once_and_stays_on_record(
    api: httpx.AsyncClient, registry: make.Registry, superuser: Any
) -> None:
    area = await registry.area()
    rule = await make.make_rule(
        api, area.id, weekdays=[1, 5], windows=[{"start": "06:30", "end": "24:00"}], priority=3
    )
    path = f"/v1/restriction-rules/{rule['id']}"
    taken = await api.post(
        "/v1/restriction-rules", json=make.rule_body(area.id, code=rule["code"]), headers=make.official()
    )
    assert (taken.status_code, taken.json()["type"]) == (409, "urn:cityfreight:problem:rule-code-taken")
    reason = {"reason": "试行结束"}
    repealed = await api.post(f"{path}/repeal", json=reason, headers=make.official())
    assert repealed.status_code == 200
    assert repealed.json()["valid_to"] == repealed.json()["repealed_at"]
    assert (await api.post(f"{path}/repeal", json=reason, headers=make.official())).status_code == 409
    found = await api.get(path, headers=make.office_client(Role.public))
    assert found.json() == repealed.json()
    states = await published(superuser, "restriction_rule", rule["id"])
    assert len(states) == 2
    first, second = (RestrictionRuleState.model_validate(state) for state in states)
    assert (first.valid_to, first.weekdays, first.priority) == (None, [1, 5], 3)
    assert second.valid_to == datetime.fromisoformat(repealed.json()["valid_to"])
    assert second.to_rule().schedule.windows[0].end == 1440


async def test_a_rule_not_yet_in_force_is_repealed_to_nothing(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    area = await registry.area()
    rule = await make.make_rule(api, area.id, valid_from="2090-01-01T00:00:00Z", effect="ban")
    path = f"/v1/restriction-rules/{rule['id']}/repeal"
    answer = await api.post(path, json={"reason": "撤回"}, headers=make.official(Role.transport_bureau))
    assert answer.json()["valid_to"] == answer.json()["valid_from"]


async def test_lists_page_through_everything_once(api: httpx.AsyncClient, registry: make.Registry) -> None:
    area = await registry.area()
    made = {(await make.make_rule(api, area.id))["id"] for _ in range(7)}
    await make.make_rule(api, (await registry.area()).id)
    seen: list[str] = []
    cursor = None
    while True:
        params: dict[str, str | int] = {
            "limit": 3,
            "area_id": str(area.id),
            **({"cursor": cursor} if cursor else {}),
        }
        page = (await api.get("/v1/restriction-rules", params=params, headers=make.office_client())).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 7
    assert set(seen) == made


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/restriction-rules", {"police!", "transport_bureau!"}),
        ("POST", "/v1/restriction-rules/{id}/repeal", {"police!", "transport_bureau!"}),
        ("POST", "/v1/permit-types", {"police!", "transport_bureau!"}),
        ("POST", "/v1/permit-applications", {"enterprise"}),
        ("POST", "/v1/permit-applications/{id}/approval", {"police!"}),
        ("POST", "/v1/permit-applications/{id}/rejection", {"police!"}),
        ("POST", "/v1/permit-applications/{id}/withdrawal", {"enterprise"}),
        ("POST", "/v1/permits/{id}/revocation", {"police!"}),
        ("GET", "/v1/permits", {"enterprise", *(f"{r}{n}" for r in make.OFFICES for n in ("", "!"))}),
        ("GET", "/internal/v1/changes", set()),
    ],
)
async def test_only_the_named_roles_pass(
    api: httpx.AsyncClient, method: str, path: str, allowed: set[str]
) -> None:
    """`!` is a named official; a client of the same office decides nothing."""
    callers = {"enterprise": make.firm_headers(new_id())}
    for role in ("police", "transport_bureau", "commerce_bureau", "postal_bureau", "province", "public"):
        callers[role] = make.office_client(Role(role))
        callers[f"{role}!"] = make.official(Role(role))
    target = path.replace("{id}", str(new_id()))
    assert (await api.request(method, target, json={})).status_code == 401
    passed = set()
    for name, headers in callers.items():
        answer = await api.request(method, target, json={} if method == "POST" else None, headers=headers)
        assert answer.status_code in {200, 403, 404, 422}, answer.text
        if answer.status_code != 403:
            passed.add(name)
    assert passed - {"public!"} == allowed


async def test_applications_are_decided_once_even_when_twenty_try(
    api: httpx.AsyncClient, registry: make.Registry, superuser: Any
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    application = await make.apply(api, van, area.id, await make.make_type(api))
    path = f"/v1/permit-applications/{application['id']}"
    answers = await asyncio.gather(
        *(api.post(f"{path}/approval", json={}, headers=make.official()) for _ in range(10)),
        *(
            api.post(f"{path}/rejection", json={"reason": "材料不全"}, headers=make.official())
            for _ in range(5)
        ),
        *(
            api.post(f"{path}/withdrawal", json={"reason": "车辆停用"}, headers=make.firm_headers(firm.id))
            for _ in range(5)
        ),
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 19]
    final = (await api.get(path, headers=make.office_client())).json()
    assert final["status"] in {"approved", "rejected", "withdrawn"}
    assert final["version"] == 2
    count = await superuser.fetchval(
        "SELECT count(*) FROM permits.permits WHERE application_id = $1", UUID(final["id"])
    )
    assert count == (final["status"] == "approved")


async def test_one_permit_of_a_type_a_vehicle_and_period(
    api: httpx.AsyncClient, registry: make.Registry, superuser: Any
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    kind = await make.make_type(api)
    applications = [await make.apply(api, van, area.id, kind) for _ in range(5)]
    answers = await asyncio.gather(
        *(
            api.post(f"/v1/permit-applications/{a['id']}/approval", json={}, headers=make.official())
            for a in applications
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["type"] == "urn:cityfreight:problem:permit-overlaps"
    permit_id = next(answer.json()["permit_id"] for answer in answers if answer.status_code == 200)
    states = [PermitState.model_validate(s) for s in await published(superuser, "permit", permit_id)]
    assert [(s.status, s.vehicle_id, s.enterprise_id) for s in states] == [("active", van.id, firm.id)]
    await make.grant(api, van, area.id, await make.make_type(api))


async def test_what_an_application_is_refused_for(api: httpx.AsyncClient, registry: make.Registry) -> None:
    firm, rival, idle = [await registry.enterprise() for _ in range(3)]
    van, other = await registry.vehicle(firm.id), await registry.vehicle(rival.id)
    stopped = await registry.vehicle(idle.id)
    await registry.standing(idle, "suspended")
    now = datetime.now(UTC)
    ended = await registry.vehicle(firm.id, valid_to=now - timedelta(days=1))
    area = await registry.area()
    kind = await make.make_type(api, max_days=31)
    good = make.application_body(van.id, area.id, kind)
    cases: list[tuple[make.Json, UUID, int, str]] = [
        ({"vehicle_id": str(other.id)}, firm.id, 404, "not-found"),
        ({"vehicle_id": str(new_id())}, firm.id, 404, "not-found"),
        ({"vehicle_id": str(stopped.id)}, idle.id, 409, "enterprise-not-active"),
        ({"vehicle_id": str(ended.id)}, firm.id, 409, "registration-not-in-force"),
        ({"permit_type": "nowhere"}, firm.id, 422, "unprocessable"),
        ({"area_ids": [str(new_id())]}, firm.id, 422, "unprocessable"),
        ({"valid_to": (now + timedelta(days=40)).isoformat()}, firm.id, 422, "permit-refused"),
        (
            {"valid_from": "2025-02-01T00:00:00Z", "valid_to": "2025-02-02T00:00:00Z"},
            firm.id,
            422,
            "permit-refused",
        ),
    ]
    for change, enterprise_id, status, slug in cases:
        answer = await api.post(
            "/v1/permit-applications", json={**good, **change}, headers=make.firm_headers(enterprise_id)
        )
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:cityfreight:problem:{slug}"), (
            change
        )


async def test_approval_checks_again_what_may_have_changed(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    application = await make.apply(api, van, area.id, await make.make_type(api))
    path = f"/v1/permit-applications/{application['id']}/approval"
    await registry.standing(firm, "suspended")
    refused = await api.post(path, json={}, headers=make.official())
    assert refused.json()["type"] == "urn:cityfreight:problem:enterprise-not-active"
    await registry.standing(firm, "active")
    await registry.say("vehicle", van.model_copy(update={"valid_to": datetime.now(UTC)}))
    refused = await api.post(path, json={}, headers=make.official())
    assert refused.json()["type"] == "urn:cityfreight:problem:registration-not-in-force"
    await registry.say("vehicle", van)
    assert (
        await api.post(path, json={"external_number": "12123-7"}, headers=make.official())
    ).status_code == 200


async def test_a_registration_that_ends_during_the_approval_cuts_the_permit(
    api: httpx.AsyncClient, registry: make.Registry, worker: Database, superuser: Any
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    application = await make.apply(api, van, area.id, await make.make_type(api))
    path = f"/v1/permit-applications/{application['id']}/approval"
    end = datetime.now(UTC) + timedelta(days=3)

    async def waits() -> bool:
        statement = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1"
        return bool(await superuser.fetchval(statement, "%FROM permits.vehicles%FOR SHARE%"))

    async with worker.transaction() as session:
        ended = van.model_copy(update={"valid_to": end})
        await apply_registry(session, Change("vehicle", van.id, 2, 1, end, deleted=False, state=ended))
        approval = asyncio.create_task(api.post(path, json={}, headers=make.official()))
        await eventually(waits)
    permit_id = (await approval).json()["permit_id"]
    permit = (await api.get(f"/v1/permits/{permit_id}", headers=make.office_client())).json()
    assert abs(datetime.fromisoformat(permit["valid_to"]) - end) < timedelta(milliseconds=1)


async def test_a_repeated_approval_with_one_key_has_one_effect(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    application = await make.apply(api, van, area.id, await make.make_type(api))
    path = f"/v1/permit-applications/{application['id']}/approval"
    headers = {**make.official(), "Idempotency-Key": "k1"}
    first = await api.post(path, json={}, headers=headers)
    second = await api.post(path, json={}, headers=headers)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.headers["idempotent-replay"] == "true"
    assert second.json() == first.json()


async def test_permits_end_with_the_registration_and_expire(
    api: httpx.AsyncClient, registry: make.Registry, worker: Database, superuser: Any
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    permit = await make.grant(api, van, area.id, await make.make_type(api))
    end = datetime.fromisoformat(permit["valid_to"])
    for valid_to, expected in (
        (end - timedelta(days=5), "active"),
        (None, "active"),
        (datetime.fromisoformat(permit["valid_from"]), "expired"),
        (None, "active"),
    ):
        await registry.say("vehicle", van.model_copy(update={"valid_to": valid_to}))
        found = (await api.get(f"/v1/permits/{permit['id']}", headers=make.office_client())).json()
        assert datetime.fromisoformat(found["valid_to"]) == min(valid_to or end, end)
        assert found["status"] == expected
    async with worker.transaction() as session:
        await expire_permits(session, end - timedelta(milliseconds=1))
    async with worker.transaction() as session:
        assert await expire_permits(session, end) >= 1
    states = [PermitState.model_validate(s) for s in await published(superuser, "permit", permit["id"])]
    assert [s.status for s in states] == ["active", "active", "active", "expired", "active", "expired"]
