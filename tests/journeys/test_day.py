"""A day of the city, end to end: tracks over MQTT to visits, a load to its waybill, police, the province.

Runs on every tenth vehicle of the recorded hour (all of them with `FREIGHT_LONG=1`), and on generated
tracks where the recording is absent.
"""

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.steps import Firm, Van, found_firm, park_van, post_load, van_body, verdict_on
from tests.journeys.tracks import AREAS, SHARE, Recording, generate_recording, read_recording
from tests.journeys.trip_oracle import Trip, trips_of
from tests.journeys.visit_oracle import visits_of
from tests.support.city import City, expect, pages
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(1200)

TO_THE_METRE = 0.0015
INSIDE = (116.46, 39.91)
"""A point of the market area."""
DATASETS = ("enterprises", "vehicles", "areas", "visits", "restriction-rules", "permits", "loads", "waybills")
PURPOSE = "核对全天记录"


@dataclass(frozen=True)
class Day:
    """What has been replayed, and where."""

    recording: Recording
    shift: timedelta
    carrier: Firm
    vehicles: dict[str, str]
    areas: dict[str, str]
    summary: dict[str, Any]


@pytest.fixture(scope="module")
def recording(test_data: Path | None) -> Recording:
    """The recorded hour, or its generated twin."""
    if test_data is None:
        print("no recorded data at FREIGHT_TEST_DATA: the journey runs on generated tracks")  # noqa: T201 - the reason must be seen
        return generate_recording()
    return read_recording(test_data, 1 if os.environ.get("FREIGHT_LONG") else SHARE)


@pytest.fixture(scope="module")
def day(city: City, admin: httpx.Client, recording: Recording) -> Day:
    """Register areas and vehicles, replay the tracks, wait for the receipts."""
    folder = city.run.parent  # readable by the platform's account
    shift = recording.shift(datetime.now(UTC))
    since = (min(row[1] for row in recording.rows) + shift - timedelta(days=2)).isoformat()
    areas = {code: _post_area(admin, code, since) for code in AREAS}
    carrier = found_firm(city, admin, "旅程承运有限公司")
    vehicles = {name: _post_vehicle(carrier, n, since) for n, name in enumerate(recording.vehicles)}
    recording.write(folder / "tracks.csv.gz")
    (folder / "vehicles.json").write_text(json.dumps(vehicles), encoding="utf-8")
    replayed = city.make(
        "replay", str(folder / "tracks.csv.gz"), "--vehicles", str(folder / "vehicles.json"),
        "--enterprise-id", carrier.id, "--url", city.address, "--mqtt-port", str(city.mqtt_port),
    )  # fmt: skip
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    summary = json.loads(replayed.stdout.splitlines()[-1])
    return Day(recording, shift, carrier, vehicles, areas, summary)


def _post_area(admin: httpx.Client, code: str, since: str) -> str:
    geometry = {"type": "Polygon", "coordinates": [AREAS[code].ring()]}
    body = {
        "code": code,
        "name": code,
        "kind": "restricted",
        "schematic": True,
        "geometry": geometry,
        "valid_from": since,
    }
    return str(expect(admin.post("/v1/areas", json=body), 201)["id"])


def _post_vehicle(firm: Firm, number: int, since: str) -> str:
    return str(expect(firm.client.post("/v1/vehicles", json=van_body(10_000 + number, since)), 201)["id"])


def test_every_fix_is_stored_or_accounted_for(day: Day) -> None:
    distinct = len(set(day.recording.rows))
    assert day.summary["fixes"] == len(day.recording.rows)
    assert day.summary["not_receipted"] == 0
    assert day.summary["stored"] == distinct - len(day.recording.bad)
    assert day.summary["quarantined"] == len(day.recording.bad)
    assert (
        day.summary["received"]
        == day.summary["stored"] + day.summary["duplicate"] + day.summary["quarantined"]
    )


