"""The log of checks: on record before the answer, one chain over all processes, tampering shows."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import httpx

from services.permits.models import CHECK_LOG
from services.shared.audit import find_break
from services.shared.db import Database
from tests.factories import permits as make

HERE = {"lon": 1.0, "lat": 1.0}


async def test_every_answer_is_on_record_once_also_from_two_processes(
    fresh_database_urls: dict[str, str], tmp_path: Path
) -> None:
    worker = Database(fresh_database_urls["permits_worker"])
    registry = make.Registry(worker)
    van = await registry.vehicle((await registry.enterprise()).id)
    try:
        async with (
            make.running(make.app(fresh_database_urls, tmp_path)) as one,
            make.running(make.app(fresh_database_urls, tmp_path)) as two,
        ):
            headers = make.office_client()
            answers = await asyncio.gather(
                *(make.check(api, van, HERE, headers) for _ in range(150) for api in (one, two))
            )
        assert sorted(answer["log_pos"] for answer in answers) == list(range(1, 301))
        pool = await worker.pool()
        entries = await pool.fetch("SELECT pos, entry FROM permits.check_log ORDER BY pos")
        logged = {row["pos"]: json.loads(row["entry"]) for row in entries}
        for answer in answers:
            entry = logged[answer.pop("log_pos")]
            assert entry["answer"] == answer
            assert entry["asked"]["plate_number"] == van.plate_number
        assert await find_break(worker, CHECK_LOG) is None
    finally:
        await worker.close()


async def test_any_edit_deletion_or_insertion_shows(
    fresh_database_urls: dict[str, str], tmp_path: Path
) -> None:
    worker = Database(fresh_database_urls["permits_worker"])
    superuser = Database(fresh_database_urls["superuser"])
    registry = make.Registry(worker)
    van = await registry.vehicle((await registry.enterprise()).id)
    try:
        async with make.running(make.app(fresh_database_urls, tmp_path)) as api:
            for _ in range(40):
                await make.check(api, van, HERE)
        chooser = random.Random(3)
        for _ in range(60):
            pos = chooser.randint(1, 39)
            assert await _found_after(superuser, worker, chooser.choice(_TAMPERINGS), pos) == pos
        assert await find_break(worker, CHECK_LOG) is None
    finally:
        await worker.close()
        await superuser.close()


_TAMPERINGS = [
    "UPDATE permits.check_log SET entry = entry || ' ' WHERE pos = $1",
    "UPDATE permits.check_log SET entry = set_byte(entry, 20, get_byte(entry, 20) # 1) WHERE pos = $1",
    "UPDATE permits.check_log SET digest = sha256(digest) WHERE pos = $1",
    "DELETE FROM permits.check_log WHERE pos = $1",
]


async def _found_after(superuser: Database, worker: Database, tampering: str, pos: int) -> Any:
    """Where the break is found after one row was tampered with; the row is put back."""
    pool = await superuser.pool()
    row = await pool.fetchrow("SELECT * FROM permits.check_log WHERE pos = $1", pos)
    assert row is not None
    await pool.execute(tampering, pos)
    found = await find_break(worker, CHECK_LOG)
    await pool.execute("DELETE FROM permits.check_log WHERE pos = $1", pos)
    await pool.execute("INSERT INTO permits.check_log VALUES ($1, $2, $3, $4, $5, $6)", *row.values())
    return found


async def test_no_answer_without_its_entry(
    api: httpx.AsyncClient, registry: make.Registry, superuser: Any
) -> None:
    """While the log cannot be written, the check is refused as unavailable, and works again afterwards."""
    van = await registry.vehicle((await registry.enterprise()).id)
    body = {"plate_number": van.plate_number, "plate_color": 2, **HERE}
    await superuser.execute("REVOKE INSERT ON permits.check_log FROM permits_api")
    try:
        answer = await api.post("/v1/checks", json=body, headers=make.office_client())
        assert answer.status_code >= 500
    finally:
        await superuser.execute("GRANT INSERT ON permits.check_log TO permits_api")
    assert (await make.check(api, van, HERE))["verdict"] == "allowed"
