"""Tracks: every fix, or within a tolerance of every fix; endpoints and jumps kept; GeoJSON, CSV and GPX."""

import csv
import io
import math
import random
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest

from services.shared.auth import Role
from services.shared.schemas import format_instant
from tests.factories.telemetry import fix, headers, moment
from tests.support.geodesic import distance_m
from tests.support.positions_stage import Stage, Van

GPX = "{http://www.topografix.com/GPX/1/1}"
EXTENSION = "{http://www.garmin.com/xmlschemas/TrackPointExtension/v2}"
CASE = "事故调查 2026-117"

Point = tuple[float, float]


def wander(steps: int, seed: int, *, lat: float = 41.12) -> list[dict[str, Any]]:
    """A van that turns, stops and creeps, a fix every second until ten minutes ago."""
    chooser = random.Random(seed)
    lon, heading, fixes = 122.07, 0.0, []
    for number in range(steps):
        speed = chooser.choice([0.0, 0.0, 3.0, 10.0, 20.0])
        heading += chooser.gauss(0, 0.3)
        lat += speed * math.cos(heading) / 111_194.9
        lon += speed * math.sin(heading) / 111_194.9 / math.cos(math.radians(lat))
        fixes.append(fix(600 + steps - number, lon=round(lon, 7), lat=round(lat, 7), speed_kmh=speed * 3.6))
    return fixes


async def driven(stage: Stage, fixes: list[dict[str, Any]]) -> tuple[Van, dict[str, str]]:
    """A new firm's van that has driven so, and the firm's token."""
    firm = await stage.firm()
    van = await stage.van(firm)
    shuffled = list(fixes)
    random.Random(1).shuffle(shuffled)
    await stage.drive(van, shuffled)
    return van, headers(enterprise_id=firm)


