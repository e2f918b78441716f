"""Legal holds over HTTP: officials place and lift them, and what they cover outlives its day."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from services.shared.auth import Role
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.schemas import format_instant
from services.telemetry.domain.instants import to_ms
from services.telemetry.operations import retention
from services.telemetry.operations.forgetting import forget_old
from services.telemetry.operations.retention import Step
from services.telemetry.operations.storing import make_partitions
from services.telemetry.queries.retention import find_holds
from tests.factories.telemetry import api, headers
from tests.support.deriving import World, moved
from tests.support.drives import Told, drive
from tests.support.retaining import RULES, Past, midnight

DAY = 186
"""Days ago, a few beyond what is kept."""
POLICE: dict[str, Any] = {"role": Role.police, "name": "李警官"}
BUREAU: dict[str, Any] = {"role": Role.transport_bureau, "name": "王科长"}


@dataclass
class Desk:
    """The API, and a past with one vehicle of one day that is due."""

    client: httpx.AsyncClient
    past: Past
    vehicle: UUID
    other: UUID
    superuser: "asyncpg.Connection[asyncpg.Record]"

    async def place(self, who: Mapping[str, Any] = POLICE, **body: Any) -> httpx.Response:
        given = {"starts_at": format_instant(midnight(DAY)), "reason": "事故调查", **body}
        return await self.client.post("/v1/legal-holds", json=given, headers=headers(**who))

    async def lift(self, hold_id: str, who: Mapping[str, Any] = POLICE) -> httpx.Response:
        return await self.client.post(
            f"/v1/legal-holds/{hold_id}/lifting", json={"reason": "已结案"}, headers=headers(**who)
        )

    async def track(self, vehicle: UUID, path: str = "/v1/tracks") -> dict[str, Any]:
        query: dict[str, Any] = {
            "vehicle_id": str(vehicle), "purpose": "事故调查", "from": format_instant(midnight(DAY)),
            "to": format_instant(midnight(DAY - 1)),
        }  # fmt: skip
        answer = await self.client.get(path, params=query, headers=headers(**POLICE))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def desk(fresh_database_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[Desk]:
    database = Database(fresh_database_urls["telemetry_worker"])
    worker = await database.connect()
    superuser = await asyncpg.connect(fresh_database_urls["superuser"])
    await make_partitions(worker, utc_now())
    past = Past(World(database, worker))
    rows = moved(drive(random.Random(5), 120), midnight(DAY) + timedelta(hours=6))
    rows = [row._replace(alarms=0) for row in rows]
    vehicle, other = [await past.drove(rows) for _ in range(2)]
    await past.witness()
    for each in (vehicle, other):
        await superuser.execute(
            "INSERT INTO telemetry.vehicles VALUES ($1, $2, $3, 2, '2020-01-01Z', NULL, false, 1)",
            each, uuid4(), each.hex[:8],
        )  # fmt: skip
    async with api(fresh_database_urls, tmp_path) as client:
        yield Desk(client, past, vehicle, other, superuser)
    await superuser.close()
    await worker.close()
    await database.close()


async def test_what_is_held_outlives_its_day_and_goes_when_the_hold_is_lifted(desk: Desk) -> None:
    past, vehicle = desk.past, desk.vehicle
    times = await past.stored(vehicle)
    since, until = times[20], times[60]
    body: dict[str, Any] = {
        "starts_at": _text(since),
        "ends_at": _text(until),
        "reference": "盘公交保字〔2026〕12号",
    }
    placed = await desk.place(vehicle_id=str(vehicle), **body)
    assert placed.status_code == 201, placed.text
    hold = placed.json()
    assert (hold["placed_by_name"], hold["owner_role"], hold["gone_before"]) == ("李警官", "police", None)
    assert (await past.retain())[-1] is Step.NOTHING
    held = [at for at in times if since <= at < until]
    assert await past.stored(vehicle) == held
    assert await past.stored(desk.other) == []
    assert len((await desk.track(vehicle))["geometry"]["coordinates"]) == len(held)
    assert await past.aggregates(vehicle) == past.expected(vehicle, [midnight(DAY).date()])
    assert await past.retain() == [Step.NOTHING]
    lifted = await desk.lift(hold["id"], POLICE)
    assert (lifted.json()["lift_reason"], lifted.json()["lifted_by_name"]) == ("已结案", "李警官")
    assert await past.retain() == [Step.DONE, Step.NOTHING]
    assert await past.stored(vehicle) == []
    assert midnight(DAY).date() not in await past.days()
    again = await desk.lift(hold["id"], POLICE)
    assert again.status_code == 409
    assert again.json()["type"].endswith("legal-hold-lifted")


async def test_a_hold_over_all_vehicles_keeps_every_row_and_another_one_its_part(desk: Desk) -> None:
    past = desk.past
    both = {vehicle: await past.stored(vehicle) for vehicle in (desk.vehicle, desk.other)}
    of_all = (await desk.place(BUREAU)).json()
    of_one = (await desk.place(vehicle_id=str(desk.vehicle))).json()
    assert (await past.retain())[-1] is Step.NOTHING
    assert {vehicle: await past.stored(vehicle) for vehicle in both} == both
    later = (await desk.place(BUREAU, vehicle_id=str(desk.other))).json()
    assert await past.retain() == [Step.NOTHING]  # there is nothing to be had back
    await desk.lift(later["id"], BUREAU)
    assert await past.retain() == [Step.NOTHING]
    await desk.lift(of_all["id"], BUREAU)
    assert await past.retain() == [Step.DONE, Step.NOTHING]
    assert await past.stored(desk.vehicle) == both[desk.vehicle]
    assert await past.stored(desk.other) == []
    await desk.lift(of_one["id"])
    await past.retain()
    assert await past.stored(desk.vehicle) == []


async def test_held_rows_take_no_more_and_are_closed(desk: Desk) -> None:
    await desk.place(vehicle_id=str(desk.vehicle))
    await desk.past.retain()
    before = await desk.past.stored(desk.vehicle)
    late = [Told(to_ms(midnight(DAY)) + 7, 122.0, 41.0)]
    await desk.past.world.store(desk.past.keys[desk.vehicle], late)
    assert await desk.past.stored(desk.vehicle) == before
    reasons = await desk.superuser.fetch("SELECT reason FROM telemetry.quarantined_positions")
    assert [row[0] for row in reasons] == ["too_old"]
    reachable = await desk.superuser.fetchval(
        "SELECT has_table_privilege('telemetry_api', $1::regclass, 'SELECT')",
        f"telemetry.positions_{midnight(DAY):%Y%m%d}",
    )
    assert not reachable


async def test_a_hold_placed_while_its_day_goes_keeps_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Placed after the held rows were copied and before the day is dropped."""
    find, placed = find_holds, asyncio.Event()

    async def find_and_place(session: Any, day: Any) -> list[UUID]:
        found = await find(session, day)
        if not placed.is_set():
            placed.set()
            assert (await desk.place(vehicle_id=str(desk.vehicle))).status_code == 201
        return found

    before = await desk.past.stored(desk.vehicle)
    monkeypatch.setattr(retention, "find_holds", find_and_place)
    assert await desk.past.retain() == [Step.WAITING]
    assert await desk.past.stored(desk.vehicle) == before
    assert (await desk.past.retain())[-1] is Step.NOTHING
    assert await desk.past.stored(desk.vehicle) == before
    assert await desk.past.stored(desk.other) == []


