"""Latest positions: filters, states, pages, and who may see what."""

from typing import Any
from uuid import uuid4

import pytest

from services.shared.auth import Role
from tests.factories.telemetry import fix, headers, moment
from tests.support.positions_stage import Stage

CASE = "事故调查 2026-117"


def shown(answer: Any) -> set[str]:
    """Terminal numbers of a FeatureCollection."""
    assert answer.status_code == 200, answer.text
    return {feature["properties"]["terminal_number"] for feature in answer.json()["features"]}


async def test_states_are_by_age_and_speed(stage: Stage) -> None:
    firm = await stage.firm()
    mine = headers(enterprise_id=firm)
    expected: dict[str, list[str]] = {"moving": [], "standing": [], "silent": []}
    cases = [
        (60, 5.0, "moving"), (60, 90.0, "moving"), (60, 4.9, "standing"), (60, None, "standing"),
        (590, 0.0, "standing"), (610, 50.0, "silent"), (80_000, 0.0, "silent"),
    ]  # fmt: skip
    for seconds_ago, speed, state in cases:
        van = await stage.van(firm)
        await stage.drive(van, [fix(seconds_ago, **({} if speed is None else {"speed_kmh": speed}))])
        expected[state].append(van.number)
    for state, numbers in expected.items():
        assert shown(await stage.get("/v1/latest-positions", mine, state=state)) == set(numbers), state
    for feature in (await stage.get("/v1/latest-positions", mine)).json()["features"]:
        assert feature["properties"]["terminal_number"] in expected[feature["properties"]["state"]]
    assert (await stage.get("/v1/latest-positions", mine, state="flying")).status_code == 422


async def test_filters_narrow_and_pages_add_up(stage: Stage) -> None:
    first, second = await stage.firm(), await stage.firm()
    vans = [await stage.van(firm) for firm in (first, first, first, second)]
    other = await stage.van(first)
    for number, van in enumerate(vans):
        await stage.drive(van, [fix(lon=121.5 + number / 100, lat=40.5)])
    await stage.drive(other, [fix(lon=100.0, lat=30.0)])
    office = headers(Role.transport_bureau)
    box = "121.495,40.4,121.525,40.6"
    numbers = [van.number for van in vans]
    assert shown(await stage.get("/v1/latest-positions", office, bbox=box, purpose=CASE)) == set(numbers[:3])
    assert shown(await stage.get("/v1/latest-positions", office, enterprise_id=second, purpose=CASE)) == {
        numbers[3]
    }
    named = {"vehicle_id": [vans[0].id, vans[3].id, uuid4()], "purpose": CASE}
    assert shown(await stage.get("/v1/latest-positions", office, **named)) == {numbers[0], numbers[3]}
    mine = headers(enterprise_id=first)
    assert shown(await stage.get("/v1/latest-positions", mine, **named)) == {numbers[0]}
    assert shown(await stage.get("/v1/latest-positions", mine, enterprise_id=second)) == set()
    assert shown(await stage.get("/v1/latest-positions", mine, kind="mqtt")) == {*numbers[:3], other.number}
    assert shown(await stage.get("/v1/latest-positions", mine, kind="owntracks")) == set()
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await stage.get("/v1/latest-positions", mine, limit=3, **cursor)
        seen += sorted(shown(answer))
        if answer.json()["next_cursor"] is None:
            break
        cursor = {"cursor": answer.json()["next_cursor"]}
    assert sorted(seen) == sorted([*numbers[:3], other.number])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("bbox", box) for box in (
            "", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1,2,3,", "122,41,121,42", "122,42,123,41", "0,-91,1,1",
            "0,0,1,90.1", "-181,0,1,1", "0,0,181,1", "nan,0,1,1", "0,0,inf,1", "1;2;3;4", "1" * 121,
        )),
        ("enterprise_id", "x"), ("vehicle_id", "x"), ("limit", 0), ("limit", 5001), ("limit", "many"),
        ("cursor", -1), ("cursor", 2**31), ("cursor", "x"), ("kind", "A B"), ("kind", "bridge"),
        ("kind", "carrier_pigeon"),
        ("state", "flying"), ("purpose", "x"), ("purpose", "长" * 201), ("purpose", "a\0bcd"),
    ],
)  # fmt: skip
async def test_bad_questions_get_a_problem(stage: Stage, field: str, value: Any) -> None:
    mine = headers(enterprise_id=await stage.firm())
    answer = await stage.get("/v1/latest-positions", mine, **{field: value})
    assert answer.status_code == 422, answer.text
    assert {each["field"].split(".")[1] for each in answer.json()["errors"]} == {field}


async def test_an_edge_of_the_box_belongs_to_it(stage: Stage) -> None:
    firm = await stage.firm()
    van = await stage.van(firm)
    await stage.drive(van, [fix(lon=121.25, lat=40.25)])
    mine = headers(enterprise_id=firm)
    for box in (
        "121.25,40.25,121.25,40.25",
        "121.0,40.0,121.25,40.25",
        "121.25,40.25,122,41",
        "-180,-90,180,90",
    ):
        assert shown(await stage.get("/v1/latest-positions", mine, bbox=box)) == {van.number}, box
    for box in ("121.250001,40,122,41", "121,40,122,40.249999"):
        assert shown(await stage.get("/v1/latest-positions", mine, bbox=box)) == set(), box


async def test_more_than_200_vehicles_are_refused(stage: Stage) -> None:
    mine = headers(enterprise_id=await stage.firm())
    ids = [str(uuid4()) for _ in range(201)]
    assert (await stage.get("/v1/latest-positions", mine, vehicle_id=ids[:200])).status_code == 200
    assert (await stage.get("/v1/latest-positions", mine, vehicle_id=ids)).status_code == 422


async def test_a_position_is_the_vehicles_fitted_at_its_time(stage: Stage) -> None:
    firm = await stage.firm()
    van = await stage.van(firm, fitted=moment(30))
    await stage.drive(van, [fix(60)])
    (feature,) = (await stage.get("/v1/latest-positions", headers(enterprise_id=firm))).json()["features"]
    assert feature["properties"]["vehicle_id"] is None
    await stage.drive(van, [fix(5)])
    (feature,) = (await stage.get("/v1/latest-positions", headers(enterprise_id=firm))).json()["features"]
    assert feature["properties"]["vehicle_id"] == str(van.id)


async def test_a_revoked_terminal_is_shown_no_more(stage: Stage) -> None:
    firm = await stage.firm()
    mine = headers(enterprise_id=firm)
    kept, gone = await stage.van(firm), await stage.van(firm)
    for van in (kept, gone):
        await stage.drive(van, [fix(60)])
    assert shown(await stage.get("/v1/latest-positions", mine)) == {kept.number, gone.number}
    revoke = "UPDATE telemetry.terminals SET status = 'revoked' WHERE id = $1"
    await stage.superuser.execute(revoke, gone.terminal_id)
    assert shown(await stage.get("/v1/latest-positions", mine)) == {kept.number}