async def track(stage: Stage, van: Van, mine: dict[str, str], **params: Any) -> dict[str, Any]:
    answer = await stage.get("/v1/tracks", mine, vehicle_id=van.id, **params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def away_m(point: Point, start: Point, end: Point) -> float:
    """How far a point is from a straight line in degrees, found by search along it on the ellipsoid."""

    def at(share: float) -> float:
        lon = start[0] + (end[0] - start[0]) * share
        lat = start[1] + (end[1] - start[1]) * share
        return distance_m(*point, lon, lat)

    low, high = 0.0, 1.0
    for _ in range(60):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if at(left) < at(right) else (left, high)
    return at((low + high) / 2)


async def test_tolerance_zero_gives_every_fix_in_order(stage: Stage) -> None:
    fixes = wander(300, 1)
    van, mine = await driven(stage, fixes)
    found = await track(stage, van, mine)
    assert found["geometry"] == {"type": "LineString", "coordinates": [[f["lon"], f["lat"]] for f in fixes]}
    assert found["properties"]["times"] == [f["time"] for f in fixes]
    assert found["properties"]["speeds_kmh"] == pytest.approx([f["speed_kmh"] for f in fixes], abs=1e-4)
    assert (found["properties"]["count"], found["properties"]["fixes"]) == (300, 300)
    assert (found["properties"]["jumps"], found["properties"]["next_from"]) == ([], None)


@pytest.mark.parametrize("lat", [41.12, -3.0, 66.0])
@pytest.mark.parametrize("tolerance", [1.0, 15.0, 200.0])
async def test_what_is_left_out_lies_within_the_tolerance(stage: Stage, tolerance: float, lat: float) -> None:
    fixes = wander(400, int(tolerance), lat=lat)
    van, mine = await driven(stage, fixes)
    found = await track(stage, van, mine, tolerance_m=tolerance)
    times = found["properties"]["times"]
    kept = {time: index for index, time in enumerate(times)}
    places = [tuple(place) for place in found["geometry"]["coordinates"]]
    assert times[0] == fixes[0]["time"]
    assert times[-1] == fixes[-1]["time"]
    assert times == sorted(times)
    assert found["properties"]["fixes"] == 400
    assert len(times) == found["properties"]["count"] < 400
    index = -1
    for each in fixes:
        if each["time"] in kept:
            index = kept[each["time"]]
            assert places[index] == (each["lon"], each["lat"])
        else:
            off = away_m((each["lon"], each["lat"]), places[index], places[index + 1])
            assert off <= tolerance * (1 + 1e-9)


async def test_thinning_leaves_out_what_it_may(stage: Stage) -> None:
    """Beside a straight road every fix within the tolerance goes, and a corner beyond it stays."""
    road = [fix(700 - n, lon=122 + n * 1e-4, lat=41 + (n % 2) * 4e-5) for n in range(100)]  # 4.4 m aside
    corner = [fix(600 - n, lon=122 + 99e-4, lat=41 + n * 1e-4) for n in range(100)]
    van, mine = await driven(stage, road + corner)
    found = await track(stage, van, mine, tolerance_m=10)
    assert 3 <= found["properties"]["count"] <= 4
    assert [122 + 99e-4, 41 + 99e-4] in found["geometry"]["coordinates"]


async def test_fixes_are_those_of_the_terminal_fitted_at_their_time(stage: Stage) -> None:
    """Refitted at noon, so to say; a second device on board is stored and not shown."""
    firm = await stage.firm()
    van, other = await stage.van(firm), await stage.van(firm)
    spare = await stage.van(firm)
    noon = moment(650)
    await stage.superuser.execute("DELETE FROM telemetry.terminal_bindings WHERE terminal_id = $1",
                                  spare.terminal_id)  # fmt: skip
    await stage.superuser.execute(
        "UPDATE telemetry.terminal_bindings SET valid_to = $2 WHERE terminal_id = any($1)",
        [van.terminal_id, other.terminal_id], noon,
    )  # fmt: skip
    for terminal_id, vehicle_id, is_primary in (
        (spare.terminal_id, van.id, True), (van.terminal_id, other.id, True),
        (other.terminal_id, van.id, False),
    ):  # fmt: skip
        await stage.superuser.execute(
            "INSERT INTO telemetry.terminal_bindings (id, terminal_id, terminal_key, vehicle_id,"
            " enterprise_id, valid_from, is_primary)"
            " SELECT gen_random_uuid(), id, terminal_key, $2, $3, $4, $5 FROM telemetry.terminals"
            " WHERE id = $1",
            terminal_id, vehicle_id, firm, noon, is_primary,
        )  # fmt: skip
    places = {van.number: 122.1, other.number: 122.2, spare.number: 122.3}
    for number, lon in places.items():
        await stage.receive(number, [fix(seconds, lon=lon) for seconds in (660, 651, 650, 640)])
    await stage.fold()
    mine = headers(enterprise_id=firm)
    for each, before, after in ((van, van.number, spare.number), (other, other.number, van.number)):
        found = await track(stage, each, mine)
        lons = [lon for lon, _ in found["geometry"]["coordinates"]]
        assert lons == [places[before]] * 2 + [places[after]] * 2


async def test_of_several_at_one_instant_the_least_hash_counts(stage: Stage) -> None:
    van, mine = await driven(stage, [fix(650, lon=lon) for lon in (122.1, 122.2, 122.3)])
    least = await stage.superuser.fetchval(
        "SELECT lon FROM telemetry.positions p JOIN telemetry.terminals USING (terminal_key)"
        " WHERE terminal_number = $1 ORDER BY content_hash LIMIT 1",
        van.number,
    )
    found = await track(stage, van, mine)
    assert [lon for lon, _ in found["geometry"]["coordinates"]] == [least]
    assert found["geometry"]["type"] == "MultiPoint", "one point is no line"


async def test_jumps_are_flagged_and_kept(stage: Stage) -> None:
    fixes = [fix(700 - n, lon=122 + n * 1e-5, lat=41.0) for n in range(60)]
    fixes[20] = {**fixes[20], "lat": 42.0}  # 111 km off for a second
    van, mine = await driven(stage, fixes)
    whole = (await track(stage, van, mine))["properties"]
    assert whole["jumps"] == [20, 21]
    thin = (await track(stage, van, mine, tolerance_m=500))["properties"]
    assert [thin["times"][place] for place in thin["jumps"]] == [fixes[20]["time"], fixes[21]["time"]]
    assert thin["times"] == [fixes[n]["time"] for n in (0, 19, 20, 21, 59)]


async def test_thinning_costs_no_more_than_reading_whole(stage: Stage) -> None:
    """Also when PostgreSQL has come to plan without values (from the sixth time on), with wrong estimates."""
    van, mine = await driven(stage, wander(4000, 5))
    best = {}
    for tolerance in (0, 30):
        took = []
        for _ in range(9):
            began = time.perf_counter()
            await track(stage, van, mine, tolerance_m=tolerance)
            took.append(time.perf_counter() - began)
        best[tolerance] = min(took[6:])
    assert best[30] < 5 * best[0], "one fix is not compared with every other"


async def test_next_from_continues_a_long_track(stage: Stage) -> None:
    fixes = wander(95, 4)
    van, mine = await driven(stage, fixes)
    for tolerance in (0, 30):
        seen: list[str] = []
        window = {"from": format_instant(moment(86_000))}
        for _ in range(10):
            page = (await track(stage, van, mine, limit=20, tolerance_m=tolerance, **window))["properties"]
            seen += page["times"]
            if page["next_from"] is None:
                break
            window = {"from": page["next_from"]}
        assert seen[0] == fixes[0]["time"]
        assert seen[-1] == fixes[-1]["time"]
        assert seen == sorted(set(seen))
        assert (len(seen) == 95) is (tolerance == 0)


async def test_csv_has_every_value(stage: Stage) -> None:
    full = fix(650, speed_kmh=36.5, heading_deg=90, altitude_m=-3.5, mileage_km=1234.5, soc_pct=80,
               cargo_temp_c=-18.5, load_state="full")  # fmt: skip
    van, mine = await driven(stage, [full, fix(649, lon=10.0)])
    for asked, extra in (({"format": "csv"}, {}), ({}, {"Accept": "text/csv"})):
        answer = await stage.get("/v1/tracks", {**mine, **extra}, vehicle_id=van.id, **asked)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
        assert answer.headers["content-disposition"] == f'attachment; filename="track-{van.id}.csv"'
        assert "\r\n" in answer.text
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert rows[0] == {
            "time": full["time"], "lon": "122.07", "lat": "41.12", "speed_kmh": "36.5", "heading_deg": "90",
            "altitude_m": "-3.5", "mileage_km": "1234.5", "soc_pct": "80", "cargo_temp_c": "-18.5",
            "load_state": "full", "jump": "0",
        }  # fmt: skip
        assert (rows[1]["speed_kmh"], rows[1]["load_state"], rows[1]["jump"]) == ("", "", "1")
    cut = await stage.get("/v1/tracks", mine, vehicle_id=van.id, format="csv", limit=1)
    assert datetime.fromisoformat(cut.headers["x-next-from"]) == datetime.fromisoformat(
        full["time"]
    ) + timedelta(milliseconds=1)
    assert "x-next-from" not in answer.headers


async def test_gpx_is_gpx(stage: Stage) -> None:
    """Names, order and types of GPX 1.1 (topografix.com/GPX/1/1/gpx.xsd); a jump begins a new segment."""
    fixes = [
        fix(660, lon=0.00001234, lat=41.0, altitude_m=1e-5, speed_kmh=36),
        fix(659, lon=0.00001235, lat=41.0, heading_deg=359.9),
        fix(658, lon=122.0, lat=41.0),
    ]
    van, mine = await driven(stage, fixes)
    answer = await stage.get("/v1/tracks", {**mine, "Accept": "application/gpx+xml"}, vehicle_id=van.id)
    assert answer.headers["content-type"] == "application/gpx+xml"
    root = ET.fromstring(answer.text)  # noqa: S314  our own answer
    assert (root.tag, root.attrib["version"]) == (f"{GPX}gpx", "1.1")
    assert root.attrib["creator"]
    (found,) = root.findall(f"{GPX}trk")
    assert [child.tag for child in found] == [f"{GPX}name", f"{GPX}trkseg", f"{GPX}trkseg"]
    segments = found.findall(f"{GPX}trkseg")
    assert [len(segment) for segment in segments] == [2, 1]
    points = [point for segment in segments for point in segment]
    for point, given in zip(points, fixes, strict=True):
        assert point.tag == f"{GPX}trkpt"
        for name in ("lon", "lat"):
            assert "e" not in point.attrib[name].lower(), "xsd:decimal has no exponent"
            assert float(point.attrib[name]) == pytest.approx(given[name], abs=5e-8)
        tags = [child.tag.removeprefix(GPX) for child in point]
        assert tags == [name for name in ("ele", "time", "extensions") if name in tags]
        assert point.findtext(f"{GPX}time") == given["time"]
    extension = f"{GPX}extensions/{EXTENSION}TrackPointExtension/{EXTENSION}"
    assert (points[0].findtext(f"{extension}speed"), points[0].findtext(f"{extension}course")) == (
        "10.00",
        None,
    )
    assert points[1].findtext(f"{extension}course") == "359.9"
    assert points[2].find(f"{GPX}extensions") is None
    empty = await stage.get("/v1/tracks", mine, vehicle_id=van.id, format="gpx", **{
        "from": format_instant(moment(60)), "to": format_instant(moment(30))})  # fmt: skip
    assert ET.fromstring(empty.text).findall(f".//{GPX}trkpt") == []  # noqa: S314  the same


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "application/geo+json"),
        ("application/json", "application/geo+json"),
        ("text/html, text/csv;q=0.5, application/gpx+xml;q=0.9", "application/gpx+xml"),
        ("text/*", "text/csv; charset=utf-8; header=present"),
        ("text/csv;q=0, */*;q=0.1", "application/geo+json"),
        ("image/png", None),
        ("text/csv;q=nonsense", None),
    ],
)
async def test_the_form_is_negotiated(stage: Stage, accept: str, content_type: str | None) -> None:
    van, mine = await driven(stage, [fix(650)])
    answer = await stage.get("/v1/tracks", {**mine, "Accept": accept}, vehicle_id=van.id)
    if content_type is None:
        assert (answer.status_code, answer.json()["type"]) == (406, "urn:cityfreight:problem:not-acceptable")
    else:
        assert answer.headers["content-type"] == content_type
        assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    "params",
    [{"tolerance_m": -1}, {"tolerance_m": "nan"}, {"tolerance_m": "inf"}, {"format": "kml"},
     {"tolerance_m": 10_001}, {"tolerance_m": "wide"}, {"limit": 0}, {"limit": 20_001},
     {"from": "2026-01-01"}, {"from": "2026-01-01T00:00:00"}, {"vehicle_id": "x"}, {"vehicle_id": ""},
     {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
     {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
     {"from": "2026-01-01T00:00:00Z", "to": "2026-02-02T00:00:00Z"}],
)  # fmt: skip
async def test_bad_questions_get_a_problem(stage: Stage, params: dict[str, Any]) -> None:
    mine = headers(enterprise_id=await stage.firm())
    answer = await stage.get("/v1/tracks", mine, **{"vehicle_id": uuid4(), **params})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


async def test_a_track_of_nobody_or_anothers_is_not_there(stage: Stage) -> None:
    van, _ = await driven(stage, [fix(650)])
    other = {**headers(enterprise_id=await stage.firm()), "X-Request-ID": "same"}
    answers = [await stage.get("/v1/tracks", other, vehicle_id=each) for each in (van.id, uuid4())]
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].content == answers[1].content
    office = headers(Role.postal_bureau)
    assert (await stage.get("/v1/tracks", office, vehicle_id=van.id, purpose=CASE)).status_code == 200
