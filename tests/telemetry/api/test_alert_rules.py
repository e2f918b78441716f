"""Alert rules and alerts over HTTP: whose they are, what they may say, from when they hold."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from services.shared.auth import Role
from tests.factories.telemetry import add_enterprise, add_vehicle, api, headers, moment

AREA_RULE = {"name": "进入限行区", "kind": "area", "area_kind": "restricted", "events": ["entered", "left"]}
LIMIT = {"name": "限速", "kind": "overspeed", "limit_kmh": 60}


_FITTED = """
    WITH t AS (
        INSERT INTO telemetry.terminals (id, terminal_number, enterprise_id, secret_verifier, created_at)
        SELECT id, left(id::text, 32), enterprise_id, '', now() FROM telemetry.vehicles WHERE id = any($1)
        RETURNING id, terminal_key, enterprise_id)
    INSERT INTO telemetry.terminal_bindings
        (id, terminal_id, terminal_key, vehicle_id, enterprise_id, valid_from)
    SELECT id, id, terminal_key, id, enterprise_id, '2020-01-01Z' FROM t
"""


@dataclass
class Parties:
    """A service, two firms with a vehicle each, and their headers."""

    client: httpx.AsyncClient
    superuser: "asyncpg.Connection[asyncpg.Record]"
    firm: UUID
    vehicle: UUID
    other: UUID
    others_vehicle: UUID

    @property
    def mine(self) -> dict[str, str]:
        return headers(enterprise_id=self.firm)

    @property
    def others(self) -> dict[str, str]:
        return headers(enterprise_id=self.other)

    async def rule(self, body: dict[str, Any], who: dict[str, str]) -> dict[str, Any]:
        answer = await self.client.post("/v1/alert-rules", json=body, headers=who)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def alert(self, **fields: Any) -> UUID:
        """An alert of the firm's vehicle, as derivation writes it."""
        values = {"id": uuid4(), "rule_id": None, "for_offices": False, "status": "open", **fields}
        await self.superuser.execute(
            "INSERT INTO telemetry.alerts (id, vehicle_id, enterprise_id, kind, severity, rule_id,"
            " for_offices, started_at, status) VALUES ($1, $2, $3, 'overspeed', 'warning', $4, $5, $6, $7)",
            values["id"], self.vehicle, self.firm, values["rule_id"], values["for_offices"], moment(60),
            values["status"],
        )  # fmt: skip
        return values["id"]  # type: ignore[no-any-return]  # it is one

    async def listed(self, who: dict[str, str], **query: Any) -> set[UUID]:
        answer = await self.client.get("/v1/alerts", params={"limit": 200, **query}, headers=who)
        assert answer.status_code == 200, answer.text
        return {UUID(item["id"]) for item in answer.json()["items"]}


@pytest.fixture(scope="module")
async def parties(
    clean_database: None,  # noqa: ARG001
    database_urls: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Parties]:
    superuser = await asyncpg.connect(database_urls["superuser"])
    firm, other = await add_enterprise(superuser), await add_enterprise(superuser)
    vehicles = await add_vehicle(superuser, firm), await add_vehicle(superuser, other)
    await add_vehicle(superuser, firm)  # nothing is fitted to it: no rule makes it be derived
    await superuser.execute(_FITTED, list(vehicles))
    async with api(database_urls, tmp_path_factory.mktemp("rules")) as client:
        yield Parties(client, superuser, firm, vehicles[0], other, vehicles[1])
    await superuser.close()


async def pending(parties: Parties) -> set[UUID]:
    """Whom the rule set last is about; they are derived anew from its beginning."""
    rows = await parties.superuser.fetch(
        "DELETE FROM telemetry.pending_derivations RETURNING vehicle_id, since"
    )
    return {row[0] for row in rows}


async def test_a_firms_rule_is_about_its_vehicles_and_an_offices_about_all(parties: Parties) -> None:
    rule = await parties.rule(AREA_RULE, parties.mine)
    assert (rule["owner_role"], rule["owner_enterprise_id"]) == ("enterprise", str(parties.firm))
    assert rule["severity"] == "warning"
    assert await pending(parties) == {parties.vehicle}
    office = await parties.rule(AREA_RULE, headers(Role.police))
    assert (office["owner_role"], office["owner_enterprise_id"]) == ("police", None)
    assert await pending(parties) == {parties.vehicle, parties.others_vehicle}
    named = {**LIMIT, "enterprise_ids": [str(parties.other)]}
    await parties.rule(named, headers(Role.transport_bureau))
    assert await pending(parties) == {parties.others_vehicle}


