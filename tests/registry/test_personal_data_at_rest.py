"""A thousand known persons go through a running registry; neither its database nor its logs know them.

`reliability.md` S12: pg_dump of the cluster's own binaries, read as text and with every bytea opened, so that
a value inside canonical JSON would be seen too.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.local.cluster import PROJECT, binaries
from services.registry.models import FEED
from services.shared.changes import verify_feed
from services.shared.db import Database
from tests.factories import people
from tests.factories import registry as make
from tests.factories.media import pdf
from tests.support.ports import unused_port, wait_for_listener
from tests.support.probe_databases import drain
from tests.support.run_cluster import RunCluster

PERSONS = 1000
AT_ONCE = 8
ISSUER = "盘锦市公安局交通警察支队"


@dataclass(frozen=True)
class Running:
    """A registry's API as a process of its own, and where its log is."""

    client: httpx.AsyncClient
    log: Path
    urls: dict[str, str]


@pytest.fixture
async def running(fresh_database_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[Running]:
    values = make.settings_values(fresh_database_urls, tmp_path)
    secrets, log, port = tmp_path / "secrets", tmp_path / "api.log", unused_port()
    secrets.mkdir()
    for name in ("database_url", "service_key", "personal_keys"):
        (secrets / f"registry_{name}").write_text(values[name])
    (secrets / "registry_signing_key").write_text(json.dumps(make.SIGNING_KEY))
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(PROJECT),
        "FREIGHT_SECRETS_DIR": str(secrets),
        "REGISTRY_PORT": str(port),
        "REGISTRY_ENVIRONMENT": "demo",
        "REGISTRY_PUBLIC_PER_MINUTE": "100000",
        "REGISTRY_SERVICE_KEYS_FILE": str(values["service_keys_file"]),
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "services.registry.main:app_from_env"]
    with log.open("wb") as sink:
        process = subprocess.Popen(  # noqa: ASYNC220 - ended by its pid below
            [*command, "--port", str(port)], cwd=PROJECT, env=environment, stdout=sink, stderr=sink
        )
    try:
        await asyncio.to_thread(wait_for_listener, port, process.pid, 30)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield Running(client, log, fresh_database_urls)
    finally:
        process.terminate()
        process.wait(timeout=20)


@dataclass(frozen=True)
class Person:
    """Somebody nobody is."""

    number: int
    name: str
    id_number: str
    mobile_phone: str

    def body(self, **values: Any) -> dict[str, Any]:
        """A registration."""
        own = {"name": self.name, "id_number": self.id_number, "mobile_phone": self.mobile_phone}
        return people.driver_body(**{**own, "qualification_number": self.id_number, **values})


def _persons() -> list[Person]:
    # Names of four characters that stand in no text of the platform.
    found = [
        Person(
            n, f"欧阳{chr(0x7E00 + n % 97)}{chr(0x9C00 + n // 97)}", people.id_number(), people.mobile_phone()
        )
        for n in range(PERSONS)
    ]
    for field in ("name", "id_number", "mobile_phone"):
        assert len({getattr(person, field) for person in found}) == PERSONS
    return found


async def _register(api: httpx.AsyncClient, firm: make.Firm, person: Person) -> str:
    """Register a person the way a client that loses answers does, with everything that can be refused."""
    headers = {**firm.headers, "Idempotency-Key": str(uuid4())}
    statuses, made = [], ""
    for _ in range(1 + (person.number % 10 == 0)):
        answer = await api.post("/v1/drivers", json=person.body(), headers=headers)
        statuses.append(answer.status_code)
        made = answer.json()["id"]
    assert set(statuses) == {201}
    if person.number % 20 == 0:
        await _be_refused(api, firm, person)
    return made


async def _be_refused(api: httpx.AsyncClient, firm: make.Firm, person: Person) -> None:
    headers = {**firm.headers, "Idempotency-Key": str(uuid4())}
    broken = json.dumps(person.body())[:-2].encode()
    told = f"核实 {person.id_number} {person.mobile_phone}"
    reading = {"subject_kind": "driver", "subject_id": str(uuid4()), "fields": ["name"], "purpose": told}
    answers = [
        await api.post("/v1/drivers", json=person.body(), headers=headers),
        await api.post("/v1/drivers", json=person.body(licence_class="C1"), headers=headers),
        await api.post("/v1/drivers", json=person.body(note=told), headers=headers),
        await api.post("/v1/drivers", json=person.body(mobile_phone_2=person.mobile_phone), headers=headers),
        await api.post("/v1/drivers", json=person.body(name=told), headers=headers),
        await api.post(
            "/v1/drivers", content=broken, headers={**headers, "Content-Type": "application/json"}
        ),
        await api.post("/v1/personal-readings", json=reading, headers=people.reader()),
        await api.post("/v1/enterprise-applications", json={"name": told, "uscc": person.id_number}),
    ]
    assert [answer.status_code for answer in answers] == [409, 422, 422, 422, 422, 422, 422, 422]
    for answer in answers:
        assert person.id_number not in answer.text
        assert person.mobile_phone not in answer.text