async def test_a_hold_that_comes_too_late_says_so(desk: Desk) -> None:
    await desk.past.retain()
    late = (await desk.place(vehicle_id=str(desk.vehicle))).json()
    assert late["gone_before"] == format_instant(midnight(DAY - 1))
    fresh = (await desk.place(vehicle_id=str(desk.vehicle), starts_at=format_instant(utc_now()))).json()
    assert fresh["gone_before"] is None


async def test_what_was_wrong_is_held_with_the_positions(desk: Desk) -> None:
    at = midnight(DAY) + timedelta(hours=7)
    for vehicle in (desk.vehicle, desk.other):
        await desk.superuser.execute(
            "INSERT INTO telemetry.quarantined_positions (digest, terminal_number, reason, detail, raw,"
            " first_received_at, last_received_at) SELECT uuid_send(id), terminal_number, 'x', '', '', $2, $2"
            " FROM telemetry.terminals WHERE terminal_key = $1",
            desk.past.keys[vehicle], at,
        )  # fmt: skip

    async def left() -> list[int]:
        rows = await desk.superuser.fetch(
            "SELECT terminal_key FROM telemetry.quarantined_positions JOIN telemetry.terminals"
            " USING (terminal_number)"
        )
        return [row[0] for row in rows]

    everything = (await desk.place()).json()  # all vehicles, and to come
    assert (await forget_old(desk.past.world.database, RULES, utc_now()))["quarantined_positions"] == 0
    await desk.lift(everything["id"])
    of_it = str(desk.vehicle)
    since, until = (format_instant(midnight(DAY + days)) for days in (60, 40))
    assert (await desk.place(vehicle_id=of_it, starts_at=since, ends_at=until)).status_code == 201
    hold = (await desk.place(vehicle_id=of_it, ends_at=format_instant(at - timedelta(hours=1)))).json()
    assert (await forget_old(desk.past.world.database, RULES, utc_now()))["quarantined_positions"] == 1
    assert await left() == [desk.past.keys[desk.vehicle]]
    await desk.lift(hold["id"])
    assert (await forget_old(desk.past.world.database, RULES, utc_now()))["quarantined_positions"] == 1
    assert await left() == []


