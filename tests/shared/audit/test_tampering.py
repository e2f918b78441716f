"""Whoever commands the database leaves a trace: any change up to a checkpoint kept elsewhere is found.

`reliability.md` S8, with forgers who know the chain and compute it anew.
"""

import random
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from services.shared.audit import AccessLog, Head, Reading, access_log_of, chain, fetch_head, find_break
from services.shared.audit.chain import GENESIS
from services.shared.auth import Principal, Role
from services.shared.clock import utc_now
from services.shared.db import Database

TABLE = access_log_of("registry")
ENTRIES = 60
COLUMNS = ("pos", "recorded_at", "subject", "about", "enterprise_id", "entry", "digest")
Row = dict[str, Any]
Rows = list[Row]


class _Log:
    """A log with its checkpoint, and a superuser who can put anything in its place."""

    def __init__(self, worker: Database, superuser: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.worker, self.superuser = worker, superuser
        self.access = AccessLog(worker, "registry")
        self.checkpoint: Head = (0, GENESIS)

    async def read(self, count: int = 1) -> None:
        for number in range(count):
            who = Principal(f"client-{number % 3}", Role.postal_bureau, name="李工")
            reading = Reading("driver", uuid4(), uuid4() if number % 4 else None, ("name",), "核实身份")
            await self.access.record(who, reading, utc_now(), f"r-{number}")

    async def rows(self) -> Rows:
        return [
            dict(row) for row in await self.superuser.fetch("SELECT * FROM registry.access_log ORDER BY pos")
        ]

    async def replace(self, rows: Rows) -> None:
        async with self.superuser.transaction():
            await self.superuser.execute("TRUNCATE registry.access_log")
            records = [tuple(row[name] for name in COLUMNS) for row in rows]
            await self.superuser.copy_records_to_table("access_log", schema_name="registry", records=records)

    async def broken(self) -> int | None:
        return await find_break(self.worker, TABLE, self.checkpoint)


@pytest.fixture
async def log(fresh_database_urls: dict[str, str]) -> AsyncIterator[_Log]:
    worker = Database(fresh_database_urls["registry_worker"], pool_size=2)
    superuser = await asyncpg.connect(fresh_database_urls["superuser"])
    await superuser.execute("ALTER TABLE registry.access_log DROP CONSTRAINT ck_access_log_pos")
    made = _Log(worker, superuser)
    await made.read(ENTRIES)
    made.checkpoint = await fetch_head(worker, TABLE)
    yield made
    await superuser.close()
    await worker.close()


def _rechained(rows: Rows) -> Rows:
    """A log whose chain holds, numbered from 1."""
    digest, made = GENESIS, []
    for pos, row in enumerate(rows, 1):
        digest = chain(digest, pos, row["entry"])
        made.append({**row, "pos": pos, "digest": digest})
    return made


def _flip(value: bytes, chooser: random.Random) -> bytes:
    at = chooser.randrange(len(value))
    return value[:at] + bytes([value[at] ^ 1 << chooser.randrange(8)]) + value[at + 1 :]


def _edit_entry(rows: Rows, at: int, chooser: random.Random) -> Rows:
    rows[at]["entry"] = _flip(rows[at]["entry"], chooser)
    return rows


def _edit_digest(rows: Rows, at: int, chooser: random.Random) -> Rows:
    rows[at]["digest"] = _flip(rows[at]["digest"], chooser)
    return rows


def _edit_column(rows: Rows, at: int, chooser: random.Random) -> Rows:
    name = chooser.choice(["recorded_at", "subject", "about", "enterprise_id"])
    forged = {"recorded_at": rows[at]["recorded_at"] + timedelta(microseconds=1), "subject": "somebody else"}
    rows[at][name] = forged.get(name, uuid4())
    return rows


def _edit_and_rechain(rows: Rows, at: int, _chooser: random.Random) -> Rows:
    rows[at]["entry"] = rows[at]["entry"].replace(b'"postal_bureau"', b'"police"')
    return _rechained(rows)


def _delete(rows: Rows, at: int, _chooser: random.Random) -> Rows:
    return rows[:at] + rows[at + 1 :]


def _delete_and_rechain(rows: Rows, at: int, _chooser: random.Random) -> Rows:
    return _rechained(rows[:at] + rows[at + 1 :])


def _insert_and_rechain(rows: Rows, at: int, _chooser: random.Random) -> Rows:
    return _rechained([*rows[:at], dict(rows[at]), *rows[at:]])


def _insert_before_the_first(rows: Rows, at: int, _chooser: random.Random) -> Rows:
    return [{**rows[at], "pos": -at}, *rows]


def _append_unchained(rows: Rows, at: int, _chooser: random.Random) -> Rows:
    return [*rows, {**rows[at], "pos": len(rows) + 1}]


def _append_after_a_gap(rows: Rows, at: int, _chooser: random.Random) -> Rows:
    pos = len(rows) + 2 + at
    return [*rows, {**rows[at], "pos": pos, "digest": chain(rows[-1]["digest"], pos, rows[at]["entry"])}]


def _swap(rows: Rows, at: int, chooser: random.Random) -> Rows:
    other = chooser.choice([n for n in range(len(rows)) if n != at])
    rows[at]["entry"], rows[other]["entry"] = rows[other]["entry"], rows[at]["entry"]
    return rows


def _cut(rows: Rows, at: int, _chooser: random.Random) -> Rows:
    return rows[:at]


def _truncate(_rows: Rows, _at: int, _chooser: random.Random) -> Rows:
    return []


TAMPERINGS: list[Callable[[Rows, int, random.Random], Rows]] = [
    _edit_entry,
    _edit_digest,
    _edit_column,
    _edit_and_rechain,
    _delete,
    _delete_and_rechain,
    _insert_and_rechain,
    _insert_before_the_first,
    _append_unchained,
    _append_after_a_gap,
    _swap,
    _cut,
    _truncate,
]


@pytest.mark.parametrize("trials", [200, pytest.param(1000, marks=pytest.mark.slow)])
async def test_every_tampering_is_found(log: _Log, trials: int) -> None:
    chooser = random.Random(trials)
    honest = await log.rows()
    assert await log.broken() is None
    found = 0
    for number in range(trials):
        tamper = TAMPERINGS[number % len(TAMPERINGS)]
        at = chooser.randrange(ENTRIES)
        await log.replace(tamper([dict(row) for row in honest], at, chooser))
        broken = await log.broken()
        assert broken is not None, (tamper.__name__, at)
        found += 1
    await log.replace(honest)
    assert await log.broken() is None
    assert found == trials


async def test_the_place_of_a_plain_edit_is_named(log: _Log) -> None:
    honest = await log.rows()
    for at in (0, 7, ENTRIES - 1):
        for tamper in (_edit_entry, _edit_digest, _edit_column):
            await log.replace(tamper([dict(row) for row in honest], at, random.Random(at)))
            assert await log.broken() == at + 1
    await log.replace(honest[:30])
    assert await log.broken() == 31


async def test_what_comes_after_the_checkpoint_is_no_fault(log: _Log) -> None:
    await log.read(5)
    assert await log.broken() is None
    assert (await fetch_head(log.worker, TABLE))[0] == ENTRIES + 5
    assert await find_break(log.worker, TABLE) is None


async def test_without_a_checkpoint_a_chain_computed_anew_would_pass(log: _Log) -> None:
    """Why the checkpoint is needed."""
    await log.replace(_edit_and_rechain(await log.rows(), 10, random.Random(1)))
    assert await find_break(log.worker, TABLE) is None
    assert await log.broken() == ENTRIES