async def test_rules_are_read_by_whom_they_concern(parties: Parties) -> None:
    mine = await parties.rule(LIMIT, parties.mine)
    office = await parties.rule(LIMIT, headers(Role.police))
    readers = [
        (parties.mine, {mine["id"]: 200, office["id"]: 404}),
        (parties.others, {mine["id"]: 404, office["id"]: 404}),
        (headers(Role.police), {mine["id"]: 404, office["id"]: 200}),
        (headers(Role.commerce_bureau), {mine["id"]: 200, office["id"]: 200}),
    ]
    for who, expected in readers:
        for rule_id, status in expected.items():
            answer = await parties.client.get(f"/v1/alert-rules/{rule_id}", headers=who)
            assert answer.status_code == status
        answer = await parties.client.get("/v1/alert-rules", params={"limit": 200}, headers=who)
        listed = {item["id"] for item in answer.json()["items"]}
        for rule_id, status in expected.items():
            assert (rule_id in listed) is (status == 200)


async def test_a_rule_is_changed_by_its_owner_alone_and_keeps_what_it_said(parties: Parties) -> None:
    rule = await parties.rule(LIMIT, headers(Role.police))
    path = f"/v1/alert-rules/{rule['id']}"
    for who in (parties.mine, headers(Role.transport_bureau)):
        assert (await parties.client.put(path, json=LIMIT, headers=who)).status_code == 404
        assert (await parties.client.post(f"{path}/end", headers=who)).status_code == 404
    changed = await parties.client.put(path, json={**LIMIT, "limit_kmh": 40}, headers=headers(Role.police))
    assert (changed.json()["limit_kmh"], changed.json()["version"]) == (40, 2)
    ended = await parties.client.post(f"{path}/end", headers=headers(Role.police))
    again = await parties.client.post(f"{path}/end", headers=headers(Role.police))
    assert ended.json()["ended_at"] == again.json()["ended_at"]
    refused = await parties.client.put(path, json=LIMIT, headers=headers(Role.police))
    assert (refused.status_code, refused.json()["type"][-16:]) == (409, "alert-rule-ended")
    said = await parties.superuser.fetch(
        "SELECT limit_kmh, valid_from, valid_to FROM telemetry.alert_rule_versions WHERE rule_id = $1"
        " ORDER BY valid_from",
        UUID(rule["id"]),
    )
    assert [row["limit_kmh"] for row in said] == [60, 40]
    assert said[0]["valid_to"] == said[1]["valid_from"]
    assert said[1]["valid_to"] is not None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x", "kind": "area"},
        {"name": "x", "kind": "area", "area_kind": "restricted"},
        {"name": "x", "kind": "area", "area_kind": "restricted", "events": []},
        {"name": "x", "kind": "area", "area_kind": "restricted", "events": ["entered", "entered"]},
        {"name": "x", "kind": "area", "area_kind": "restricted", "area_id": str(uuid4()), "events": ["left"]},
        {"name": "x", "kind": "area", "area_id": str(uuid4()), "events": ["left"]},
        {"name": "x", "kind": "area", "area_id": "nobody", "events": ["left"]},
        {"name": "x", "kind": "area", "area_kind": "restricted", "events": ["left"], "limit_kmh": 50},
        {"name": "x", "kind": "area", "area_kind": "zone", "events": ["left"]},
        {"name": "x", "kind": "overspeed"},
        {"name": "x", "kind": "overspeed", "limit_kmh": "50"},
        {"name": "x", "kind": "overspeed", "limit_kmh": -50},
        {"name": "x", "kind": "overspeed", "limit_kmh": 1e308},
        {"name": "x", "kind": "overspeed", "limit_kmh": 50, "events": ["left"]},
        {"name": "x", "kind": "overspeed", "limit_kmh": 50, "vehicle_ids": []},
        {"name": "x", "kind": "overspeed", "limit_kmh": 50, "enterprise_ids": [str(uuid4())]},
        {"name": "\u0000", "kind": "overspeed", "limit_kmh": 50},
        {"name": "\ud800", "kind": "overspeed", "limit_kmh": 50},
        {"name": "x", "kind": "overspeed", "limit_kmh": 50, "owner_role": "police"},
        {"name": "x", "kind": "silence"},
        {"name": "张三 13912345678", "kind": "overspeed", "limit_kmh": 50},
        {"name": "11010519491231002X", "kind": "overspeed", "limit_kmh": 50},
    ],
)
async def test_what_a_rule_may_not_say(parties: Parties, body: dict[str, Any]) -> None:
    for who in (parties.mine, headers(Role.transport_bureau)):
        answer = await parties.client.post(
            "/v1/alert-rules",
            content=json.dumps(body),
            headers={**who, "content-type": "application/json"},
        )
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_firm_may_not_name_anothers_vehicle_nor_any_firm(parties: Parties) -> None:
    foreign = {**LIMIT, "vehicle_ids": [str(parties.others_vehicle)]}
    answer = await parties.client.post("/v1/alert-rules", json=foreign, headers=parties.mine)
    assert answer.status_code == 404
    own = {**LIMIT, "enterprise_ids": [str(parties.firm)]}
    answer = await parties.client.post("/v1/alert-rules", json=own, headers=parties.mine)
    assert answer.status_code == 422
    await parties.rule({**LIMIT, "vehicle_ids": [str(parties.vehicle)]}, parties.mine)


