"""Releases against PostgreSQL: random histories end as if everything had been readable when it came."""

import hashlib
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from services.shared.auth import Role
from services.shared.clock import utc_now
from services.shared.schemas import format_instant
from services.shared.standards.zones import CITY_ZONE
from services.telemetry.domain.fixes import Accepted, Rejected, decode
from services.telemetry.domain.instants import to_ms
from services.telemetry.domain.releasing import Held, Verdict, judge_again
from services.telemetry.domain.retention import RetentionRules
from services.telemetry.domain.rows import encode
from services.telemetry.operations import releasing
from services.telemetry.operations.accounting import Round, check_some, compare_accounts
from services.telemetry.operations.releasing import release_some
from tests.factories.telemetry import fix, headers
from tests.support.positions_stage import ZONE, Stage, running_stage

RULES = RetentionRules()
SEEDS = range(60 if os.environ.get("FREIGHT_LONG") else 6)


@pytest.fixture
async def stage(fresh_database_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_stage(fresh_database_urls, tmp_path) as running:
        yield running


def old_decoder(payload: bytes, now_ms: int) -> tuple[list[Accepted], list[Rejected]]:
    """A decoder with two faults: messages with a comment are unreadable, speeds above 100 out of range."""
    accepted, rejected = no_comments(payload, now_ms)
    fast = [fix for _, fix in accepted if (fix.speed_kmh or 0) > 100]
    rejected += [Rejected("out_of_range", "speed_kmh", msgspec.json.encode(_plain(fix))) for fix in fast]
    return [each for each in accepted if each[1] not in fast], rejected


def no_comments(payload: bytes, now_ms: int) -> tuple[list[Accepted], list[Rejected]]:
    """A decoder with the first of these faults."""
    if payload.startswith(b"/**/"):
        return [], [Rejected("malformed_json", "", payload)]
    return decode(payload, now_ms)


def mended(payload: bytes, now_ms: int) -> tuple[list[Accepted], list[Rejected]]:
    return decode(payload.removeprefix(b"/**/"), now_ms)


def _plain(given: Any) -> dict[str, Any]:
    return {"time": given.time, "lon": given.lon, "lat": given.lat, "speed_kmh": given.speed_kmh}


async def release(stage: Stage, body: dict[str, Any], who: dict[str, str] | None = None) -> dict[str, Any]:
    """Ask for a release, carry it out, give what it says then."""
    who = who or headers(Role.transport_bureau, name="李工")
    made = await stage.api.post("/v1/quarantine-releases", json=body, headers=who)
    assert made.status_code == 201, made.text
    assert made.json()["status"] == "pending"
    while await release_some(stage.worker, ZONE, RULES, utc_now()):
        pass
    await stage.fold()
    read = await stage.get(f"/v1/quarantine-releases/{made.json()['id']}", who)
    found: dict[str, Any] = read.json()
    assert found["status"] == "done"
    assert found["finished_at"] is not None
    return found


async def accounts(stage: Stage) -> dict[tuple[str, Any], tuple[int, ...]]:
    rows = await stage.superuser.fetch("SELECT * FROM telemetry.ingest_accounting")
    return {
        (row["terminal_number"], row["day"]): tuple(
            row[name] for name in ("received", "stored", "duplicate", "quarantined")
        )
        for row in rows
    }


async def differing(stage: Stage) -> list[Any]:
    rows = await stage.superuser.fetch("SELECT terminal_key, terminal_number FROM telemetry.terminals")
    today = utc_now().astimezone(CITY_ZONE).date()
    return await compare_accounts(stage.worker, {row[0]: row[1] for row in rows}, ZONE, today)


async def _provision(stage: Stage, number: str, firm: UUID) -> None:
    await stage.superuser.execute(
        "INSERT INTO telemetry.terminals (id, terminal_number, enterprise_id, secret_verifier, created_at)"
        " VALUES ($1, $2, $3, '', now())",
        uuid4(), number, firm,
    )  # fmt: skip


def _messages(chooser: random.Random) -> list[tuple[str, bytes, datetime]]:
    """(terminal, payload, reception) in order of reception, over five days, many of them again."""
    begin = utc_now() - timedelta(days=5)
    pool = []
    for _ in range(chooser.randint(4, 12)):
        parts = [
            {
                "time": (begin - timedelta(seconds=chooser.randint(0, 5))).timestamp(),
                "lon": 122.0 + chooser.randint(0, 2) / 10,
                "lat": chooser.choice([41.0, 41.0, 41.0, 91.0]),
                "speed_kmh": chooser.choice([50.0, 150.0]),
            }
            for _ in range(chooser.randint(0, 4))
        ]
        text = json.dumps(parts[0] if len(parts) == 1 and chooser.random() < 0.5 else parts)
        pool.append(chooser.choice(["", "", "/**/"]).encode() + text.encode())
    numbers = ["LATE-1", "LATE-2", "KNOWN"]
    received = sorted(begin + timedelta(seconds=chooser.random() * 5 * 86_400) for _ in range(40))
    return [(chooser.choice(numbers), chooser.choice(pool), at) for at in received]


@pytest.mark.parametrize("seed", SEEDS)
async def test_it_ends_as_if_everything_had_been_readable(
    stage: Stage, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chooser = random.Random(seed)
    firm = await stage.firm()
    await _provision(stage, "KNOWN", firm)
    messages = _messages(chooser)
    arrival = chooser.randint(0, len(messages))
    for place, (number, payload, at) in enumerate(messages):
        if place == arrival:
            await _provision(stage, "LATE-1", firm)
            await _provision(stage, "LATE-2", firm)
        # Of a message of nobody the good fixes are one row: which they were is not told.
        await stage.receive(number, payload, at, old_decoder if number == "KNOWN" else no_comments)
        if chooser.random() < 0.3:
            await stage.fold()
    if arrival == len(messages):
        await _provision(stage, "LATE-1", firm)
        await _provision(stage, "LATE-2", firm)
    assert await differing(stage) == []
    monkeypatch.setattr("services.telemetry.domain.releasing.decode", mended)
    monkeypatch.setattr(releasing, "MOST_ROWS", chooser.choice([1, 3, 200]))
    for number in chooser.sample(["LATE-1", "LATE-2", "KNOWN"], chooser.randint(0, 2)):
        await release(stage, {"filter": {"terminal_number": number}})
        assert await differing(stage) == []
    everything = {"filter": {"received_from": format_instant(utc_now() - timedelta(days=9))}}
    await release(stage, everything)
    await _holds(stage, messages)
    before = await accounts(stage)
    again = await release(stage, everything)
    assert (again["released"], again["stored"], again["duplicate"]) == (0, 0, 0)
    assert await accounts(stage) == before


async def _holds(stage: Stage, messages: list[tuple[str, bytes, datetime]]) -> None:
    """Rows, accounts and what is left in quarantine are those of the mended decoder from the start."""
    received, quarantined, distinct, left = Counter[Any](), Counter[Any](), set[Any](), Counter[Any]()
    for number, payload, at in messages:
        accepted, rejected = mended(payload, to_ms(at))
        day = at.astimezone(CITY_ZONE).date()
        received[number, day] += len(accepted) + len(rejected)
        quarantined[number, day] += len(rejected)
        left[number] += len(rejected)
        distinct |= {(number, time_ms, encode(1, time_ms, fix, 0)[3][26:34]) for time_ms, fix in accepted}
    rows = await stage.superuser.fetch(
        "SELECT terminal_number, time, content_hash FROM telemetry.positions"
        " JOIN telemetry.terminals USING (terminal_key)"
    )
    assert {(r[0], to_ms(r[1]), r[2].to_bytes(8, "big", signed=True)) for r in rows} == distinct
    assert len(rows) == len(distinct)
    found = await accounts(stage)
    assert {key: count for key, (count, *_) in found.items() if count} == +received
    assert {key: count for key, (*_, count) in found.items() if count} == +quarantined
    stored = Counter[str]()
    for (number, _), (all_, new, duplicate, bad) in found.items():
        assert all_ == new + duplicate + bad
        assert min(new, duplicate, bad) >= 0
        stored[number] += new
    assert +stored == Counter(number for number, *_ in distinct)
    held = await stage.superuser.fetch(
        "SELECT terminal_number, times, days, reason FROM telemetry.quarantined_positions"
    )
    assert +Counter({number: sum(r["times"] for r in held if r[0] == number) for number in left}) == +left
    assert all(sum(json.loads(row["days"]).values()) == row["times"] for row in held)
    assert {row["reason"] for row in held} <= {"out_of_range"}
    assert await differing(stage) == []


async def test_what_is_released_is_seen_and_derived(stage: Stage) -> None:
    """Latest position, track and the work list of derivation take it as they take any fix."""
    firm = await stage.firm()
    van = await stage.van(firm)
    await stage.superuser.execute("UPDATE telemetry.terminals SET terminal_number = 'HIDDEN'")
    await stage.receive(van.number, [fix(30), fix(20), fix(10)])
    await stage.superuser.execute("UPDATE telemetry.terminals SET terminal_number = $1", van.number)
    await stage.fold()
    await stage.superuser.execute("DELETE FROM telemetry.pending_derivations")
    mine = headers(enterprise_id=firm)
    assert (await stage.get("/v1/latest-positions", mine)).json()["features"] == []
    found = await release(stage, {"filter": {"reasons": ["unknown_terminal"]}})
    assert (found["released"], found["stored"], found["duplicate"], found["still_quarantined"]) == (
        1,
        3,
        0,
        0,
    )
    (feature,) = (await stage.get("/v1/latest-positions", mine)).json()["features"]
    assert feature["properties"]["vehicle_id"] == str(van.id)
    track = (await stage.get("/v1/tracks", mine, vehicle_id=van.id)).json()
    assert track["properties"]["count"] == 3
    pending = await stage.superuser.fetchrow("SELECT * FROM telemetry.pending_derivations")
    assert pending is not None
    assert pending["vehicle_id"] == van.id
    assert pending["since"] < pending["until"]
    rows = await stage.superuser.fetch("SELECT DISTINCT received_at FROM telemetry.positions")
    quarantined_at = feature["properties"]["received_at"]
    assert [format_instant(row[0]) for row in rows] == [quarantined_at]


async def test_sums_close_where_readable_fixes_of_nobody_have_become_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [fix(10, speed_kmh=50.0), fix(20, speed_kmh=150.0)]
    await stage.receive("NOBODY", parts, decoder=old_decoder)
    await _provision(stage, "NOBODY", await stage.firm())
    monkeypatch.setattr("services.telemetry.domain.releasing.decode", mended)
    found = await release(stage, {"filter": {"terminal_number": "NOBODY"}})
    assert (found["released"], found["stored"], found["still_quarantined"]) == (2, 2, 0)
    assert await differing(stage) == []


async def test_a_row_postgresql_refuses_stays_and_the_others_go(stage: Stage) -> None:
    firm = await stage.firm()
    vans = [await stage.van(firm) for _ in range(3)]
    for van in vans:
        await stage.receive(
            van.number, fix(10), decoder=lambda raw, _: ([], [Rejected("undecodable", "", raw)])
        )
    await stage.superuser.execute(
        "ALTER TABLE telemetry.positions ADD CONSTRAINT refused CHECK (terminal_key <> (2))"
    )
    found = await release(stage, {"filter": {"reasons": ["undecodable"]}})
    assert (found["examined"], found["released"], found["stored"]) == (3, 2, 2)
    row = await stage.superuser.fetchrow(
        "SELECT reason, terminal_number, times FROM telemetry.quarantined_positions"
    )
    assert row is not None
    assert tuple(row) == ("refused_by_database", vans[1].number, 1)
    assert await differing(stage) == []


async def test_a_row_that_cannot_be_judged_stays_and_the_others_go(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    van = await stage.van(await stage.firm())
    at = fix(10)
    unreadable = [{**at, "time": "\ud800"}, {**at, "load_state": "\0"}, {"_type": "\ud800"}]
    for body in (*unreadable, fix(20), {**at, "lon": 3}):
        await stage.receive(van.number, body, decoder=lambda raw, _: ([], [Rejected("undecodable", "", raw)]))

    def judge(held: Held, oldest_ms: int) -> Verdict:
        if b'"lon":3' in held.raw.replace(b" ", b""):
            raise OverflowError
        return judge_again(held, oldest_ms)

    monkeypatch.setattr(releasing, "judge_again", judge)
    found = await release(stage, {"filter": {"reasons": ["undecodable"]}})
    assert (found["examined"], found["released"], found["stored"]) == (5, 1, 1)
    rows = await stage.superuser.fetch(
        'SELECT reason FROM telemetry.quarantined_positions ORDER BY reason COLLATE "C"'
    )
    assert [row[0] for row in rows] == ["time_invalid", "undecodable", "unknown_format", "wrong_type"]
    assert await differing(stage) == []


@pytest.mark.parametrize("position_days", [183, 90])
async def test_a_day_without_partition_gets_one_and_one_past_retention_none(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, position_days: int
) -> None:
    monkeypatch.setitem(globals(), "RULES", RetentionRules(position_days=position_days))
    firm = await stage.firm()
    van = await stage.van(firm)
    for days in (position_days - 2, position_days + 2):
        at = utc_now() - timedelta(days=days)
        body = {"time": at.timestamp() - 60, "lon": 122, "lat": 41}
        await stage.receive(
            van.number, body, at, decoder=lambda raw, _: ([], [Rejected("undecodable", "", raw)])
        )
    await stage.fold()
    found = await release(stage, {"filter": {"reasons": ["undecodable"]}})
    assert (found["released"], found["stored"]) == (1, 1)
    assert await stage.superuser.fetchval("SELECT reason FROM telemetry.quarantined_positions") == "too_old"


async def test_a_batch_that_fails_leaves_nothing_behind(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends a batch before its commit, the next attempt does all of it, once."""
    firm = await stage.firm()
    van = await stage.van(firm)
    await stage.receive(
        van.number, [fix(10), fix(20)], decoder=lambda raw, _: ([], [Rejected("undecodable", "", raw)])
    )
    await stage.fold()
    made = await stage.api.post(
        "/v1/quarantine-releases",
        json={"filter": {"reasons": ["undecodable"]}},
        headers=headers(enterprise_id=firm),
    )
    assert made.status_code == 201
    with monkeypatch.context() as patch:
        patch.setattr(releasing, "_ADVANCE", "SELECT no_such_column")
        with pytest.raises(asyncpg.UndefinedColumnError):
            await release_some(stage.worker, ZONE, RULES, utc_now())
    assert await stage.superuser.fetchval("SELECT count(*) FROM telemetry.positions") == 0
    assert await stage.superuser.fetchval("SELECT count(*) FROM telemetry.quarantined_positions") == 1
    while await release_some(stage.worker, ZONE, RULES, utc_now()):
        pass
    await stage.fold()
    assert list((await accounts(stage)).values()) == [(2, 2, 0, 0)]


async def test_a_firms_many_rows_do_not_hold_up_anothers(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releasing, "MOST_ROWS", 1)
    made = {}
    for rows in (80, 80, 1):
        firm = await stage.firm()
        van = await stage.van(firm)
        for n in range(rows):
            await stage.receive(
                van.number, fix(10, lon=n), decoder=lambda raw, _: ([], [Rejected("undecodable", "", raw)])
            )
        mine = headers(enterprise_id=firm)
        answer = await stage.api.post(
            "/v1/quarantine-releases", json={"filter": {"reasons": ["undecodable"]}}, headers=mine
        )
        made[answer.json()["id"]] = mine
    *_, (last, mine) = made.items()
    await stage.worker.execute("SELECT setseed(0.5)")

    async def is_done() -> bool:
        return bool((await stage.get(f"/v1/quarantine-releases/{last}", mine)).json()["status"] == "done")

    while not await is_done():
        assert await release_some(stage.worker, ZONE, RULES, utc_now())
    (before, after) = [
        (await stage.get(f"/v1/quarantine-releases/{id_}", who)).json() for id_, who in list(made.items())[:2]
    ]
    assert 1 <= before["examined"] + after["examined"] < 40
    while await release_some(stage.worker, ZONE, RULES, utc_now()):
        pass
    await stage.fold()
    assert await stage.superuser.fetchval("SELECT count(*) FROM telemetry.positions") == 161
    assert await differing(stage) == []


async def test_a_wrong_account_is_found(stage: Stage) -> None:
    """The proof can fail: a count, a position or a time in quarantine that is missing shows."""
    firm = await stage.firm()
    van = await stage.van(firm)
    await stage.receive(van.number, [fix(10), fix(20), {"lon": 1}])
    await stage.fold()
    assert await differing(stage) == []
    there = await stage.superuser.fetchval("SELECT days FROM telemetry.quarantined_positions")
    for spoil, heal, expected in (
        (
            "UPDATE telemetry.ingest_accounting SET stored = 3, received = 4",
            "UPDATE telemetry.ingest_accounting SET stored = 2, received = 3",
            (1, 0),
        ),
        (
            "UPDATE telemetry.quarantined_positions SET days = '{}'",
            f"UPDATE telemetry.quarantined_positions SET days = '{there}'",  # noqa: S608  its own days
            (0, 1),
        ),
    ):
        await stage.superuser.execute(spoil)
        assert [(each.stored, each.quarantined) for each in await differing(stage)] == [expected]
        await stage.superuser.execute(heal)
        assert await differing(stage) == []
    await stage.superuser.execute(
        "DELETE FROM telemetry.positions WHERE time = (SELECT max(time) FROM telemetry.positions)"
    )
    assert [(each.stored, each.quarantined) for each in await differing(stage)] == [(1, 0)]
    today = utc_now().astimezone(CITY_ZONE).date()
    round_ = await check_some(stage.worker, Round(), ZONE, today)
    assert len(round_.found) == 1
    assert await check_some(stage.worker, round_, ZONE, today) == Round()


async def test_a_fix_of_a_day_that_has_been_dropped_stays(stage: Stage) -> None:
    now = utc_now()
    gone, there = now - timedelta(days=120), now - timedelta(days=100)
    await stage.superuser.execute(
        "INSERT INTO telemetry.position_days (day, closed_at, dropped_at) VALUES ($1, now(), now())",
        (now - timedelta(days=110)).date(),
    )
    firm = uuid4()
    await _provision(stage, "GONE", firm)
    for at in (gone, there):
        raw = json.dumps({"time": format_instant(at), "lon": 122.0, "lat": 41.0}).encode()
        await stage.superuser.execute(
            "INSERT INTO telemetry.quarantined_positions (digest, terminal_number, enterprise_id, reason,"
            " detail, raw, first_received_at, last_received_at) VALUES ($1, 'GONE', $2, 'too_old', '', $3,"
            " $4, $4)", hashlib.sha256(b"GONE\0" + raw).digest(), firm, raw, at + timedelta(hours=1),
        )  # fmt: skip
    found = await release(stage, {"filter": {"reasons": ["too_old"]}})
    assert (found["examined"], found["released"], found["stored"]) == (2, 1, 1)
    left = await stage.superuser.fetch("SELECT raw FROM telemetry.quarantined_positions")
    assert [json.loads(row[0])["time"] for row in left] == [format_instant(gone)]
    partition = f"telemetry.positions_{gone:%Y%m%d}"
    assert await stage.superuser.fetchval("SELECT to_regclass($1)", partition) is None
