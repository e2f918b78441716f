"""The main path: a rule, a refusal that says why, an application, a permit, allowed, revoked, denied."""

from datetime import UTC, datetime, timedelta

import httpx

from tests.factories import permits as make


async def test_a_permit_turns_denied_to_allowed_and_its_revocation_back(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    place = make.centre(area)
    assert (await make.check(api, van, place))["verdict"] == "allowed"

    rule = await make.make_rule(api, area.id)
    denied = await make.check(api, van, place)
    assert denied["verdict"] == "denied"
    assert [(b["kind"], b["id"], b["code"]) for b in denied["basis"]] == [("rule", rule["id"], rule["code"])]
    assert denied["basis"][0]["text_zh"] == "核心区货车通行证"
    assert [reason["code"] for reason in denied["unmet"]] == ["permit_required"]
    assert denied["vehicle"] == {
        "known": True,
        "id": str(van.id),
        "enterprise_id": str(firm.id),
        "enterprise_active": True,
        "enterprise_lapses": [],
        "lapses": [],
    }

    permit = await make.grant(api, van, area.id, await make.make_type(api))
    allowed = await make.check(api, van, place)
    assert allowed["verdict"] == "allowed"
    assert [b["kind"] for b in allowed["basis"]] == ["rule", "permit"]
    assert allowed["basis"][1]["id"] == permit["id"]
    assert allowed["until"] is None
    by_area = await make.check(api, van, {"area_id": str(area.id)})
    assert by_area["verdict"] == "allowed"

    before = datetime.now(UTC)
    path = f"/v1/permits/{permit['id']}/revocation"
    answer = await api.post(path, json={"reason": "出借通行证"}, headers=make.official())
    assert answer.status_code == 200
    assert answer.json()["status"] == "revoked"
    after = await make.check(api, van, place)
    assert after["verdict"] == "denied"
    assert "permit_revoked" in [reason["code"] for reason in after["unmet"]]
    past = await make.check(api, van, place, at=(before - timedelta(milliseconds=1)).isoformat())
    assert past["verdict"] == "allowed", "the permit still counts for an instant before its revocation"
    again = await api.post(path, json={"reason": "出借通行证"}, headers=make.official())
    assert again.status_code == 409
