"""Releases of what came in other forms: JT/T 808 bytes, and documents that bridges passed on."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.shared.auth import Role
from services.shared.clock import utc_now
from services.shared.db import Database
from services.telemetry.consumers.documents import Documents
from services.telemetry.domain.fixes import Rejected
from services.telemetry.domain.instants import to_ms
from services.telemetry.domain.jt808.judging import Judged, judge_message, raw
from services.telemetry.operations.batch import Batch
from services.telemetry.operations.storing import store_batch
from services.telemetry.queries.terminals import find_terminal_keys
from tests.factories import jt808
from tests.factories.telemetry import headers, moment
from tests.support.deriving import World
from tests.support.positions_stage import ZONE, Stage, Van, running_stage
from tests.telemetry.domain.test_documents import TRACCAR
from tests.telemetry.operations.test_releasing import accounts, differing, release

REPORT, BATCH = 0x0200, 0x0704
EMERGENCY = 1


@pytest.fixture
async def stage(fresh_database_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_stage(fresh_database_urls, tmp_path) as running:
        yield running


async def listen(stage: Stage, van: Van, reports: list[Judged], at: datetime) -> None:
    """Store judged reports as the listener does."""
    key = (await find_terminal_keys(stage.worker, [van.number]))[van.number]
    batch = Batch(at)
    for report in reports:
        batch.add(van.number, key, report, to_ms(at))
    await store_batch(stage.worker, batch, ZONE)


def refused(report: Judged, body: bytes) -> Judged:
    """The same as a decoder with a fault judged it."""
    return Judged(
        report.time_ms, None, Rejected("undecodable", "", raw(REPORT, body)), report.alarm, report.status
    )


async def pass_on(stage: Stage, sender: str, document: dict[str, Any], at: datetime) -> None:
    """Take a message as ingest does."""
    keys = await find_terminal_keys(stage.worker, [sender])
    batch = Batch(at, redelivered=True)
    documents = Documents(batch, to_ms(at))
    assert documents.take(sender, keys.get(sender), json.dumps(document).encode())
    await documents.resolve(stage.worker)
    await store_batch(stage.worker, batch, ZONE)


async def add_terminal(stage: Stage, number: str, firm: UUID, kind: str) -> None:
    await stage.superuser.execute(
        "INSERT INTO telemetry.terminals (id, terminal_number, enterprise_id, kind, secret_verifier,"
        " created_at, status) VALUES ($1, $2, $3, $4, '', now(), 'active')",
        uuid4(), number, firm, kind,
    )  # fmt: skip


async def positions(stage: Stage) -> list[tuple[Any, ...]]:
    rows = await stage.superuser.fetch(
        "SELECT terminal_number, content_hash, alarm_bits, status_bits FROM telemetry.positions"
        " JOIN telemetry.terminals USING (terminal_key) ORDER BY time"
    )
    return [tuple(row) for row in rows]


async def test_a_report_of_808_is_stored_with_its_flags_and_its_alarm_gets_its_place(stage: Stage) -> None:
    van, twin = [await stage.van(await stage.firm(), kind="jt808") for _ in range(2)]
    now = utc_now()
    body = jt808.report(moment(86_460).replace(microsecond=0), alarm=EMERGENCY)
    (report,) = judge_message(REPORT, body, to_ms(now))
    await listen(stage, twin, [report], now)
    for at in (now - timedelta(days=1), now):
        await listen(stage, van, [refused(report, body)], at)
    await stage.fold()
    assert sorted((await accounts(stage)).values()) == [(1, 0, 0, 1), (1, 0, 0, 1), (1, 1, 0, 0)]
    heard = "SELECT heard_at, minutes, clock_offset_ms FROM telemetry.terminal_health ORDER BY terminal_key"
    before = await stage.superuser.fetch(heard)
    found = await release(stage, {"filter": {"reasons": ["undecodable"]}})
    assert (found["released"], found["stored"], found["duplicate"]) == (1, 1, 1)
    (first, second) = sorted(await positions(stage), key=lambda row: row[0] == van.number)
    assert second[1:] == first[1:], "as if it had been readable at once"
    assert second[2:] == (EMERGENCY, report.status)
    assert sorted((await accounts(stage)).values()) == [(1, 0, 1, 0), (1, 1, 0, 0), (1, 1, 0, 0)]
    assert await differing(stage) == []
    alarms = await stage.superuser.fetch("SELECT lon, lat FROM telemetry.terminal_alarms")
    assert [tuple(row) for row in alarms] == 2 * [(122.07, 41.12)]
    assert await stage.superuser.fetch(heard) == before, "nothing was received"


async def test_an_alert_without_a_position_gives_way_to_the_one_with_it(stage: Stage) -> None:
    van = await stage.van(await stage.firm(), kind="jt808")
    now = utc_now()
    body = jt808.report(moment(60).replace(microsecond=0), alarm=EMERGENCY)
    (report,) = judge_message(REPORT, body, to_ms(now))
    await listen(stage, van, [refused(report, body)], now)
    database = Database(stage.urls["telemetry_worker"])
    world = World(database, stage.worker)
    said = "SELECT without_position, status, device_alarm FROM telemetry.alerts ORDER BY 1"
    await world.derive()
    assert [tuple(row) for row in await stage.superuser.fetch(said)] == [(True, "closed", "emergency")]
    await release(stage, {"filter": {"reasons": ["undecodable"]}})
    await world.derive()
    assert [tuple(row) for row in await stage.superuser.fetch(said)] == [
        (False, "open", "emergency"),
        (True, "retracted", "emergency"),
    ]
    await world.check_published()
    await database.close()


async def test_a_batch_kept_whole_stays_while_a_part_of_it_is_unreadable(stage: Stage) -> None:
    van = await stage.van(await stage.firm(), kind="jt808")
    now = utc_now()
    body = jt808.batch([jt808.report(moment(60)), b"short", jt808.report(moment(30))])
    await listen(stage, van, judge_message(BATCH, body, to_ms(now)), now)
    await stage.fold()
    assert list((await accounts(stage)).values()) == [(3, 2, 0, 1)]
    found = await release(stage, {"filter": {"terminal_number": van.number}})
    assert (found["examined"], found["released"], found["stored"], found["duplicate"]) == (1, 0, 0, 0)
    assert list((await accounts(stage)).values()) == [(3, 2, 0, 1)]
    assert await differing(stage) == []


def traccar(number: str, seconds_ago: float) -> dict[str, Any]:
    at = moment(seconds_ago).isoformat()
    return {
        "position": {**TRACCAR["position"], "fixTime": at},
        "device": {**TRACCAR["device"], "uniqueId": number},
    }


async def test_what_a_bridge_passed_on_goes_to_the_terminal_once_its_firm_has_it(stage: Stage) -> None:
    firm, other = await stage.firm(), await stage.firm()
    await add_terminal(stage, "BRIDGE", firm, "bridge")
    await add_terminal(stage, "OTHERS", other, "mqtt")
    now = utc_now()
    late = traccar("LATE", 60)
    for document in (late, late, {**late, "position": {**late["position"], "latitude": 91}}):
        await pass_on(stage, "BRIDGE", document, now)
    await pass_on(stage, "BRIDGE", traccar("OTHERS", 50), now)
    await stage.fold()
    day = next(iter(await accounts(stage)))[1]
    assert await accounts(stage) == {("BRIDGE", day): (4, 0, 0, 4)}
    asked = {"filter": {"terminal_number": "BRIDGE"}}
    assert (await release(stage, asked))["released"] == 0
    assert await accounts(stage) == {("BRIDGE", day): (4, 0, 0, 4)}
    await add_terminal(stage, "LATE", firm, "mqtt")
    found = await release(stage, asked, headers(Role.transport_bureau, name="李工"))
    assert (found["stored"], found["duplicate"]) == (1, 1)
    assert [row[0] for row in await positions(stage)] == ["LATE"]
    assert await accounts(stage) == {("BRIDGE", day): (1, 0, 0, 1), ("LATE", day): (3, 1, 1, 1)}
    rows = await stage.superuser.fetch(
        "SELECT terminal_number, enterprise_id, reason, times FROM telemetry.quarantined_positions ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [
        ("BRIDGE", firm, "unknown_terminal", 1),
        ("LATE", firm, "out_of_range", 1),
    ]
    assert await differing(stage) == []
    assert (await release(stage, asked))["released"] == 0


async def test_what_was_passed_on_for_one_terminal_goes_to_no_other_it_names(stage: Stage) -> None:
    firm = await stage.firm()
    await add_terminal(stage, "BRIDGE", firm, "bridge")
    await add_terminal(stage, "NAMED", firm, "mqtt")
    await pass_on(stage, "jt808/BRIDGE/13999999998/up", traccar("NAMED", 60), utc_now())
    await stage.fold()
    for _ in range(2):
        assert (await release(stage, {"filter": {"terminal_number": "BRIDGE"}}))["stored"] == 0
        row = await stage.superuser.fetchrow("SELECT reason, detail FROM telemetry.quarantined_positions")
        assert row is not None
        assert tuple(row) == ("unknown_terminal", "13999999998")
    await add_terminal(stage, "13999999998", firm, "jt808")
    assert (await release(stage, {"filter": {"terminal_number": "BRIDGE"}}))["stored"] == 0
    row = await stage.superuser.fetchrow(
        "SELECT terminal_number, reason FROM telemetry.quarantined_positions"
    )
    assert row is not None
    assert tuple(row) == ("13999999998", "wrong_terminal")
    assert await positions(stage) == []
    assert await differing(stage) == []


async def test_an_own_position_sent_by_a_bridge_stays_nobodys(stage: Stage) -> None:
    await add_terminal(stage, "BRIDGE", await stage.firm(), "bridge")
    at = moment(10)
    await stage.receive(
        "BRIDGE", [{"time": (at - timedelta(seconds=n)).timestamp(), "lon": 122, "lat": 41} for n in (1, 2)]
    )
    await stage.fold()
    before = await accounts(stage)
    assert list(before.values()) == [(2, 0, 0, 2)]
    assert (await release(stage, {"filter": {"terminal_number": "BRIDGE"}}))["stored"] == 0
    assert await accounts(stage) == before
    assert await differing(stage) == []