def test_latest_position_is_the_last_good_fix(day: Day, admin: httpx.Client) -> None:
    latest = {
        feature["properties"]["vehicle_id"]: feature
        for feature in pages(admin, "/v1/latest-positions", limit=5000, purpose=PURPOSE)
        if feature["properties"]["vehicle_id"] in set(day.vehicles.values())
    }
    good = day.recording.tracks(day.shift)
    assert set(latest) == {day.vehicles[name] for name in good}
    for name, tracks in good.items():
        feature = latest[day.vehicles[name]]
        at = round(datetime.fromisoformat(feature["properties"]["time"]).timestamp() * 1000)
        possible = {(track[-1].time_ms, track[-1].lon, track[-1].lat) for track in tracks}
        assert (at, *feature["geometry"]["coordinates"][:2]) in possible


def test_visits_equal_those_of_the_definition(day: Day, admin: httpx.Client) -> None:
    tracks = day.recording.tracks(day.shift)
    expected = {
        (day.vehicles[name], day.areas[code]): [
            sorted(visits_of(track, AREAS[code]), key=str) for track in variants
        ]
        for name, variants in tracks.items()
        for code in AREAS
    }

    def agree() -> bool:
        return not _disagreements(expected, _visits(admin, day))

    until(agree, 120)
    assert sum(len(variants[0]) for variants in expected.values()) > 100


def _visits(admin: httpx.Client, day: Day) -> dict[tuple[str, str], list[tuple[int, int | None]]]:
    found: dict[tuple[str, str], list[tuple[int, int | None]]] = {}
    for area in day.areas.values():
        for visit in pages(admin, "/v1/visits", area_id=area, purpose=PURPOSE):
            found.setdefault((visit["vehicle_id"], area), []).append(
                (_ms(visit["entered_at"]), _ms(visit["left_at"]))
            )
    return {key: sorted(visits, key=str) for key, visits in found.items()}


def test_trips_and_kilometres_equal_those_of_the_definition(day: Day, admin: httpx.Client) -> None:
    expected = {
        day.vehicles[name]: [trips_of(track) for track in variants]
        for name, variants in day.recording.tracks(day.shift).items()
    }

    def agree() -> bool:
        found: dict[str, list[Any]] = {vehicle: [] for vehicle in expected}
        for trip in pages(admin, "/v1/trips", purpose=PURPOSE):
            found.get(trip["vehicle_id"], []).append(trip)
        return all(
            any(_are_the_same(found[vehicle], trips) for trips in variants)
            for vehicle, variants in expected.items()
        )

    until(agree, 120)
    assert sum(len(variants[0]) for variants in expected.values()) > 50


def _are_the_same(found: list[dict[str, Any]], expected: list[Trip]) -> bool:
    return len(found) == len(expected) and all(
        (_ms(trip["started_at"]), _ms(trip["ended_at"]), len(trip["stops"])) == (e.start, e.end, e.stops)
        and abs(trip["distance_km"] - e.total / 1000) < TO_THE_METRE
        for trip, e in zip(found, expected, strict=True)
    )


def _ms(text: str | None) -> Any:
    return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)


def _disagreements(expected: dict[Any, list[Any]], found: dict[Any, Any]) -> list[Any]:
    return [key for key, variants in expected.items() if found.get(key, []) not in variants]


@pytest.fixture(scope="module")
def van(city: City, day: Day) -> Van:
    """A van of the carrier that stands in the market area now."""
    return park_van(city, day.carrier, 99_999, INSIDE)


@pytest.fixture(scope="module")
def waybill(city: City, admin: httpx.Client, day: Day, van: Van) -> dict[str, Any]:
    """A load posted by a shipper, offered for by the carrier, accepted."""
    shipper = found_firm(city, admin, "旅程托运有限公司")
    load = post_load(shipper, INSIDE)
    until(lambda: verdict_on(day.carrier.client, load["id"], van.id) == "feasible", 20)
    offer = {"load_id": load["id"], "vehicle_id": van.id, "price_yuan": "320.00"}
    made = expect(day.carrier.client.post("/v1/offers", json=offer), 201)
    found: dict[str, Any] = expect(shipper.client.post(f"/v1/offers/{made['id']}/acceptance", json={}), 201)
    return found


