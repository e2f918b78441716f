"""Positions from a real broker into PostgreSQL: stored once, receipted, accounted, latest never back."""

import json
from typing import Any
from uuid import UUID

import pytest

from tests.factories.telemetry import add_enterprise, add_vehicle, fix, headers, moment, service_headers
from tests.support.waiting import eventually
from tests.telemetry.conftest import Device, Service, device, provision


@pytest.fixture(scope="module")
async def enterprise_id(service: Service) -> UUID:
    return await add_enterprise(service.superuser)


def receipted(found: Device) -> set[tuple[int | None, int]]:
    """Every (boot, seq) a device has been told."""
    pairs: set[tuple[int | None, int]] = set()
    for message in found.received:
        receipt = json.loads(message.payload)
        for first, last in receipt["ranges"]:
            pairs |= {(receipt["boot"], number) for number in range(first, last + 1)}
    return pairs


async def accounts(service: Service, number: str, enterprise_id: UUID) -> dict[str, int]:
    answer = await service.api.get(
        "/v1/ingest-accounting",
        params={"terminal_number": number},
        headers=headers(enterprise_id=enterprise_id),
    )
    rows = answer.json()["items"]
    return {
        name: sum(row[name] for row in rows) for name in ("received", "stored", "duplicate", "quarantined")
    }


async def test_a_fix_is_stored_receipted_accounted_and_readable(
    service: Service, enterprise_id: UUID
) -> None:
    vehicle_id = await add_vehicle(service.superuser, enterprise_id)
    fitted = moment(3600).isoformat()
    credential = await provision(
        service, "E2E-1", enterprise_id, vehicle_id=str(vehicle_id), fitted_at=fitted
    )
    newest, older = fix(10, boot=7, seq=2, speed_kmh=36.5, load_state="partial"), fix(70, boot=7, seq=1)
    async with device(service, credential) as found:
        for payload in (newest, older, [newest, older]):
            assert await found.connection.deliver(found.topic, json.dumps(payload).encode()) == 0

        async def has_receipts() -> bool:
            return receipted(found) == {(7, 1), (7, 2)}

        await eventually(has_receipts)

    async def is_accounted() -> bool:
        found = await accounts(service, "E2E-1", enterprise_id)
        return found == {"received": 4, "stored": 2, "duplicate": 2, "quarantined": 0}

    await eventually(is_accounted)
    assert await service.stored("E2E-1") == 2
    mine = headers(enterprise_id=enterprise_id)
    latest = (
        await service.api.get("/v1/latest-positions", params={"bbox": "122,41,122.2,41.2"}, headers=mine)
    ).json()
    (feature,) = [f for f in latest["features"] if f["properties"]["terminal_number"] == "E2E-1"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [122.07, 41.12]}
    assert feature["properties"]["speed_kmh"] == 36.5
    assert feature["properties"]["load_state"] == "partial"
    assert feature["properties"]["vehicle_id"] == str(vehicle_id)
    assert feature["properties"]["time"] == newest["time"]
    track = (await service.api.get("/v1/tracks", params={"vehicle_id": str(vehicle_id)}, headers=mine)).json()
    assert track["geometry"] == {"type": "LineString", "coordinates": [[122.07, 41.12]] * 2}
    assert track["properties"]["times"] == [at["time"] for at in (older, newest)]
    changes = await service.api.get("/internal/v1/latest-positions", headers=service_headers())
    (item,) = [item for item in changes.json()["items"] if item["vehicle_id"] == str(vehicle_id)]
    assert item["time"] == newest["time"]
    after = changes.json()["next_after"]
    again = await service.api.get(
        "/internal/v1/latest-positions", params={"after": after}, headers=service_headers()
    )
    assert again.json() == {"items": [], "next_after": after}


BAD: list[tuple[str, str, str]] = [
    ("not json", "{", "malformed_json"),
    ("not UTF-8", "\udcff", "malformed_json"),
    ("deep", "[" * 20_000, "malformed_json"),
    ("a number", "17", "not_an_object"),
    ("an item that is no object", "[17]", "not_an_object"),
    ("unknown field", '{"time": NOW, "lon": 122, "lat": 41, "plate": "x"}', "unknown_field"),
    ("no longitude", '{"time": NOW, "lat": 41}', "missing_field"),
    ("text for a number", '{"time": NOW, "lon": "122", "lat": 41}', "wrong_type"),
    ("true for a number", '{"time": NOW, "lon": true, "lat": 41}', "wrong_type"),
    ("NaN", '{"time": NOW, "lon": NaN, "lat": 41}', "not_finite"),
    ("beyond a double", '{"time": NOW, "lon": 122, "lat": 41, "speed_kmh": 1e999}', "not_finite"),
    ("latitude 91", '{"time": NOW, "lon": 122, "lat": 91}', "out_of_range"),
    ("heading 361", '{"time": NOW, "lon": 122, "lat": 41, "heading_deg": 361}', "out_of_range"),
    (
        "huge sequence number",
        '{"time": NOW, "lon": 122, "lat": 41, "seq": 1' + "0" * 30 + "}",
        "out_of_range",
    ),
    ("beyond a pole once turned", '{"time": NOW, "lon": -180, "lat": -90, "crs": "BD-09"}', "out_of_range"),
    ("unknown crs", '{"time": NOW, "lon": 122, "lat": 41, "crs": "CGCS-54"}', "unknown_crs"),
    ("unknown load state", '{"time": NOW, "lon": 122, "lat": 41, "load_state": "half"}', "wrong_type"),
    ("null island", '{"time": NOW, "lon": 0, "lat": 0}', "null_island"),
    ("no time zone", '{"time": "2026-01-01T00:00:00", "lon": 122, "lat": 41}', "time_invalid"),
    ("no such day", '{"time": "2026-02-30T00:00:00Z", "lon": 122, "lat": 41}', "time_invalid"),
    ("in the future", '{"time": FUTURE, "lon": 122, "lat": 41}', "time_in_future"),
    ("beyond any calendar", '{"time": 1e300, "lon": 122, "lat": 41}', "time_in_future"),
    ("before any calendar", '{"time": -1e306, "lon": 122, "lat": 41}', "time_too_old"),
    ("ancient", '{"time": ANCIENT, "lon": 122, "lat": 41}', "time_too_old"),
    ("too many", f"[{','.join(['0'] * 2001)}]", "too_many_positions"),
]


