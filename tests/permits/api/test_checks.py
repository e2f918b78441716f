"""What a check decides beyond the rules: unknown plates, standing, own vehicles, places, freshness."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx

from services.shared.auth import Role
from services.shared.standards.coordinates import wgs84_to_gcj02
from tests.factories import permits as make


async def test_unknown_plate_is_undetermined_where_its_facts_would_matter(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    by_mass, by_plate = await registry.area(), await registry.area()
    await make.make_rule(api, by_mass.id, effect="ban", conditions={"min_gross_mass_kg": 4500.0})
    await make.make_rule(api, by_plate.id, effect="ban", conditions={"plate_colors": [2]})
    body = {"plate_number": make.plate(), "plate_color": 2}
    police = make.office_client()

    answer = (await api.post("/v1/checks", json={**body, **make.centre(by_mass)}, headers=police)).json()
    assert answer["verdict"] == "undetermined"
    assert [r["code"] for r in answer["unmet"]] == ["vehicle_unknown", "missing_fact.gross_mass_kg"]
    assert answer["vehicle"] == {
        "known": False,
        **dict.fromkeys(("id", "enterprise_id", "enterprise_active", "enterprise_lapses", "lapses")),
    }

    banned = (await api.post("/v1/checks", json={**body, **make.centre(by_plate)}, headers=police)).json()
    assert banned["verdict"] == "denied", "the colour is known from the plate itself"
    free = (await api.post("/v1/checks", json={**body, "lon": 1.0, "lat": 1.0}, headers=police)).json()
    assert free["verdict"] == "allowed"


async def test_permits_of_a_suspended_firm_lift_nothing_until_it_is_reinstated(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    await make.make_rule(api, area.id)
    await make.grant(api, van, area.id, await make.make_type(api))
    place = make.centre(area)
    before = (await make.check(api, van, place))["at"]
    for status in ("suspended", "closed"):
        await registry.standing(firm, status)
        denied = await make.check(api, van, place)
        assert denied["verdict"] == "denied"
        assert denied["vehicle"]["enterprise_active"] is False
        assert [r["code"] for r in denied["unmet"]] == [
            "permit_required",
            "permit_suspended",
            "enterprise_not_active",
        ]
        elsewhere = await make.check(api, van, {"lon": 100.0, "lat": 30.0})
        assert (elsewhere["verdict"], [r["code"] for r in elsewhere["unmet"]]) == (
            "denied",
            ["enterprise_not_active"],
        )
    assert (await make.check(api, van, place, at=before))["verdict"] == "allowed", "it was active then"
    await registry.standing(firm, "active")
    assert (await make.check(api, van, place))["verdict"] == "allowed"


async def test_the_registration_in_force_at_the_instant_is_judged(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    """A reissued plate inherits nothing."""
    old_firm, new_firm = await registry.enterprise(), await registry.enterprise()
    area = await registry.area()
    await make.make_rule(api, area.id)
    now = datetime.now(UTC)
    turn = now + timedelta(days=3)
    old = await registry.vehicle(old_firm.id)
    await make.grant(api, old, area.id, await make.make_type(api))
    await registry.say("vehicle", old.model_copy(update={"valid_to": turn}))
    new = await registry.vehicle(new_firm.id, plate_number=old.plate_number, valid_from=turn)

    today = await make.check(api, old, make.centre(area))
    assert (today["verdict"], today["vehicle"]["id"]) == ("allowed", str(old.id))
    assert datetime.fromisoformat(today["until"]) == turn.replace(microsecond=turn.microsecond // 1000 * 1000)
    later = await make.check(api, old, make.centre(area), at=(turn + timedelta(hours=1)).isoformat())
    assert (later["verdict"], later["vehicle"]["id"]) == ("denied", str(new.id))
    assert [r["code"] for r in later["unmet"]] == ["permit_required"]


async def test_an_enterprise_asks_about_its_own_vehicles_only(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    firm, rival = await registry.enterprise(), await registry.enterprise()
    van = await registry.vehicle(firm.id)
    place = {"lon": 1.0, "lat": 1.0}
    own = await make.check(api, van, place, make.firm_headers(firm.id))
    assert own["verdict"] == "allowed"
    body = {"plate_color": 2, **place}
    texts = set()
    for plate in (van.plate_number, make.plate()):
        answer = await api.post(
            "/v1/checks",
            json={**body, "plate_number": plate},
            headers={**make.firm_headers(rival.id), "X-Request-Id": "same"},
        )
        assert answer.status_code == 404
        texts.add(answer.content)
    assert len(texts) == 1, "not yours and unknown are byte-equal"


async def test_who_may_check(api: httpx.AsyncClient) -> None:
    body = {"plate_number": "辽L12345", "plate_color": 1, "lon": 1.0, "lat": 1.0}
    for role in (Role.police, Role.transport_bureau, Role.commerce_bureau, Role.postal_bureau):
        assert (await api.post("/v1/checks", json=body, headers=make.office_client(role))).status_code == 200
    for role in (Role.province, Role.public):
        assert (await api.post("/v1/checks", json=body, headers=make.office_client(role))).status_code == 403
    assert (await api.post("/v1/checks", json=body)).status_code == 401


async def test_a_point_in_another_system_is_the_same_point(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    thin = {"valid_from": make.LONG_AGO, "geometry": make.square(122.1, 41.2, 0.001)}
    area = await registry.area(versions=[thin])
    await make.make_rule(api, area.id, effect="ban")
    lon, lat = wgs84_to_gcj02(122.1005, 41.2005)
    shifted = {"lon": lon, "lat": lat}
    assert (await make.check(api, van, shifted, crs="GCJ-02"))["verdict"] == "denied"
    assert (await make.check(api, van, shifted))["verdict"] == "allowed", "500 m off without the conversion"


async def test_an_area_inside_another_has_its_rules_too(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    outer = await registry.area(versions=[{"valid_from": make.LONG_AGO, "geometry": make.square(20, 20, 1)}])
    inner = await registry.area(
        versions=[{"valid_from": make.LONG_AGO, "geometry": make.square(20.2, 20.2, 0.1)}]
    )
    future = await registry.area(
        versions=[{"valid_from": datetime.now(UTC) + timedelta(days=1), "geometry": make.square(30, 30, 0.1)}]
    )
    await make.make_rule(api, outer.id, effect="ban")
    assert (await make.check(api, van, {"area_id": str(inner.id)}))["verdict"] == "denied"
    not_yet = await make.check(api, van, {"area_id": str(future.id)})
    assert not_yet["verdict"] == "undetermined"
    assert [r["code"] for r in not_yet["unmet"]] == ["area_not_in_force"]
    body = {"plate_number": van.plate_number, "plate_color": 2, "area_id": str(uuid4())}
    assert (await api.post("/v1/checks", json=body, headers=make.office_client())).status_code == 404


async def test_a_changed_rule_or_area_is_seen_by_the_very_next_check(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    place = make.centre(area)
    for _ in range(5):
        assert (await make.check(api, van, place))["verdict"] == "allowed"
        rule = await make.make_rule(api, area.id, effect="ban")
        assert (await make.check(api, van, place))["verdict"] == "denied"
        away = area.model_copy(
            update={"versions": [area.versions[0].model_copy(update={"geometry": make.square(-10, -10)})]}
        )
        await registry.say("area", away)
        assert (await make.check(api, van, place))["verdict"] == "allowed"
        await registry.say("area", area)
        assert (await make.check(api, van, place))["verdict"] == "denied"
        repeal = await api.post(
            f"/v1/restriction-rules/{rule['id']}/repeal", json={"reason": "试行结束"}, headers=make.official()
        )
        assert repeal.status_code == 200


async def test_a_window_across_midnight_belongs_to_the_day_it_starts(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    """Fridays 22:00 to 06:00, city time: Saturday 05:59 is denied, Friday 05:59 is not."""
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    windows = [{"start": "22:00", "end": "06:00"}]
    await make.make_rule(api, area.id, effect="ban", weekdays=[5], windows=windows)
    expected = {
        "2026-11-27T21:59:59.999+08:00": ("allowed", "2026-11-27T14:00:00.000Z"),
        "2026-11-27T22:00:00+08:00": ("denied", "2026-11-27T22:00:00.000Z"),
        "2026-11-28T05:59:59.999+08:00": ("denied", "2026-11-27T22:00:00.000Z"),
        "2026-11-28T06:00:00+08:00": ("allowed", "2026-12-04T14:00:00.000Z"),
        "2026-11-27T05:59:00+08:00": ("allowed", "2026-11-27T14:00:00.000Z"),
    }
    for at, (verdict, until) in expected.items():
        answer = await make.check(api, van, make.centre(area), at=at)
        assert (answer["verdict"], answer["until"]) == (verdict, until), at