def test_load_becomes_a_waybill_that_is_signed(day: Day, waybill: dict[str, Any], van: Van) -> None:
    assert waybill["vehicle_id"] == van.id
    at = datetime.now(UTC)
    for kind in ("loaded", "departed", "arrived", "signed"):
        event = {"kind": kind, "at": at.isoformat()}
        expect(day.carrier.client.post(f"/v1/waybills/{waybill['id']}/events", json=event), 201)
    shown = expect(day.carrier.client.get(f"/v1/waybills/{waybill['id']}"))
    assert shown["status"] == "signed"


def test_police_check_allows_by_permit_and_denies_outside_it(
    day: Day, police: httpx.Client, van: Van, waybill: dict[str, Any]
) -> None:
    assert waybill["vehicle_id"] == van.id
    now = datetime.now(UTC)
    market = [day.areas["JOURNEY-MARKET"]]
    rule = {
        "code": "JOURNEY-RULE",
        "title_zh": "市场区凭证通行",
        "title_en": "Market by permit",
        "effect": "permit_required",
        "area_ids": market,
        "valid_from": (now - timedelta(days=1)).isoformat(),
    }
    expect(police.post("/v1/restriction-rules", json=rule), 201)
    application = {
        "vehicle_id": van.id,
        "permit_type": "PJ-GREEN-YEAR",
        "area_ids": market,
        "valid_from": now.isoformat(),
        "valid_to": (now + timedelta(days=30)).isoformat(),
        "purpose": "市场补货",
    }
    made = expect(day.carrier.client.post("/v1/permit-applications", json=application), 201)
    expect(police.post(f"/v1/permit-applications/{made['id']}/approval", json={}))
    question = {"plate_number": van.plate, "plate_color": 94, "lon": INSIDE[0], "lat": INSIDE[1]}
    allowed = expect(
        police.post("/v1/checks", json={**question, "at": (now + timedelta(hours=1)).isoformat()})
    )
    denied = expect(
        police.post("/v1/checks", json={**question, "at": (now + timedelta(days=60)).isoformat()})
    )
    assert (allowed["verdict"], denied["verdict"]) == ("allowed", "denied")
    assert {basis["kind"] for basis in allowed["basis"]} >= {"permit"}
    assert denied["unmet"]


def test_province_rebuilds_every_entity_from_the_exchange(
    city: City, admin: httpx.Client, day: Day, waybill: dict[str, Any], tmp_path: Path
) -> None:
    client = {"name": "旅程省平台", "role": "province"}
    made = expect(admin.post("/v1/clients", json=client), 201)
    secret = tmp_path / "secret"
    secret.write_text(made["client_secret"], encoding="utf-8")
    chance = random.Random(waybill["id"])
    for dataset in DATASETS:
        _pull_with_stops(city, dataset, made["client_id"], secret, tmp_path / dataset, chance)
    vehicles = {item["id"] for item in _pulled(tmp_path / "vehicles")}
    assert set(day.vehicles.values()) <= vehicles
    assert {item["id"] for item in _pulled(tmp_path / "areas")} >= set(day.areas.values())
    assert waybill["id"] in {item["id"] for item in _pulled(tmp_path / "waybills")}
    visits = {item["id"]: item for item in _pulled(tmp_path / "visits")}
    own = {
        item["id"]
        for area in day.areas.values()
        for item in pages(admin, "/v1/visits", area_id=area, purpose=PURPOSE)
    }
    assert own <= set(visits)


def _pull_with_stops(
    city: City, dataset: str, client_id: str, secret: Path, directory: Path, chance: random.Random
) -> None:
    """Kill the puller at random instants, then let it finish."""
    command = [
        sys.executable, "-m", "gateway.consumers.puller", "--url", city.address, "--dataset", dataset,
        "--directory", str(directory), "--client-id", client_id, "--client-secret-file", str(secret),
    ]  # fmt: skip
    for _ in range(2):
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            running.wait(chance.uniform(0.3, 1.5))
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _pulled(directory: Path) -> list[dict[str, Any]]:
    path = directory / f"{directory.name}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_no_terminals_are_simulated_in_production(city: City) -> None:
    refused = city.make("simulate", "5", "--url", city.address, "--mqtt-port", str(city.mqtt_port))
    assert refused.returncode == 1
    assert "demo-refused" in refused.stderr
