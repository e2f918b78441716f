"""Papers that run out: the check turns at the very instant, ahead of any message; no permit is given."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from services.shared.events.registry import EnterpriseState, VehicleState
from services.shared.schemas import format_instant
from tests.factories import permits as make

_MS = timedelta(milliseconds=1)
NOWHERE = {"lon": 100.0, "lat": 30.0}


def whole_ms(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def course(*turns: tuple[datetime, list[str]]) -> list[make.Json]:
    """Papers in order since long ago, then as the turns say."""
    return [
        {"since": since, "status": "lapsed" if causes else "active", "causes": causes}
        for since, causes in ((make.LONG_AGO, []), *turns)
    ]


def codes(answer: make.Json) -> list[str]:
    return [reason["code"] for reason in answer["unmet"]]


async def say_course(registry: make.Registry, van: VehicleState, *turns: tuple[datetime, list[str]]) -> None:
    await registry.say(
        "vehicle", VehicleState.model_validate({**van.model_dump(), "standings": course(*turns)})
    )


async def test_a_vehicle_is_denied_from_the_instant_its_papers_run_out_until_they_are_renewed(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    now = whole_ms(datetime.now(UTC))
    lapse, more, renewal = (now + timedelta(hours=hours) for hours in (2, 3, 26))
    both = ["inspection", "insurance"]
    await say_course(registry, van, (lapse, ["inspection"]), (more, both), (renewal, []))
    expected: dict[datetime, tuple[str, datetime | None, list[str]]] = {
        now: ("allowed", lapse, []),
        lapse - _MS: ("allowed", lapse, []),
        lapse: ("denied", renewal, ["inspection"]),
        more: ("denied", renewal, both),
        renewal - _MS: ("denied", renewal, both),
        renewal: ("allowed", None, []),
    }
    for at, (verdict, until, lapses) in expected.items():
        answer = await make.check(api, van, NOWHERE, at=at.isoformat())
        assert (answer["verdict"], answer["until"]) == (verdict, until and format_instant(until)), at
        assert answer["vehicle"]["lapses"] == lapses
        assert codes(answer) == (["vehicle_lapsed"] if lapses else [])
    named = (await make.check(api, van, NOWHERE, at=more.isoformat()))["unmet"][0]
    assert "机动车检验合格" in named["zh"]
    assert "机动车保险" in named["zh"]
    assert "vehicle inspection, vehicle insurance" in named["en"]


async def test_a_lapse_takes_effect_on_the_clock_without_any_message(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    lapse = whole_ms(datetime.now(UTC)) + timedelta(milliseconds=600)
    renewal = lapse + timedelta(milliseconds=400)
    await say_course(registry, van, (lapse, ["road_transport_certificate"]), (renewal, []))
    seen: dict[str, str] = {}
    while not seen or max(seen) < format_instant(renewal + timedelta(milliseconds=100)):
        answer = await make.check(api, van, NOWHERE)
        seen[answer["at"]] = answer["verdict"]
        await asyncio.sleep(0.01)
    due = format_instant(lapse), format_instant(renewal)
    assert {"allowed", "denied"} == set(seen.values())
    assert all((verdict == "denied") is (due[0] <= at < due[1]) for at, verdict in seen.items()), (due, seen)


async def test_a_firm_whose_licence_runs_out_is_told_from_a_suspended_one(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    await make.make_rule(api, area.id)
    await make.grant(api, van, area.id, await make.make_type(api))
    now = whole_ms(datetime.now(UTC))
    lapse, suspension, renewal = (now + timedelta(hours=hours) for hours in (2, 4, 6))
    await registry.standing(firm, "suspended", lapse, ("road_transport_permit",))
    lapsed = await make.check(api, van, make.centre(area), at=lapse.isoformat())
    assert codes(lapsed) == ["permit_required", "permit_suspended", "enterprise_lapsed"]
    assert "道路运输经营许可证" in lapsed["unmet"][-1]["zh"]
    assert lapsed["vehicle"]["enterprise_active"] is False
    assert lapsed["vehicle"]["enterprise_lapses"] == ["road_transport_permit"]
    assert (lapsed["verdict"], lapsed["until"]) == ("denied", None)
    before = await make.check(api, van, make.centre(area))
    assert (before["verdict"], before["until"]) == ("allowed", format_instant(lapse))

    registry.standings[firm.id].append(
        {"status": "suspended", "since": suspension, "lapses": ("road_transport_permit",)}
    )
    await registry.standing(firm, "active", renewal)
    both = await make.check(api, van, NOWHERE, at=suspension.isoformat())
    assert codes(both) == ["enterprise_not_active", "enterprise_lapsed"], "reinstating alone would not do"
    for place in (NOWHERE, make.centre(area)):
        denied = await make.check(api, van, place, at=suspension.isoformat())
        assert denied["until"] == format_instant(renewal), "from then on the permit lifts again"
    after = await make.check(api, van, make.centre(area), at=renewal.isoformat())
    assert after["verdict"] == "allowed", "the permit lifts again"


async def test_no_permit_is_applied_for_or_granted_while_papers_are_not_in_force(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    firm = await registry.enterprise()
    van, area, kind = await registry.vehicle(firm.id), await registry.area(), await make.make_type(api)
    headers = make.firm_headers(firm.id)
    now = whole_ms(datetime.now(UTC))
    day = timedelta(days=1)

    async def applied(**values: Any) -> httpx.Response:
        body = make.application_body(van.id, area.id, kind, **values)
        return await api.post("/v1/permit-applications", json=body, headers=headers)

    await say_course(registry, van, (now - day, ["inspection"]))
    refused = await applied()
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:cityfreight:problem:vehicle-lapsed")
    assert refused.json()["lapses"] == ["inspection"]
    assert "机动车检验合格" in refused.json()["detail"]
    await say_course(registry, van, (now + day, ["insurance"]))
    begins = {"valid_from": (now + 2 * day).isoformat(), "valid_to": (now + 20 * day).isoformat()}
    assert (await applied(**begins)).json()["lapses"] == ["insurance"], "it would begin without insurance"
    made = await applied()
    assert made.status_code == 201, "it begins insured; later lapses are the check's"
    approval = f"/v1/permit-applications/{made.json()['id']}/approval"
    await say_course(registry, van, (now, ["insurance"]))
    late = await api.post(approval, json={}, headers=make.official())
    assert (late.status_code, late.json()["lapses"]) == (409, ["insurance"])
    await say_course(registry, van, (now - day, ["insurance"]), (now, []))
    await registry.standing(firm, "suspended", now - day, ("business_licence",))
    late = await api.post(approval, json={}, headers=make.official())
    assert late.json()["type"] == "urn:cityfreight:problem:enterprise-not-active"
    assert "营业执照" in late.json()["detail"]
    await registry.standing(firm, "active")
    assert (await api.post(approval, json={}, headers=make.official())).status_code == 200


async def test_a_firm_may_not_operate_before_it_was_admitted(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    """A registration may be said to have begun earlier: what police were told of then does not change."""
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    admitted = whole_ms(datetime.now(UTC) - timedelta(days=3))
    since = [{"since": admitted, "status": "active"}]
    await registry.say(
        "enterprise", EnterpriseState.model_validate({**firm.model_dump(), "standings": since})
    )
    before = await make.check(api, van, NOWHERE, at=(admitted - _MS).isoformat())
    assert (before["verdict"], codes(before)) == ("denied", ["enterprise_not_active"])
    assert before["until"] == format_instant(admitted)
    assert (await make.check(api, van, NOWHERE, at=admitted.isoformat()))["verdict"] == "allowed"