async def test_alarms_and_commands_are_held_with_the_positions(desk: Desk) -> None:
    at = midnight(DAY) + timedelta(hours=7)
    for vehicle in (desk.vehicle, desk.other):
        key = desk.past.keys[vehicle]
        await desk.superuser.execute(
            "INSERT INTO telemetry.terminal_alarms (terminal_key, time, alarm_bits, status_bits, received_at)"
            " VALUES ($1, $2, 1, 0, $2)", key, at,
        )  # fmt: skip
        await desk.superuser.execute(
            "INSERT INTO telemetry.terminal_commands (id, terminal_id, terminal_key, enterprise_id, kind,"
            " interval_s, created_at, created_by, expires_at, status) SELECT id, id, terminal_key,"
            " enterprise_id, 'interval', 30, $2, 'x', $2, 'expired' FROM telemetry.terminals"
            " WHERE terminal_key = $1", key, at,
        )  # fmt: skip
    hold = (await desk.place(vehicle_id=str(desk.vehicle))).json()
    await desk.past.retain()
    counts = await forget_old(desk.past.world.database, RULES, utc_now())
    assert (counts["terminal_alarms"], counts["terminal_commands"], counts["latest_positions"]) == (1, 1, 1)
    for table in ("terminal_alarms", "terminal_commands"):
        left = await desk.superuser.fetch(f"SELECT terminal_key FROM telemetry.{table}")  # noqa: S608  names of ours
        assert [row[0] for row in left] == [desk.past.keys[desk.vehicle]]
    await desk.lift(hold["id"])
    counts = await forget_old(desk.past.world.database, RULES, utc_now())
    assert (counts["terminal_alarms"], counts["terminal_commands"]) == (1, 1)


