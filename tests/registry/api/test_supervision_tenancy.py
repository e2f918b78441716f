"""Supervision under row-level security alone: whatever the code forgets, the database refuses."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.registry.domain.secrets import digest
from services.shared.db import Database, DbScope
from tests.factories import registry as make
from tests.factories import supervision as given

TABLES = ("operating_statements", "assessments", "assessment_appeals", "complaints", "complaint_events")
INTAKE = DbScope("complaint_intake")


@pytest.fixture(scope="module")
async def database(database_urls: dict[str, str]) -> AsyncIterator[Database]:
    """The registry's database as the API's role sees it."""
    found = Database(database_urls["registry_api"], pool_size=2)
    yield found
    await found.close()


async def _rows(database: Database, scope: DbScope, table: str) -> list[Any]:
    async with database.transaction(scope) as session:
        return list((await session.execute(text(f"SELECT * FROM registry.{table}"))).mappings())  # noqa: S608 - a table of the list above


async def _execute(database: Database, scope: DbScope, statement: str) -> int:
    async with database.transaction(scope) as session:
        done: Any = await session.execute(text(statement))
        return int(done.rowcount)


async def _everything(api: httpx.AsyncClient, firm: make.Firm) -> dict[str, str]:
    """One row of the firm in each table: an appealed assessment, a complaint it was asked about."""
    statement = await given.submit(api, firm)
    assessment = await given.receive(api, firm)
    await given.publish(api, assessment)
    await api.post(f"/v1/assessments/{assessment}/appeal", json={"reason": "x"}, headers=firm.headers)
    receipt = await given.complain(api)
    path = f"/v1/complaints/{receipt['id']}"
    about = {"enterprise_id": str(firm.id)}
    await api.post(f"{path}/acceptance", json=about, headers=make.official())
    await api.post(f"{path}/statement-request", json={"text": "x"}, headers=make.official())
    return {
        "operating_statements": statement["id"],
        "assessments": assessment,
        "complaints": receipt["id"],
        "code": receipt["reference_code"],
    }


async def test_a_firm_sees_its_own_rows_only(
    api: httpx.AsyncClient, firm: make.Firm, database: Database
) -> None:
    await _everything(api, firm)
    await _everything(api, await make.admit_firm(api))
    hidden = await given.receive(api, firm, period="2024")
    quiet = await given.complain(api, uscc=firm.uscc)
    mine = DbScope("enterprise", str(firm.id), firm.client_id)
    for table in TABLES[:4]:
        rows = await _rows(database, mine, table)
        assert {row["enterprise_id"] for row in rows} == {firm.id}, table
        assert not {str(row["id"]) for row in rows} & {hidden, quiet["id"]}, "not published, not forwarded"
    assert await _rows(database, mine, "complaint_events") == []


_EVENT = (
    "INSERT INTO registry.complaint_events SELECT gen_random_uuid(), id, enterprise_id, 'closed', now(),"
    " 'x', 'x', NULL FROM registry.complaints"
)
_BETTER = (
    "INSERT INTO registry.assessments SELECT gen_random_uuid(), enterprise_id, '2020', scheme_version, 'A',"
    " NULL, NULL, items, now(), digest, 'x', NULL, NULL, now(), NULL, NULL, 1, now(), now()"
    " FROM registry.assessments"
)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE registry.operating_statements SET status = 'accepted'",
        "UPDATE registry.operating_statements SET status = 'returned'",
        "UPDATE registry.operating_statements SET vehicle_km = 1",
        "UPDATE registry.operating_statements SET accepted_by_name = 'x'",
        "UPDATE registry.assessments SET amended_grade = 'A'",
        "UPDATE registry.assessments SET grade = 'A'",
        "UPDATE registry.assessment_appeals SET outcome = 'amended'",
        "UPDATE registry.assessment_appeals SET reason = 'another'",
        "UPDATE registry.complaints SET status = 'closed'",
        "UPDATE registry.complaints SET status = 'answered', text = 'nothing happened'",
        "UPDATE registry.complaints SET status = 'answered', outcome = 'unsubstantiated'",
        _EVENT,
        _BETTER,
    ],
)
async def test_a_firm_decides_nothing_about_itself(
    api: httpx.AsyncClient, firm: make.Firm, database: Database, statement: str
) -> None:
    await _everything(api, firm)
    mine = DbScope("enterprise", str(firm.id), firm.client_id)
    with pytest.raises(DBAPIError, match=r"row-level security|what is on record stays"):
        await _execute(database, mine, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE registry.operating_statements SET costs_yuan = '{}'",
        "UPDATE registry.operating_statements SET created_at = now() - interval '1 day'",
        "UPDATE registry.operating_statements SET late = NOT late",
        "UPDATE registry.assessments SET grade = 'A'",
        "UPDATE registry.assessments SET items = '[]'",
        "UPDATE registry.assessment_appeals SET reason = 'x y'",
        "UPDATE registry.complaint_events SET text = 'x y'",
        "DELETE FROM registry.operating_statements",
        "DELETE FROM registry.assessments",
        "DELETE FROM registry.assessment_appeals",
        "DELETE FROM registry.complaints",
        "DELETE FROM registry.complaint_events",
    ],
)
async def test_not_even_an_office_rewrites_the_record(
    api: httpx.AsyncClient, firm: make.Firm, database: Database, statement: str
) -> None:
    await _everything(api, firm)
    with pytest.raises(DBAPIError, match=r"what is on record stays|permission denied"):
        await _execute(database, DbScope("transport_bureau"), statement)


async def test_a_code_opens_one_complaint_and_its_contact(
    api: httpx.AsyncClient,
    firm: make.Firm,
    database: Database,
    superuser: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    mine, other = await given.complain(api), await given.complain(api)
    await _everything(api, firm)
    scope = DbScope("complainant", "", digest(mine["reference_code"]).hex())
    assert [str(row["id"]) for row in await _rows(database, scope, "complaints")] == [mine["id"]]
    assert [str(row["id"]) for row in await _rows(database, scope, "personal_subjects")] == [mine["id"]]
    for table in ("enterprises", "vehicles", "personal_values", "operating_statements", *TABLES[1:3]):
        assert await _rows(database, scope, table) == [], table
    assert await _execute(database, scope, "DELETE FROM registry.personal_subjects") == 1
    kept = "SELECT count(*) FROM registry.personal_subjects WHERE id = $1::uuid"
    assert await superuser.fetchval(kept, other["id"]) == 1


async def test_the_form_sees_no_complaint_and_changes_nothing(
    api: httpx.AsyncClient, firm: make.Firm, database: Database
) -> None:
    await _everything(api, firm)
    await make.register(api, firm)
    for table in (*TABLES, "clients", "staff_accounts", "personal_subjects", "personal_values", "documents"):
        assert await _rows(database, INTAKE, table) == [], table
    assert await _rows(database, INTAKE, "vehicles") != [], "which it matches"
    for table in ("vehicles", "enterprises"):
        assert await _execute(database, INTAKE, f"UPDATE registry.{table} SET version = version") == 0  # noqa: S608 - two names
