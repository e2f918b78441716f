"""The importer: a process of its own that may be killed at any instant and takes nothing along."""

import asyncio
import contextlib
import io
import os
import random
import signal
import time
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from services.registry.consumers import imports as consumer
from services.registry.main import create_app
from services.registry.models import PERSONAL
from services.shared.db import Database
from services.shared.personal import KeyRing, Vault
from tests.factories import imports as files
from tests.factories import registry as make

Json = dict[str, Any]
PATIENCE_S = 60.0


class Works:
    """The API, and the worker's part in imports with real importers, on a database of its own."""

    def __init__(self, desk: files.Desk, superuser: Any) -> None:
        self.desk, self.superuser = desk, superuser

    async def until(self, found: Callable[[], Awaitable[Any]]) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while not (value := await found()):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        return value

    async def halted(self, import_id: str, status: str, headers: Json) -> Json:
        """Wait until the importer has done with it."""

        async def no_longer() -> Json | None:
            found = await self.desk.read(import_id, headers)
            return found if found["status"] != status else None

        found: Json = await self.until(no_longer)
        return found

    async def importer(self) -> int:
        """Wait for an importer; its pid."""

        async def child() -> int | None:
            return next(iter(children(os.getpid())), None)

        return int(await self.until(child))


def children(pid: int) -> list[int]:
    """Importers this process has started."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    pids = [int(child) for path in found for child in path.read_text(encoding="ascii").split()]
    return [each for each in pids if b"consumers.importer" in _command(each)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@asynccontextmanager
async def worker(url: str, count: int = 1) -> AsyncIterator[None]:
    """Run the worker's part in imports, as so many replicas."""
    database = Database(url, pool_size=4)
    vault = Vault("registry", PERSONAL, KeyRing.from_json(make.PERSONAL_KEYS))
    stop = asyncio.Event()
    running = [asyncio.create_task(consumer.run_imports(database, vault, stop)) for _ in range(count)]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)
        await database.close()