async def test_who_may_and_who_may_not(desk: Desk) -> None:
    firm: dict[str, Any] = {"role": Role.enterprise, "enterprise_id": uuid4(), "name": "张三"}
    others: list[dict[str, Any]] = [
        {"role": Role.police}, {"role": Role.transport_bureau}, {"role": Role.province, "name": "赵"},
    ]  # fmt: skip
    for who in (firm, *others):
        assert (await desk.place(who)).status_code == 403
        listed = await desk.client.get("/v1/legal-holds", headers=headers(**who))
        assert listed.status_code == 403
    of_police, of_bureau = (await desk.place()).json(), (await desk.place(BUREAU)).json()
    for who in (POLICE, BUREAU):
        listed = await desk.client.get("/v1/legal-holds", headers=headers(**who))
        assert [each["id"] for each in listed.json()["items"]] == [of_police["id"], of_bureau["id"]]
    one = await desk.client.get(f"/v1/legal-holds/{of_bureau['id']}", headers=headers(**POLICE))
    assert one.json() == of_bureau
    not_theirs = await desk.lift(of_bureau["id"], POLICE)
    unknown = await desk.lift(str(uuid4()), POLICE)
    assert not_theirs.status_code == unknown.status_code == 404
    assert not_theirs.json()["type"] == unknown.json()["type"]
    assert (await desk.lift(of_bureau["id"], BUREAU)).status_code == 200
    in_force = await desk.client.get("/v1/legal-holds", headers=headers(**POLICE))
    assert [each["id"] for each in in_force.json()["items"]] == [of_police["id"]]
    query: dict[str, Any] = {"include_lifted": True, "limit": 1}
    page = (await desk.client.get("/v1/legal-holds", params=query, headers=headers(**POLICE))).json()
    more = {**query, "cursor": page["next_cursor"]}
    rest = (await desk.client.get("/v1/legal-holds", params=more, headers=headers(**POLICE))).json()
    assert [page["items"][0]["id"], rest["items"][0]["id"]] == [of_police["id"], of_bureau["id"]]
    of_vehicle = {"vehicle_id": str(desk.vehicle)}
    found = await desk.client.get("/v1/legal-holds", params=of_vehicle, headers=headers(**POLICE))
    assert [each["id"] for each in found.json()["items"]] == [of_police["id"]]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"reason": ""}, 422), ({"reason": " "}, 422),
        ({"reason": "x" * 1001}, 422), ({"reason": "a\0"}, 422), ({"why": "x"}, 422),
        ({"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-02T00:00:00Z"}, 422),
        ({"reason": "查 13912345678 的车"}, 422), ({"reason": "驾驶员 11010519491231002X"}, 422),
        ({"reference": "139 1234 5678"}, 422), ({"reference": "１１０１０５１９４９１２３１００２Ｘ"}, 422),
        ({"starts_at": "2026-01-02"}, 422), ({"vehicle_id": "x"}, 422),
        ({"vehicle_id": "0197a3c2-5e0f-7b1a-8c3d-2f4e6a8b0c1d"}, 404),
    ],
)  # fmt: skip
async def test_what_is_no_hold_is_refused(desk: Desk, body: dict[str, Any], status: int) -> None:
    answer = await desk.place(**body)
    assert answer.status_code == status, answer.text
    assert await desk.superuser.fetchval("SELECT count(*) FROM telemetry.legal_holds") == 0


async def test_who_lifts_a_hold_names_no_number_either(desk: Desk) -> None:
    hold = (await desk.place()).json()
    path = f"/v1/legal-holds/{hold['id']}"
    for text in ("已告知 13912345678", "11010519491231002X 已结案"):
        answer = await desk.client.post(f"{path}/lifting", json={"reason": text}, headers=headers(**POLICE))
        assert answer.status_code == 422, answer.text
        assert [each["field"] for each in answer.json()["errors"]] == ["body.reason"]
    assert (await desk.client.get(path, headers=headers(**POLICE))).json()["lifted_at"] is None


