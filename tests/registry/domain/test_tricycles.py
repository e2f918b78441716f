"""The checklist as data: what it may say, which version holds, that each requirement decides its item."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.standing import at_instant, course
from services.registry.domain.tricycles import (
    REQUIREMENTS,
    Facts,
    checklist_on,
    days_of,
    judge,
    read_checklists,
)
from services.shared.standards.zones import CITY_ZONE

PANJIN = Path(__file__).resolve().parents[3] / "city" / "panjin" / "tricycle_checklist.json"
TODAY = date(2026, 5, 1)
GOOD = Facts(
    brand="邮政",
    code="PJ-1",
    outlet="兴隆台",
    frame_number="F1",
    motor_number="M1",
    tag_id="T1",
    gps_terminal_number="G1",
    meets_yzt_0136=True,
    livery_photo=True,
    responsibility_statement=True,
    insurance_policy_number="P1",
    insurance_insurer="人保",
    insurance_valid_to=TODAY,
    annual_check_valid_to=TODAY,
    rider_assigned=True,
    rider_active=True,
    rider_trained_on=TODAY,
    operator_active=True,
)
_YESTERDAY, _TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
BREAKS: dict[str, list[dict[str, Any]]] = {
    "brand": [{"brand": None}],
    "livery_photo": [{"livery_photo": False}],
    "tag": [{"tag_id": None}],
    "gps_terminal": [{"gps_terminal_number": None}],
    "filing_number": [{"code": None}],
    "frame_number": [{"frame_number": None}],
    "motor_number": [{"motor_number": None}],
    "insurance_policy": [{"insurance_policy_number": None}, {"insurance_insurer": None}],
    "insurance_in_force": [{"insurance_valid_to": None}, {"insurance_valid_to": _YESTERDAY}],
    "standard_compliance": [{"meets_yzt_0136": False}],
    "annual_check": [{"annual_check_valid_to": None}, {"annual_check_valid_to": _YESTERDAY}],
    "outlet": [{"outlet": None}],
    "operator_active": [{"operator_active": False}],
    "responsibility_statement": [{"responsibility_statement": False}],
    "rider_assigned": [{"rider_assigned": False}],
    "rider_active": [{"rider_active": False}],
    "rider_trained": [{"rider_trained_on": None}, {"rider_trained_on": _TOMORROW}],
}


def _data(*requires: str, **values: Any) -> str:
    items = [
        {"code": f"i{n}", "name_zh": "项", "name_en": "item", "requires": [name]}
        for n, name in enumerate(requires)
    ]
    return json.dumps({"versions": [{"version": "1", "valid_from": "2025-01-01", "items": items, **values}]})


def test_every_requirement_has_its_breaks() -> None:
    assert set(BREAKS) == set(REQUIREMENTS)


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_a_requirement_decides_its_item_and_no_other(name: str) -> None:
    (checklist,) = read_checklists(_data(*REQUIREMENTS))
    assert all(result.met for result in judge(checklist, GOOD, TODAY))
    for values in BREAKS[name]:
        results = judge(checklist, replace(GOOD, **values), TODAY)
        unmet = [result for result in results if not result.met]
        assert [result.item.requires for result in unmet] == [(name,)]
        (reason,) = unmet[0].reasons
        assert reason.code == f"tricycle.{name}"
        assert reason.zh
        assert reason.en


@given(st.sets(st.sampled_from(REQUIREMENTS), min_size=1), st.sets(st.sampled_from(REQUIREMENTS)))
def test_an_item_is_met_where_all_it_requires_holds(required: set[str], broken: set[str]) -> None:
    items = [{"code": "all", "name_zh": "项", "name_en": "item", "requires": sorted(required)}]
    (checklist,) = read_checklists(_data("brand", items=items))
    facts = GOOD
    for name in broken:
        facts = replace(facts, **BREAKS[name][0])
    (result,) = judge(checklist, facts, TODAY)
    assert {reason.code.removeprefix("tricycle.") for reason in result.reasons} == required & broken
    assert result.met is not bool(required & broken)


def test_the_citys_checklist_is_the_four_items_and_says_that_it_is_a_default() -> None:
    text = PANJIN.read_text("utf-8")
    checklist = read_checklists(text)[-1]
    codes = [item.code for item in checklist.items]
    assert codes == ["identification", "number", "insurance", "operator_responsibility"]
    assert json.loads(text)["note_zh"].startswith("[DEF]")


def test_the_version_of_the_day_holds() -> None:
    versions = [
        {"version": name, "valid_from": day, "items": json.loads(_data("brand"))["versions"][0]["items"]}
        for name, day in (("new", "2026-05-02"), ("old", "2025-01-01"))
    ]
    checklists = read_checklists(json.dumps({"versions": versions}))
    for day, name in (("2024-01-01", "old"), ("2026-05-01", "old"), ("2026-05-02", "new")):
        assert checklist_on(checklists, date.fromisoformat(day)).version == name


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "nothing",
        '{"versions": []}',
        _data("wings"),
        _data("brand", items=[]),
        _data("brand", valid_from="soon"),
        _data("brand", items=[{"code": "a"}]),
        json.dumps({"versions": [*json.loads(_data("brand"))["versions"]] * 2}),
        _data("brand", items=json.loads(_data("brand"))["versions"][0]["items"] * 2),
    ],
)
def test_a_broken_checklist_is_refused_at_start(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_checklists(text)


def test_papers_lapse_at_the_midnight_after_their_last_day() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    turns = course(days_of(date(2026, 5, 1), date(2026, 7, 1)), begin, CITY_ZONE)
    for at, lapsed in (
        ("2026-05-01T15:59:59+00:00", ()),
        ("2026-05-01T16:00:00+00:00", ("insurance",)),
        ("2026-07-01T16:00:00+00:00", ("inspection", "insurance")),
    ):
        assert at_instant(turns, datetime.fromisoformat(at)) == lapsed
    assert days_of(None, None) == []