@pytest.fixture
async def works(
    fresh_database_urls: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Works]:
    """The API on a fresh database, and what importers need in the environment."""
    urls = fresh_database_urls
    values = make.settings_values(urls, tmp_path, "registry_worker")
    for name in ("database_url", "service_key", "personal_keys"):
        (tmp_path / f"registry_{name}").write_text(values[name])
    monkeypatch.setenv("FREIGHT_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("REGISTRY_SERVICE_KEYS_FILE", str(values["service_keys_file"]))
    monkeypatch.setenv("REGISTRY_PORT", "1")
    monkeypatch.setattr(consumer, "_PAUSE_S", 0.05)
    monkeypatch.setattr(consumer, "POLL_S", 0.05)
    superuser = await asyncpg.connect(urls["superuser"])
    async with make.running(create_app(make.api_settings(urls, tmp_path))) as api:
        desk = files.desk(api, urls["registry_worker"])
        yield Works(desk, superuser)
        await desk.database.close()
    await superuser.close()


async def test_a_file_is_worked_on_by_a_process_of_its_own(
    works: Works, fresh_database_urls: dict[str, str]
) -> None:
    firm = await make.admit_firm(works.desk.api)
    waiting = await works.desk.hand_in(files.csv_of([files.vehicle_row()]), firm.headers)
    async with worker(fresh_database_urls["registry_worker"]):
        checked = await works.halted(waiting["id"], "checking", firm.headers)
        assert checked["totals"]["created"] == 1
        path = f"/v1/imports/{waiting['id']}/application"
        await works.desk.api.post(path, json={}, headers=firm.headers)
        applied = await works.halted(waiting["id"], "applying", firm.headers)
    assert applied["status"] == "applied"
    assert not children(os.getpid())


async def test_an_importer_killed_at_any_instant_begins_again_or_has_done_nothing(
    works: Works, fresh_database_urls: dict[str, str]
) -> None:
    firm, rows = await make.admit_firm(works.desk.api), 6_000
    plates = (f"辽A{number:05d}" for number in range(rows))
    content = files.csv_of([files.vehicle_row(plate_number=plate) for plate in plates])
    waiting = await works.desk.hand_in(content, firm.headers)
    chooser = random.Random(3)

    async def killed(status: str, share: float) -> None:
        """Kill the importer once so much of its work is done."""

        async def far() -> bool:
            found = await works.desk.read(waiting["id"], firm.headers)
            return bool(found["status"] != status or found["rows_done"] >= share * rows)

        pid = await works.importer()
        await works.until(far)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    async with worker(fresh_database_urls["registry_worker"]):
        for _ in range(2):
            await killed("checking", chooser.random() * 0.7)
        checked = await works.halted(waiting["id"], "checking", firm.headers)
        assert (checked["status"], checked["totals"]["created"]) == ("checked", rows)
        assert len(await works.desk.rows(waiting["id"], firm.headers)) == rows
        path = f"/v1/imports/{waiting['id']}/application"
        await works.desk.api.post(path, json={}, headers=firm.headers)
        for _ in range(2):
            await killed("applying", 0.3 + chooser.random() * 0.3)
            found = await works.desk.read(waiting["id"], firm.headers)
            if found["status"] == "applying":
                tables = ("vehicles", "outbox WHERE kind = 'vehicle'")
                assert [
                    await works.superuser.fetchval(f"SELECT count(*) FROM registry.{table}")  # noqa: S608 - names of our own
                    for table in tables
                ] == [0, 0], "an interrupted application has done nothing"
        applied = await works.halted(waiting["id"], "applying", firm.headers)
    assert (applied["status"], applied["totals"]["created"]) == ("applied", rows)
    counts = await works.superuser.fetchrow(
        "SELECT (SELECT count(*) FROM registry.vehicles) AS vehicles, (SELECT count(DISTINCT (id, version))"
        " FROM registry.outbox WHERE kind = 'vehicle') AS states, (SELECT count(*) FROM registry.outbox"
        " WHERE kind = 'vehicle') AS rows"
    )
    assert tuple(counts) == (rows, rows, rows)


async def test_work_that_never_ends_well_is_given_up(
    works: Works, fresh_database_urls: dict[str, str]
) -> None:
    firm = await make.admit_firm(works.desk.api)
    content = files.csv_of([files.vehicle_row() for _ in range(2_000)])
    waiting = await works.desk.hand_in(content, firm.headers)
    await works.superuser.execute("UPDATE registry.imports SET attempts = 5")
    async with worker(fresh_database_urls["registry_worker"]):
        failed = await works.halted(waiting["id"], "checking", firm.headers)
    assert (failed["status"], failed["reason"]["code"]) == ("failed", "interrupted")


def hungry_workbook() -> bytes:
    """A workbook that is no bomb by its directory and needs far too much memory when it is read."""
    chooser = random.Random(1)
    texts = (f"<si><t>{chooser.getrandbits(24):06x}</t></si>" for _ in range(1_200_000))
    head = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    content = io.BytesIO()
    parts = zipfile.ZipFile(io.BytesIO(files.xlsx_of([files.vehicle_row()])))
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    related = f'<Relationship Id="x" Type="{office}" Target="sharedStrings.xml"/></Relationships>'
    relations = "xl/_rels/workbook.xml.rels"
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for member in parts.infolist():
            data = parts.read(member)
            if member.filename == relations:
                data = data.replace(b"</Relationships>", related.encode())
            archive.writestr(member.filename, data)
        archive.writestr("xl/sharedStrings.xml", f"{head}{''.join(texts)}</sst>")
    return content.getvalue()


HUNGRY: list[tuple[str, Callable[[], bytes]]] = [
    (files.XLSX, hungry_workbook),
    (files.CSV, lambda: b"plate_number" + b"," * (31 * 2**20)),
]


@pytest.mark.parametrize(("media", "content"), HUNGRY)
async def test_a_file_that_eats_memory_ends_its_importer_and_nothing_else(
    works: Works,
    fresh_database_urls: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    media: str,
    content: Callable[[], bytes],
) -> None:
    monkeypatch.setenv("REGISTRY_IMPORTER_MEMORY_MB", "64")
    firm = await make.admit_firm(works.desk.api)
    hungry = await works.desk.hand_in(content(), firm.headers, media_type=media)
    decent = await works.desk.hand_in(files.csv_of([files.vehicle_row()]), firm.headers)
    most = 0

    async def look() -> None:
        nonlocal most
        while True:
            most = max([most, *(resident(pid) for pid in children(os.getpid()))])
            await asyncio.sleep(0.01)

    looking = asyncio.create_task(look())
    async with worker(fresh_database_urls["registry_worker"]):
        failed = await works.halted(hungry["id"], "checking", firm.headers)
        checked = await works.halted(decent["id"], "checking", firm.headers)
    looking.cancel()
    assert failed["status"] == "failed", failed
    assert failed["reason"]["code"] == "too_much_memory", failed
    assert checked["totals"]["created"] == 1
    assert most < 240 * 2**20, "a process of 120 MB, the 64 it may take beyond, and some"


def resident(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    except OSError:
        return 0
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_a_file_that_takes_too_long_is_refused(
    works: Works, fresh_database_urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_IMPORTER_CPU_SECONDS", "1")
    firm = await make.admit_firm(works.desk.api)
    plates = (f"辽A{number:05d}" for number in range(40_000))
    content = files.csv_of([files.vehicle_row(plate_number=plate) for plate in plates])
    waiting = await works.desk.hand_in(content, firm.headers)
    async with worker(fresh_database_urls["registry_worker"]):
        failed = await works.halted(waiting["id"], "checking", firm.headers)
    assert (failed["status"], failed["reason"]["code"]) == ("failed", "too_long")


async def test_a_stopped_worker_leaves_no_importer_behind(
    works: Works, fresh_database_urls: dict[str, str]
) -> None:
    firm = await make.admit_firm(works.desk.api)
    plates = (f"辽A{number:05d}" for number in range(20_000))
    content = files.csv_of([files.vehicle_row(plate_number=plate) for plate in plates])
    waiting = await works.desk.hand_in(content, firm.headers)
    async with worker(fresh_database_urls["registry_worker"]):
        pid = await works.importer()
    assert pid not in children(os.getpid())
    assert (await works.desk.read(waiting["id"], firm.headers))["status"] == "checking"


async def test_a_file_nobody_applies_is_destroyed_after_its_time(
    works: Works, fresh_database_urls: dict[str, str]
) -> None:
    firm = await make.admit_firm(works.desk.api)
    content = files.csv_of([files.vehicle_row()])
    old, fresh, busy = [await works.desk.check(content, firm.headers) for _ in range(3)]
    waiting = await works.desk.hand_in(content, firm.headers)
    path = f"/v1/imports/{busy['id']}/application"
    await works.desk.api.post(path, json={}, headers=firm.headers)
    await works.superuser.execute(
        "UPDATE registry.imports SET expires_at = now() WHERE id = ANY($1)",
        [each["id"] for each in (old, waiting, busy)],
    )
    database = Database(fresh_database_urls["registry_worker"], pool_size=2)
    await consumer.expire_imports(database, works.desk.vault)
    await database.close()
    found = [
        (await works.desk.read(each["id"], firm.headers))["status"] for each in (old, waiting, fresh, busy)
    ]
    assert found == ["expired", "expired", "checked", "applying"]
    kept = await works.superuser.fetch("SELECT DISTINCT import_id FROM registry.import_pieces")
    assert {str(row["import_id"]) for row in kept} == {fresh["id"], busy["id"]}
    keys = await works.superuser.fetch("SELECT id FROM registry.personal_subjects")
    assert {str(row["id"]) for row in keys} == {fresh["id"], busy["id"]}
    # Its work, should it be under way, ends with nothing.
    assert (await works.desk.work(waiting["id"], firm.headers))["status"] == "expired"


async def register_all(
    api: httpx.AsyncClient, firm: make.Firm, plates: list[str], statuses: list[int]
) -> None:
    async def one(plate: str) -> None:
        body = make.vehicle_body(plate_number=plate, valid_from="2025-01-01T00:00:00Z")
        statuses.append((await api.post("/v1/vehicles", json=body, headers=firm.headers)).status_code)

    await asyncio.gather(*map(one, plates))


@pytest.mark.parametrize("seed", range(3))
async def test_two_files_and_a_hundred_registrations_race_for_the_same_plates(
    works: Works, fresh_database_urls: dict[str, str], seed: int
) -> None:
    chooser = random.Random(seed)
    firms = [await make.admit_firm(works.desk.api) for _ in range(3)]
    plates = [f"辽A{number:05d}" for number in range(400)]
    imports = []
    for firm in firms[:2]:
        rows = [files.vehicle_row(plate_number=p, valid_from="2025-01-01 08:00") for p in plates]
        chooser.shuffle(rows)
        content = files.csv_of(rows, [*files.VEHICLE, "valid_from"])
        imports.append((await works.desk.check(content, firm.headers))["id"])
    statuses: list[int] = []
    async with worker(fresh_database_urls["registry_worker"], count=2):
        for import_id, firm in zip(imports, firms, strict=False):
            path = f"/v1/imports/{import_id}/application"
            await works.desk.api.post(path, json={"skip_refused": True}, headers=firm.headers)
        await works.importer()
        for _ in range(4):
            wanted = chooser.sample(plates, 25)
            await asyncio.gather(register_all(works.desk.api, firms[2], wanted, statuses), asyncio.sleep(0.3))
        ended = [
            await works.halted(import_id, "applying", firm.headers)
            for import_id, firm in zip(imports, firms, strict=False)
        ]
    assert [each["status"] for each in ended] == ["applied", "applied"], ended
    assert set(statuses) <= {201, 409}
    owners = await works.superuser.fetch("SELECT plate_number, enterprise_id FROM registry.vehicles")
    assert sorted(row["plate_number"] for row in owners) == plates, "each has exactly one owner"
    by_firm = [sum(row["enterprise_id"] == firm.id for row in owners) for firm in firms]
    assert by_firm == [*(each["totals"]["created"] for each in ended), statuses.count(201)]
    assert all(each["totals"]["created"] + each["totals"]["conflict"] == 400 for each in ended)
    states = await works.superuser.fetchval("SELECT count(*) FROM registry.outbox WHERE kind = 'vehicle'")
    assert states == 400
    assert await works.superuser.fetchval(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    ) == 0  # fmt: skip


async def test_a_file_and_registrations_race_inside_one_transaction(works: Works) -> None:
    """The same with every registration begun while the file's transaction is open, again and again."""
    firms = [await make.admit_firm(works.desk.api) for _ in range(2)]
    for turn in range(5):
        plates = [f"辽{'BCDEF'[turn]}{number:05d}" for number in range(200)]
        rows = [files.vehicle_row(plate_number=plate) for plate in plates]
        checked = await works.desk.check(files.csv_of(rows), firms[0].headers)
        statuses: list[int] = []
        applied, _ = await asyncio.gather(
            works.desk.apply(checked["id"], firms[0].headers, skip_refused=True),
            register_all(works.desk.api, firms[1], plates[::4], statuses),
        )
        assert applied["status"] == "applied"
        assert set(statuses) <= {201, 409}
        assert applied["totals"]["created"] + statuses.count(201) == 200
    assert await works.superuser.fetchval(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    ) == 0  # fmt: skip


async def test_a_firm_is_suspended_while_its_file_is_applied(
    works: Works, fresh_database_urls: dict[str, str]
) -> None:
    firm = await make.admit_firm(works.desk.api)
    rows = [files.vehicle_row(plate_number=f"辽A{number:05d}") for number in range(6000)]
    checked = await works.desk.check(files.csv_of(rows), firm.headers)

    async def begun() -> bool:
        return int((await works.desk.read(checked["id"], firm.headers))["rows_done"]) > 0

    async with worker(fresh_database_urls["registry_worker"]):
        path = f"/v1/imports/{checked['id']}/application"
        await works.desk.api.post(path, json={"skip_refused": True}, headers=firm.headers)
        await works.until(begun)
        began = time.monotonic()
        path = f"/v1/enterprises/{firm.id}/suspension"
        answer = await works.desk.api.post(path, json={"reason": "停业整顿"}, headers=make.official())
        took = time.monotonic() - began
        assert (await works.desk.read(checked["id"], firm.headers))["status"] == "applying", "meanwhile"
        ended = await works.halted(checked["id"], "applying", firm.headers)
    assert answer.status_code == 200, answer.text
    assert took <= 1, took
    assert (ended["status"], ended["reason"]["code"], ended["totals"]["conflict"]) == (
        "checked",
        "rows-refused",
        6000,
    )
    assert await works.superuser.fetchval("SELECT count(*) FROM registry.vehicles") == 0