async def test_a_hold_is_never_unsaid(desk: Desk, fresh_database_urls: dict[str, str]) -> None:
    await desk.place()
    for role in ("telemetry_api", "telemetry_worker"):
        connection = await asyncpg.connect(fresh_database_urls[role])
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.role', 'police', true)")
            for change in (
                "DELETE FROM telemetry.legal_holds",
                "UPDATE telemetry.legal_holds SET reason = ''",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with connection.transaction():
                        await connection.execute(change)
        await connection.close()


async def test_aggregates_answer_where_the_track_is_gone(desk: Desk) -> None:
    past, vehicle = desk.past, desk.vehicle
    assert (await desk.track(vehicle, "/v1/track-aggregates"))["features"] == []
    await past.retain()
    track = await desk.track(vehicle)
    assert track["geometry"]["coordinates"] == []
    assert track["properties"]["dropped_before"] == format_instant(midnight(DAY - 1))
    found = await desk.track(vehicle, "/v1/track-aggregates")
    expected = past.expected(vehicle, [midnight(DAY).date()])
    assert (found["source"], found["interval_s"], found["next_from"]) == ("aggregates", 300, None)
    assert found["dropped_before"] == format_instant(midnight(DAY - 1))
    assert len(found["features"]) == len(expected)
    for feature, row in zip(found["features"], expected, strict=True):
        told = feature["properties"]
        assert feature["geometry"]["coordinates"] == [row["mean_lon"], row["mean_lat"]]
        assert told["time"] == _text(row["time_ms"])
        assert (told["fixes"], told["jumps"]) == (row["fixes"], row["jumps"])
        assert told["distance_km"] == pytest.approx(row["length_mm"] / 1e6, abs=0.0005)
        assert told["moving_s"] == pytest.approx(row["moving_ms"] / 1000, abs=0.5)
        assert [told["last_at"], *told["last"]] == [_text(row["last"][0]), *row["last"][1:]]
    owner = await desk.superuser.fetchval(
        "SELECT enterprise_id FROM telemetry.vehicles WHERE id = $1", vehicle
    )
    readings = await desk.client.get("/v1/position-readings", headers=headers(enterprise_id=owner))
    (*_, last) = readings.json()["items"]
    assert (last["kind"], last["vehicle_ids"]) == ("track_aggregates", [str(vehicle)])


async def test_aggregates_are_the_owners_and_go_on_where_they_were_cut(desk: Desk) -> None:
    await desk.past.retain()
    owner = await desk.superuser.fetchval(
        "SELECT enterprise_id FROM telemetry.track_aggregates WHERE vehicle_id = $1", desk.vehicle
    )
    await desk.superuser.execute("UPDATE telemetry.vehicles SET enterprise_id = $1", owner)
    query: dict[str, Any] = {
        "vehicle_id": str(desk.vehicle), "from": format_instant(midnight(DAY)),
        "to": format_instant(midnight(DAY - 1)),
    }  # fmt: skip
    mine = headers(enterprise_id=owner)
    whole = (await desk.client.get("/v1/track-aggregates", params=query, headers=mine)).json()["features"]
    cut, at = list[Any](), query["from"]
    while at is not None:
        part = {**query, "from": at, "limit": 7}
        answer = (await desk.client.get("/v1/track-aggregates", params=part, headers=mine)).json()
        cut += answer["features"]
        at = answer["next_from"]
    assert cut == whole
    assert whole
    theirs = {**query, "vehicle_id": str(desk.other)}  # now said to be of the same firm, its rows are not
    assert (await desk.client.get("/v1/track-aggregates", params=theirs, headers=mine)).json()[
        "features"
    ] == []
    strangers = headers(enterprise_id=uuid4())
    refused = await desk.client.get("/v1/track-aggregates", params=query, headers=strangers)
    assert refused.status_code == 404


def _text(time_ms: int) -> str:
    return format_instant(datetime.fromtimestamp(time_ms / 1000, midnight(0).tzinfo))