async def test_a_party_has_only_so_many_rules(parties: Parties, monkeypatch: pytest.MonkeyPatch) -> None:
    firm = await add_enterprise(parties.superuser)
    monkeypatch.setattr("services.telemetry.operations.alerts.RULES_MOST", 2)
    who = headers(enterprise_id=firm)
    first = await parties.rule(LIMIT, who)
    await parties.rule(LIMIT, who)
    answer = await parties.client.post("/v1/alert-rules", json=LIMIT, headers=who)
    assert answer.status_code == 409
    await parties.client.post(f"/v1/alert-rules/{first['id']}/end", headers=who)
    await parties.rule(LIMIT, who)


async def test_alerts_are_seen_by_whom_they_are_for(parties: Parties) -> None:
    firms_rule = UUID((await parties.rule(LIMIT, parties.mine))["id"])
    standing = await parties.alert()
    firms = await parties.alert(rule_id=firms_rule)
    offices = await parties.alert(rule_id=uuid4(), for_offices=True)
    ours = {standing, firms, offices}
    purpose = {"purpose": "核查"}
    assert await parties.listed(parties.mine) & ours == {standing, firms}
    assert await parties.listed(parties.others) & ours == set()
    assert await parties.listed(headers(Role.police), **purpose) & ours == {standing, offices}
    assert await parties.listed(headers(Role.transport_bureau), **purpose) & ours == ours
    bare = await parties.client.get("/v1/alerts", headers=headers(Role.police))
    assert (bare.status_code, bare.json()["type"][-16:]) == (422, "purpose-required")
    for role in (Role.public, Role.province):
        assert (await parties.client.get("/v1/alerts", headers=headers(role))).status_code == 403
    assert await parties.listed(parties.mine, rule_id=firms_rule) == {firms}


async def test_an_alert_is_taken_note_of_once(parties: Parties) -> None:
    alert = await parties.alert()
    path = f"/v1/alerts/{alert}/acknowledgement"
    assert (await parties.client.post(path, json={}, headers=parties.others)).status_code == 404
    for bad in (
        {"note": "x" * 1001},
        {"note": "\u0000"},
        {"by": "me"},
        {"note": "已电话联系 139-1234-5678"},
        {"note": "驾驶员 11010519491231002X"},
    ):
        assert (await parties.client.post(path, json=bad, headers=parties.mine)).status_code == 422
    who = headers(Role.transport_bureau, name="王芳")
    answer = await parties.client.post(path, json={"note": "已处置"}, headers=who)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["note"], found["acknowledged_by_name"]) == ("已处置", "王芳")
    assert found["acknowledged_at"] is not None
    again = await parties.client.post(path, json={}, headers=parties.mine)
    assert (again.status_code, again.json()["type"][-18:]) == (409, "alert-acknowledged")
    assert alert in await parties.listed(parties.mine, acknowledged=True)
    assert alert not in await parties.listed(parties.mine, acknowledged=False)
    state = await parties.superuser.fetchrow(
        "SELECT version, convert_from(state, 'UTF8') AS state FROM telemetry.outbox WHERE id = $1", alert
    )
    assert state is not None
    assert state["version"] == 2
    assert "已处置" not in state["state"]
    assert "王芳" not in state["state"]


async def test_an_offices_alert_is_not_the_firms_to_take_note_of(parties: Parties) -> None:
    alert = await parties.alert(rule_id=uuid4(), for_offices=True)
    path = f"/v1/alerts/{alert}"
    assert (await parties.client.get(path, headers=parties.mine)).status_code == 404
    answer = await parties.client.post(f"{path}/acknowledgement", json={}, headers=parties.mine)
    assert answer.status_code == 404
    answer = await parties.client.post(f"{path}/acknowledgement", json={}, headers=headers(Role.police))
    assert answer.status_code == 200