@pytest.mark.parametrize(("name", "payload", "reason"), BAD, ids=[name for name, *_ in BAD])
async def test_bad_input_goes_to_quarantine_and_good_of_the_same_batch_is_stored(
    service: Service, enterprise_id: UUID, name: str, payload: str, reason: str
) -> None:
    number = f"BAD-{BAD.index((name, payload, reason))}"
    credential = await provision(service, number, enterprise_id)
    for word, seconds_ago in (("NOW", 5.0), ("FUTURE", -400.0), ("ANCIENT", 31 * 86_400.0)):
        payload = payload.replace(word, f'"{moment(seconds_ago).isoformat()}"')
    good = json.dumps(fix(1, seq=9))
    async with device(service, credential) as found:
        texts = [payload, good]
        if payload.startswith("{") and payload.endswith("}"):
            texts.append(f"[{payload}, {json.dumps(fix(2, seq=10))}]")
        for body in texts:
            assert await found.connection.deliver(found.topic, body.encode("utf-8", "surrogateescape")) == 0

        async def has_receipt() -> bool:
            return {(None, 9)} <= receipted(found)

        await eventually(has_receipt)

    async def is_accounted() -> bool:
        found = await accounts(service, number, enterprise_id)
        return (
            found["received"] == found["stored"] + found["quarantined"] and found["stored"] == len(texts) - 1
        )

    await eventually(is_accounted)
    answer = await service.api.get(
        "/v1/quarantined-positions",
        params={"terminal_number": number},
        headers=headers(enterprise_id=enterprise_id),
    )
    items = answer.json()["items"]
    assert {item["reason"] for item in items} == {reason}
    assert sum(item["times"] for item in items) == len(texts) - 1


async def test_an_unknown_terminal_is_quarantined_and_accounted(
    service: Service, enterprise_id: UUID
) -> None:
    credential = await provision(service, "GHOST", enterprise_id)
    await service.superuser.execute("DELETE FROM telemetry.terminals WHERE terminal_number = 'GHOST'")
    async with device(service, credential) as found:
        assert await found.connection.deliver(found.topic, json.dumps(fix()).encode()) == 0

    async def is_there() -> bool:
        query = "SELECT count(*) FROM telemetry.quarantined_positions WHERE reason = 'unknown_terminal'"
        return await service.count(query) == 1

    await eventually(is_there)
    row = await service.superuser.fetchrow(
        "SELECT received, quarantined FROM telemetry.ingest_accounting WHERE terminal_number = 'GHOST'"
    )
    assert row is not None
    assert tuple(row) == (1, 1)


async def test_latest_does_not_move_back_and_equal_times_take_the_least_hash(
    service: Service, enterprise_id: UUID
) -> None:
    credential = await provision(service, "LATEST", enterprise_id)
    base = fix(30)
    twins: list[dict[str, Any]] = [{**base, "lon": 122.0 + n / 100} for n in range(4)]
    async with device(service, credential) as found:
        for number, payload in enumerate((*twins, fix(600, lon=121.0)), start=1):
            await found.connection.deliver(found.topic, json.dumps(payload).encode())

            async def is_folded(number: int = number) -> bool:
                query = "SELECT received FROM telemetry.ingest_accounting WHERE terminal_number = 'LATEST'"
                return bool(await service.superuser.fetchval(query) == number)

            await eventually(is_folded)
    row = await service.superuser.fetchrow(
        "SELECT l.lon, (SELECT p.lon FROM telemetry.positions p WHERE p.terminal_key = l.terminal_key"
        " ORDER BY p.time DESC, p.content_hash LIMIT 1) FROM telemetry.latest_positions l"
        " JOIN telemetry.terminals USING (terminal_key) WHERE terminal_number = 'LATEST'"
    )
    assert row is not None
    assert row[0] == row[1] != 121.0


async def test_chinese_coordinates_are_stored_as_wgs84(service: Service, enterprise_id: UUID) -> None:
    credential = await provision(service, "CRS", enterprise_id)
    # domain.md 3.11: WGS-84 122.070, 41.120 is GCJ-02 122.07549159091725, 41.12209145557409.
    shifted = fix(5, lon=122.07549159091725, lat=41.12209145557409, crs="GCJ-02")
    async with device(service, credential) as found:
        await found.connection.deliver(found.topic, json.dumps(shifted).encode())

    async def is_there() -> bool:
        return await service.stored("CRS") == 1

    await eventually(is_there)
    row = await service.superuser.fetchrow(
        "SELECT lon, lat FROM telemetry.positions JOIN telemetry.terminals USING (terminal_key)"
        " WHERE terminal_number = 'CRS'"
    )
    assert row is not None
    assert tuple(row) == pytest.approx((122.070, 41.120), abs=1e-8)
