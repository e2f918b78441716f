"""The vault on a real database: moved, altered and foreign boxes; a rotation under way; erasure."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.registry.models import PERSONAL
from services.registry.operations.personal import rewrap_all
from services.shared.db import Database
from services.shared.personal import KeyRing, SubjectErased, UnreadableValue, Vault
from services.shared.personal.keys import new_ring, next_ring

SUBJECTS = 1000


def _vault(ring: dict[str, Any]) -> Vault:
    return Vault("registry", PERSONAL, KeyRing.from_json(json.dumps(ring)))


@pytest.fixture
async def database(fresh_database_urls: dict[str, str]) -> AsyncIterator[Database]:
    found = Database(fresh_database_urls["registry_worker"], pool_size=8)
    yield found
    await found.close()


@pytest.fixture
async def superuser(
    fresh_database_urls: dict[str, str],
) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await asyncpg.connect(fresh_database_urls["superuser"])
    yield connection
    await connection.close()


async def _keep(database: Database, vault: Vault, subject_id: UUID, **values: str | None) -> None:
    async with database.transaction() as session:
        await vault.keep(session, subject_id, None, values, indexed={"phone"})


async def _read(database: Database, vault: Vault, *subject_ids: UUID) -> dict[UUID, dict[str, str]]:
    async with database.transaction(readonly=True) as session:
        return await vault.read(session, subject_ids)


async def _find(database: Database, vault: Vault, phone: str) -> list[UUID]:
    async with database.transaction(readonly=True) as session:
        return await vault.find(session, "phone", phone)


async def test_values_are_kept_replaced_removed_found_and_erased(database: Database) -> None:
    vault, one, two = _vault(new_ring()), uuid4(), uuid4()
    await _keep(database, vault, one, name="王强", phone="13900000001")
    await _keep(database, vault, two, name="李梅", phone="13900000001")
    assert set(await _find(database, vault, "13900000001")) == {one, two}
    await _keep(database, vault, one, name=None, phone="13900000002")
    assert await _read(database, vault, one, two, uuid4()) == {
        one: {"phone": "13900000002"},
        two: {"name": "李梅", "phone": "13900000001"},
    }
    assert await _find(database, vault, "13900000001") == [two]
    assert await _find(database, vault, "13900000002") == [one]
    async with database.transaction() as session:
        box = await vault.seal_bytes(session, two, None, b"scan")
        assert await vault.unseal_bytes(session, two, box) == b"scan"
        assert await vault.erase(session, two) is True
        assert await vault.erase(session, two) is False
        with pytest.raises(SubjectErased):
            await vault.unseal_bytes(session, two, box)
    assert await _read(database, vault, two) == {}
    assert await _find(database, vault, "13900000001") == []


async def test_moved_and_altered_boxes_do_not_open(
    database: Database, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    vault, one, two = _vault(new_ring()), uuid4(), uuid4()
    for subject in (one, two):
        await _keep(database, vault, subject, name="王强", phone="13900000001")
    move = (
        "UPDATE registry.personal_values SET box = (SELECT box FROM registry.personal_values"
        " WHERE subject_id = $2 AND field = $3) WHERE subject_id = $1 AND field = 'name'"
    )
    for sources in ((two, "name"), (one, "phone")):
        async with superuser.transaction():
            kept = await superuser.fetchval(
                "SELECT box FROM registry.personal_values WHERE subject_id = $1 AND field = 'name'", one
            )
            await superuser.execute(move, one, *sources)
        with pytest.raises(UnreadableValue):
            await _read(database, vault, one)
        await superuser.execute(
            "UPDATE registry.personal_values SET box = $2 WHERE subject_id = $1 AND field = 'name'", one, kept
        )
        assert (await _read(database, vault, one))[one]["name"] == "王强"
    flip = "set_byte({0}, 20, get_byte({0}, 20) # 1)"
    for table, column, key in (("values", "box", "subject_id"), ("subjects", "own_key", "id")):
        changed = f"UPDATE registry.personal_{table} SET {column} = {flip.format(column)} WHERE {key} = $1"  # noqa: S608 - names above
        await superuser.execute(changed, two)
        with pytest.raises(UnreadableValue):
            await _read(database, vault, two)
        await superuser.execute(changed, two)
    assert (await _read(database, vault, two))[two]["name"] == "王强"
    await superuser.execute(
        "UPDATE registry.personal_subjects AS s SET own_key = o.own_key FROM registry.personal_subjects AS o"
        " WHERE s.id = $1 AND o.id = $2",
        one,
        two,
    )
    with pytest.raises(UnreadableValue):
        await _read(database, vault, one)


async def test_another_ring_opens_nothing(database: Database) -> None:
    subject = uuid4()
    await _keep(database, _vault(new_ring()), subject, name="王强", phone="13900000001")
    stranger = _vault(new_ring())
    with pytest.raises(UnreadableValue):
        await _read(database, stranger, subject)
    assert await _find(database, stranger, "13900000001") == []


async def _fill(database: Database, vault: Vault) -> dict[UUID, str]:
    phones = {uuid4(): f"139{number:08d}" for number in range(SUBJECTS)}
    async with database.transaction() as session:
        for subject, phone in phones.items():
            values = {"name": f"张{phone}", "phone": phone}
            await vault.keep(session, subject, None, values, indexed={"phone"})
    return phones


async def test_a_thousand_subjects_stay_readable_and_findable_through_a_rotation(
    database: Database, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    first = new_ring()
    announced = next_ring(first)
    promoted = next_ring(announced)
    last = next_ring(promoted)
    before, one_behind, worker, after = (_vault(ring) for ring in (first, announced, promoted, last))
    phones = await _fill(database, before)
    chooser, changed = random.Random(7), dict(phones)
    done = asyncio.Event()

    async def use(vault: Vault, part: int) -> int:
        """Read, find and change what belongs to this part, again and again while the worker is at it."""
        own, rounds = list(phones)[part::4], 0
        while not done.is_set() or rounds < 20:
            subject = chooser.choice(own)
            assert (await _read(database, vault, subject))[subject]["phone"] == changed[subject]
            assert await _find(database, vault, changed[subject]) == [subject]
            changed[subject] = f"138{part}{rounds:03d}{chooser.randrange(10**4):04d}"
            await _keep(database, vault, subject, phone=changed[subject])
            rounds += 1
        return rounds

    async def rewrap() -> None:
        await rewrap_all(database, worker)
        done.set()

    users = (use(one_behind if number % 2 else worker, number) for number in range(4))
    rounds, _ = await asyncio.gather(asyncio.gather(*users), rewrap())
    assert min(rounds) >= 20
    await rewrap_all(database, worker)  # what others held meanwhile was left for the next time
    keys = await superuser.fetch("SELECT DISTINCT ring_key FROM registry.personal_subjects")
    assert [row["ring_key"] for row in keys] == [last["current"]]
    values = await _read(database, after, *phones)
    assert {subject: found["phone"] for subject, found in values.items()} == changed
    assert all(values[subject]["name"] == f"张{phone}" for subject, phone in phones.items())
    for subject in chooser.sample(list(phones), 300):
        assert await _find(database, after, changed[subject]) == [subject]
    with pytest.raises(UnreadableValue):
        await _read(database, before, next(iter(phones)))


async def test_a_ring_of_one_key_has_nothing_to_do(database: Database) -> None:
    vault, subject = _vault(new_ring()), uuid4()
    await _keep(database, vault, subject, name="王强")
    assert not vault.is_rotating
    await rewrap_all(database, vault)
    assert (await _read(database, vault, subject))[subject] == {"name": "王强"}


async def test_what_does_not_open_is_left_and_stops_nobody_else(
    database: Database, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    first = new_ring()
    promoted = next_ring(next_ring(first))
    subjects = sorted(uuid4() for _ in range(5))
    for subject in subjects:
        await _keep(database, _vault(first), subject, name="王强", phone="13900000001")
    await superuser.execute(
        "UPDATE registry.personal_subjects SET own_key = '\\x00' WHERE id = $1", subjects[0]
    )
    await superuser.execute(
        "UPDATE registry.personal_values SET box = '\\x00' WHERE subject_id = $1 AND field = 'phone'",
        subjects[2],
    )
    await rewrap_all(database, _vault(promoted))
    rows = await superuser.fetch(
        "SELECT id FROM registry.personal_subjects WHERE ring_key = $1", promoted["current"]
    )
    assert {row["id"] for row in rows} == {subjects[1], subjects[3], subjects[4]}


async def test_one_transaction_at_a_time_holds_a_value_also_from_neighbouring_states(
    database: Database,
) -> None:
    first = new_ring()
    announced, firm = next_ring(first), uuid4()
    order: list[str] = []
    held = asyncio.Event()

    async def early() -> None:
        async with database.transaction() as session:
            await _vault(first).hold(session, "phone", "13900000001", firm)
            held.set()
            await asyncio.sleep(0.2)
            order.append("early")

    async def late(vault: Vault, value: str, name: str) -> None:
        await held.wait()
        async with database.transaction() as session:
            await vault.hold(session, "phone", value, firm)
            order.append(name)

    behind = _vault(announced)
    await asyncio.gather(
        early(), late(behind, "13900000001", "late"), late(behind, "13900000002", "another value")
    )
    assert order == ["another value", "early", "late"]
