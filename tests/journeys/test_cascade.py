"""Suspending a firm changes the police check and the candidates within a second; lifting restores both.

Two hundred changes, each timed from the answer to the change until both show it.
"""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.journeys.steps import Firm, Van, found_firm, park_van, post_load, report_position, verdict_on
from tests.support.city import City, expect
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(1200)

ROUNDS = 100
PLACE = (121.50, 40.80)
LIMIT_S = 1.0
GIVE_UP_S = 10.0


@pytest.fixture(scope="module")
def carrier(city: City, admin: httpx.Client) -> Firm:
    """A firm to suspend."""
    return found_firm(city, admin, "级联承运有限公司")


@pytest.fixture(scope="module")
def van(city: City, carrier: Firm, admin: httpx.Client, police: httpx.Client) -> Van:
    """Its van, with a permit for the area it stands in."""
    parked = park_van(city, carrier, 88_888, PLACE)
    now = datetime.now(UTC)
    begin = (now - timedelta(days=1)).isoformat()
    west, south = PLACE[0] - 0.01, PLACE[1] - 0.01
    ring = [
        [west, south],
        [west + 0.02, south],
        [west + 0.02, south + 0.02],
        [west, south + 0.02],
        [west, south],
    ]
    area = expect(
        admin.post(
            "/v1/areas",
            json={
                "code": "CASCADE",
                "name": "级联区",
                "kind": "restricted",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "valid_from": begin,
            },
        ),
        201,
    )
    rule = {"code": "CASCADE-RULE", "title_zh": "凭证", "title_en": "Permit", "effect": "permit_required"}
    until(lambda: _made(police, {**rule, "area_ids": [area["id"]], "valid_from": begin}), 20)
    application = {
        "vehicle_id": parked.id,
        "permit_type": "PJ-GREEN-YEAR",
        "area_ids": [area["id"]],
        "valid_from": now.isoformat(),
        "valid_to": (now + timedelta(days=30)).isoformat(),
        "purpose": "级联测试",
    }
    made = expect(carrier.client.post("/v1/permit-applications", json=application), 201)
    expect(police.post(f"/v1/permit-applications/{made['id']}/approval", json={}))
    return parked


def _made(police: httpx.Client, rule: dict[str, Any]) -> bool:
    return police.post("/v1/restriction-rules", json=rule).status_code == 201


def test_suspension_reaches_police_and_candidates_within_a_second(
    city: City, admin: httpx.Client, police: httpx.Client, carrier: Firm, van: Van
) -> None:
    load = post_load(found_firm(city, admin, "级联托运有限公司"), PLACE)
    question = {"plate_number": van.plate, "plate_color": 94, "lon": PLACE[0], "lat": PLACE[1]}

    def checked() -> str:
        return str(expect(police.post("/v1/checks", json=question))["verdict"])

    def candidate() -> str | None:  # as a bureau sees it: a suspended firm sees no open load
        return verdict_on(admin, load["id"], van.id)

    until(lambda: (checked(), candidate()) == ("allowed", "feasible"), 20)
    lags: list[float] = []
    for number in range(ROUNDS):
        if number % 50 == 0:
            report_position(city, van, PLACE)
        path = f"/v1/enterprises/{carrier.id}"
        for cause, verdicts in (
            ("suspension", ("denied", "refused")),
            ("reinstatement", ("allowed", "feasible")),
        ):
            expect(admin.post(f"{path}/{cause}", json={"reason": "级联测试"}))
            began = time.monotonic()
            lags.append(_wait(began, lambda: (checked(), candidate()), verdicts))
    lags.sort()
    p99 = lags[math.ceil(0.99 * len(lags)) - 1]
    print(f"cascade: {len(lags)} changes, p50 {lags[len(lags) // 2]:.3f} s, p99 {p99:.3f} s")  # noqa: T201 - a figure
    assert p99 <= LIMIT_S


def _wait(began: float, seen: Callable[[], Any], wanted: Any) -> float:
    while seen() != wanted:
        assert time.monotonic() - began < GIVE_UP_S, f"still {seen()}, not {wanted}"
    return time.monotonic() - began
