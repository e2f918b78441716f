"""Vector tiles: positions where they are, densities without anybody's ways, nothing outside the world."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.auth import Role
from services.shared.clock import utc_now
from services.shared.schemas import format_instant
from services.telemetry.domain.tiles import ancestor_of, edges_of, is_tile
from services.telemetry.operations import densities
from services.telemetry.queries.tiles import Densities, find_densities
from tests.factories.telemetry import fix, headers
from tests.support.mvt import Feature, read_tile, tile_of
from tests.support.positions_stage import Stage
from tests.support.waiting import eventually

MEDIA = "application/vnd.mapbox-vector-tile"
CASE = "道路拥堵分析"
BUSY = "urn:cityfreight:problem:densities-busy"


async def tile(
    stage: Stage, who: dict[str, str], kind: str, z: int, x: int, y: int, **params: Any
) -> list[Feature]:
    answer = await stage.get(f"/v1/{kind}-tiles/{z}/{x}/{y}.mvt", who, **params)
    if answer.status_code == 204:
        assert answer.content == b""
        return []
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == MEDIA
    layers = read_tile(answer.content, z, x, y)
    (features,) = layers.values()
    assert set(layers) == {{"position": "positions", "density": "densities"}[kind]}
    return features


@pytest.mark.parametrize("z", [0, 5, 11, 16])
async def test_every_position_is_in_its_tile(stage: Stage, z: int) -> None:
    firm = await stage.firm()
    mine = headers(enterprise_id=firm)
    chooser = random.Random(z)
    spread = 170 / (1 << z)
    places = {}
    for _ in range(40):
        van = await stage.van(firm)
        place = (
            round(122.07 + chooser.uniform(-spread, spread), 7)
            if z
            else round(chooser.uniform(-180, 180), 7),
            round(41.12 + chooser.uniform(-spread, spread) / 2, 7)
            if z
            else round(chooser.uniform(-85, 85), 7),
        )
        places[van.number] = place
        await stage.receive(van.number, fix(20, lon=place[0], lat=place[1], speed_kmh=40.5, heading_deg=90))
    await stage.fold()
    seen: dict[str, set[int]] = {}
    for z_, x, y in {tile_of(*place, z) for place in places.values()}:
        for feature in await tile(stage, mine, "position", z_, x, y):
            number = feature.properties["terminal_number"]
            seen.setdefault(number, set()).add(feature.id)
            ((lon, lat),) = feature.points
            unit = 360 / (1 << z) / 4096
            assert (lon, lat) == pytest.approx(places[number], abs=unit)
            assert feature.properties["state"] == "moving"
            assert feature.properties["speed_kmh"] == 40.5
            assert feature.properties["vehicle_id"]
    assert set(seen) == set(places)
    assert all(len(ids) == 1 for ids in seen.values()), "the id of a terminal is the same in every tile"
    assert len({next(iter(ids)) for ids in seen.values()}) == 40


async def test_tiles_hold_ones_own(stage: Stage) -> None:
    first, second = await stage.firm(), await stage.firm()
    for firm in (first, second):
        van = await stage.van(firm)
        await stage.drive(van, [fix(20, lon=10.5, lat=10.5)])
    z, x, y = tile_of(10.5, 10.5, 14)
    for firm in (first, second):
        (feature,) = await tile(stage, headers(enterprise_id=firm), "position", z, x, y)
        row = await stage.superuser.fetchval(
            "SELECT enterprise_id FROM telemetry.terminals WHERE terminal_number = $1",
            feature.properties["terminal_number"],
        )
        assert row == firm
        assert not {"enterprise_id", "firm"} & set(feature.properties)
    for role in (Role.police, Role.transport_bureau):
        assert len(await tile(stage, headers(role), "position", z, x, y, purpose=CASE)) == 2
        refused = await stage.get(f"/v1/position-tiles/{z}/{x}/{y}.mvt", headers(role))
        assert refused.json()["type"] == "urn:cityfreight:problem:purpose-required"
    assert (await stage.get(f"/v1/position-tiles/{z}/{x}/{y}.mvt", headers(Role.public))).status_code == 403
    stranger = headers(enterprise_id=await stage.firm())
    assert await tile(stage, stranger, "position", z, x, y) == []


@pytest.mark.parametrize(
    "path",
    [
        "0/0/1",
        "0/1/0",
        "3/8/0",
        "3/0/8",
        "23/0/0",
        "-1/0/0",
        "3/-1/0",
        "99/0/0",
        "x/0/0",
        "1/0/0x",
        "1/1e0/0",
    ],
)
@pytest.mark.parametrize("kind", ["position", "density"])
async def test_what_is_no_tile_is_refused(stage: Stage, kind: str, path: str) -> None:
    answer = await stage.get(f"/v1/{kind}-tiles/{path}.mvt", headers(Role.transport_bureau))
    assert answer.status_code in {404, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_densities_leave_out_cells_of_few(stage: Stage) -> None:
    """Cells of 0.01 degrees with their fixes and vehicles; four vehicles in a cell are few."""
    await stage.superuser.execute("TRUNCATE telemetry.positions")
    firm = await stage.firm()
    vans = [await stage.van(firm) for _ in range(6)]
    since = (utc_now() - timedelta(hours=3)).replace(minute=10)
    many, few, other = (122.075, 41.125), (122.085, 41.125), (122.075, 41.135)
    for number, van in enumerate(vans):
        fixes = [
            {"time": (since + timedelta(seconds=n)).timestamp(), "lon": many[0], "lat": many[1]}
            for n in range(number + 1)
        ]
        if number < 4:
            fixes.append({"time": (since + timedelta(seconds=90)).timestamp(), "lon": few[0], "lat": few[1]})
        if number < 5:
            fixes.append(
                {"time": (since + timedelta(seconds=91)).timestamp(), "lon": other[0], "lat": other[1]}
            )
        await stage.drive(van, fixes)
    office = headers(Role.transport_bureau)
    hour = since.replace(minute=0, second=0, microsecond=0)
    window = {"from": format_instant(hour), "to": format_instant(hour + timedelta(hours=1))}
    found = {}
    for z in (5, 9, 13):
        for z_, x, y in {tile_of(*place, z) for place in (many, few, other)}:
            for feature in await tile(stage, office, "density", z_, x, y, **window):
                found[feature.id] = (feature.properties["fixes"], feature.properties["vehicles"])
                if z == 13:
                    lons, lats = zip(*feature.points, strict=True)
                    assert max(lons) - min(lons) <= 0.01 + 1e-4
                    assert max(lats) - min(lats) <= 0.01 + 1e-4
        assert sorted(found.values()) == [(5, 5), (21, 6)], z
    row, column = 13112, 30207  # degrees north from the pole, and east from the antimeridian, in hundredths
    assert found[row * 36_000 + column] == (21, 6)
    before = {
        "from": format_instant(hour - timedelta(hours=2)),
        "to": format_instant(hour - timedelta(hours=1)),
    }
    assert await tile(stage, office, "density", 0, 0, 0, **before) == []
    for who, status in ((headers(enterprise_id=firm), 403), (headers(Role.police), 403), ({}, 401)):
        assert (await stage.get("/v1/density-tiles/0/0/0.mvt", who, **window)).status_code == status
    for bad in (
        {"from": window["to"], "to": window["from"]},
        {"from": format_instant(hour - timedelta(days=8)), "to": window["to"]},
        {"from": "x"},
    ):
        answer: httpx.Response = await stage.get("/v1/density-tiles/0/0/0.mvt", office, **bad)
        assert answer.status_code == 422


@pytest.mark.parametrize("bound", ["from", "to"])
@pytest.mark.parametrize("past", ["00:30:00Z", "00:00:01Z", "00:00:00.001Z", "08:00:00+05:30"])
async def test_densities_are_of_whole_hours(stage: Stage, bound: str, past: str) -> None:
    office = headers(Role.transport_bureau)
    window = {"from": "2026-03-01T00:00:00+08:00", "to": "2026-03-02T00:00:00Z"}
    path = "/v1/density-tiles/0/0/0.mvt"
    assert (await stage.get(path, office, **window)).status_code in {200, 204}
    answer = await stage.get(path, office, **{**window, bound: f"2026-03-01T{past}"})
    assert answer.status_code == 422, answer.text
    (fault,) = answer.json()["errors"]
    assert (fault["field"], fault["code"]) == (f"query.{bound}", "hour_not_whole")
    assert "整点 / must be a whole hour" in fault["message"]


@asynccontextmanager
async def nothing_counted(stage: Stage) -> AsyncIterator[None]:
    """As long as this lasts, whoever reads positions waits."""
    async with stage.superuser.transaction():
        await stage.superuser.execute("LOCK TABLE telemetry.positions IN ACCESS EXCLUSIVE MODE")
        yield


async def one_counts(stage: Stage) -> None:
    async def waits() -> bool:
        return bool(
            await stage.worker.fetchval(
                "SELECT count(*) = 1 FROM pg_locks WHERE relation = 'telemetry.positions'::regclass"
                " AND NOT granted AND database = (SELECT oid FROM pg_database"
                " WHERE datname = current_database())"
            )
        )

    await eventually(waits)


def ask_for_map(stage: Stage, days: int) -> list[asyncio.Task[httpx.Response]]:
    """Twelve tiles at once, over a window that no other test asks for."""
    office, hour = headers(Role.transport_bureau), utc_now().replace(minute=0, second=0, microsecond=0)
    end = hour - timedelta(days=days)
    window = {"from": format_instant(end - timedelta(days=2)), "to": format_instant(end)}
    places = [f"/v1/density-tiles/4/{x}/{y}.mvt" for x in range(4) for y in range(3)]
    return [asyncio.create_task(stage.get(place, office, **window)) for place in places]


async def test_a_map_that_is_counted_leaves_others_their_answers(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[Any] = []

    async def count(*given: Any) -> Densities:
        counted.append(given[1:3])
        return await find_densities(*given)

    monkeypatch.setattr(densities, "find_densities", count)
    firm = await stage.firm()
    async with nothing_counted(stage):
        tiles = ask_for_map(stage, 20)
        await one_counts(stage)
        async with asyncio.timeout(10):
            latest = await stage.get("/v1/latest-positions", headers(enterprise_id=firm))
        assert latest.status_code == 200
        assert not any(each.done() for each in tiles)
    assert {each.status_code for each in await asyncio.gather(*tiles)} == {204}
    assert len(counted) == 1


async def test_who_waits_too_long_is_to_come_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(densities, "WAIT_S", 0.3)
    async with nothing_counted(stage):
        tiles = ask_for_map(stage, 30)
        await one_counts(stage)
        refused, (counting,) = await asyncio.wait(tiles, timeout=3)
        for each in refused:
            answer = each.result()
            assert (answer.status_code, answer.json()["type"]) == (503, BUSY)
            assert answer.headers["retry-after"] == "5"
        assert len(refused) == 11
    assert (await counting).status_code == 204
    assert {each.status_code for each in await asyncio.gather(*ask_for_map(stage, 30))} == {204}


async def test_a_count_ends_in_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(densities, "COUNT_MS", 200)
    async with nothing_counted(stage), asyncio.timeout(15):
        answer, *others = ask_for_map(stage, 40)
        refused = await answer
        assert (refused.status_code, refused.json()["type"]) == (503, BUSY)
        assert refused.headers["retry-after"] == "5"
        assert "shorter window" in refused.json()["detail"]
        await asyncio.gather(*others)
    monkeypatch.undo()
    assert {each.status_code for each in await asyncio.gather(*ask_for_map(stage, 40))} == {204}


@given(st.integers(0, 22), st.floats(-180, 179.999999), st.floats(-85.05, 85.05))
def test_the_edges_of_a_tile_hold_its_places(z: int, lon: float, lat: float) -> None:
    z, x, y = tile_of(lon, lat, z)
    assert is_tile(z, x, y)
    west, south, east, north = edges_of(z, x, y)
    slack = 1e-9
    assert west - slack <= lon <= east + slack
    assert south - slack <= lat <= north + slack
    wide = edges_of(z, x, y, margin=0.5)
    assert wide[0] <= west
    assert wide[1] <= south
    assert wide[2] >= east
    assert wide[3] >= north
    assert ancestor_of(z, x, y, 8) == tile_of(lon, lat, min(z, 8)) or z <= 8