async def _live(api: httpx.AsyncClient, firm: make.Firm, person: Person, driver_id: str) -> None:
    """What happens to a person's data: searched, read, corrected, scanned, erased."""
    for sought in ({"id_number": person.id_number}, {"mobile_phone": person.mobile_phone}):
        answer = await api.post("/v1/driver-searches", json=sought, headers=firm.headers)
        assert [each["id"] for each in answer.json()["items"]] == [driver_id]
    read = await people.read_values(api, driver_id, people.reader())
    assert read.json()["values"]["id_number"] == person.id_number
    papers = {"licence_class": "A2", "licence_valid_from": "2022-01-01", "mobile_phone": person.mobile_phone}
    path = f"/v1/drivers/{driver_id}"
    scan = pdf(f"{person.name} {person.id_number} {person.mobile_phone}")
    papers["document_ids"] = [await people.document(api, firm, scan)]  # type: ignore[assignment]
    assert (await api.put(path, json=papers, headers=firm.headers)).status_code == 200
    if person.number % 40 == 0:
        erasure = {"reason": "本人申请删除", "requested_by": "subject"}
        assert (await api.post(f"{path}/erasure", json=erasure, headers=firm.headers)).status_code == 201


async def _each(persons: Iterable[Person], run: Any) -> list[Any]:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(person: Person) -> Any:
        async with turn:
            return await run(person)

    return list(await asyncio.gather(*(one(person) for person in persons)))


def _dump(cluster: RunCluster, url: str) -> bytes:
    command = [str(binaries() / "pg_dump"), "--dbname", url, "--no-password"]
    environment = {**os.environ, "PGPASSWORD": cluster.cluster.password}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    return done.stdout


_BYTEA = re.compile(rb"\\\\x([0-9a-f]+)")
_DIGITS = re.compile(r"[0-9]{11,}[0-9X]?")
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HAN = re.compile("[\u4e00-\u9fff]{4,}")


def _told(text: bytes) -> str:
    """A dump's own text, and what its byte strings say."""
    opened = b"\n".join(bytes.fromhex(found.decode()) for found in _BYTEA.findall(text))
    return text.decode("utf-8") + "\n" + opened.decode("utf-8", "replace")


def _known(text: str, persons: list[Person]) -> set[str]:
    """Which of the persons' values stand in a text, also inside longer runs."""
    wanted = {value for person in persons for value in (person.id_number, person.mobile_phone, person.name)}
    found = set()
    for pattern, lengths in ((_DIGITS, (11, 18)), (_HAN, (4,))):
        for run in set(pattern.findall(text)):
            windows = {run[at : at + size] for size in lengths for at in range(len(run) - size + 1)}
            found |= windows & wanted
    return found


async def test_neither_dump_nor_logs_hold_a_known_value(running: Running, test_cluster: RunCluster) -> None:
    api, persons = running.client, _persons()
    firm = await make.admit_firm(api)
    ids = await _each(persons, lambda person: _register(api, firm, person))
    made = dict(zip([person.number for person in persons], ids, strict=True))
    await _each(persons[::20], lambda person: _live(api, firm, person, made[person.number]))
    await drain(FEED, running.urls["registry_worker"])
    worker = Database(running.urls["registry_worker"], pool_size=1)
    verified = await verify_feed(FEED, worker)
    await worker.close()
    assert verified.head > PERSONS

    dump = await asyncio.to_thread(_dump, test_cluster, running.urls["superuser"])
    told = _told(dump)
    logs = running.log.read_text() + (test_cluster.cluster.data / "server.log").read_text(errors="replace")
    assert _known(told, persons) == set()
    assert _known(logs, persons) == set()

    # That it could fail: what is no secret is found, in columns and inside byte strings, and so is a value.
    assert set(ids) <= set(_UUID.findall(told))
    assert f'"licence_issuer":"{ISSUER}"' in told
    assert ISSUER.encode() not in b"".join(line for line in dump.splitlines() if b'"licence_issuer"' in line)
    assert '"purpose":"核实事故当事人"' in told
    assert '"route": "/v1/drivers"' in logs
    leak = persons[3]
    assert _known(f"x{leak.id_number}9 {leak.name}先生 1{leak.mobile_phone}", persons) == {
        leak.id_number,
        leak.name,
        leak.mobile_phone,
    }
