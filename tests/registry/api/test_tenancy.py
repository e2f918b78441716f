"""No firm sees another's: by the queries, and by row-level security alone."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.registry.domain.secrets import digest
from services.shared.db import Database, DbScope
from tests.factories import places
from tests.factories import registry as make

_OWN_VERIFICATION = (
    "INSERT INTO registry.verifications (id, subject_kind, subject_id, enterprise_id, field_group, level,"
    " source, document_ids, verified_by, verified_by_name, verified_at) VALUES (gen_random_uuid(),"
    " 'enterprise', '{0}', '{0}', 'identity', 'confirmed_by_authority', '', '{{}}', '', '', now())"
)
TENANT_TABLES = (
    "enterprises",
    "enterprise_standings",
    "enterprise_applications",
    "clients",
    "staff_accounts",
    "vehicles",
    "certificates",
    "documents",
    "verifications",
    "personal_subjects",
    "personal_values",
    "facility_steps",
    "unit_endings",
    "drivers",
    "tricycles",
    "erasures",
    "access_log",
    "operating_statements",
    "assessments",
    "assessment_appeals",
    "complaints",
    "complaint_events",
)
SHOWN_TABLES = ("facilities", "bays", "chargers")
"""Public facts: every party with a role reads them, only their keepers write them."""


@pytest.fixture(scope="module")
async def database(database_urls: dict[str, str]) -> AsyncIterator[Database]:
    """The registry's database as the API's role sees it."""
    found = Database(database_urls["registry_api"], pool_size=2)
    yield found
    await found.close()


async def test_anothers_is_byte_equal_to_unknown(api: httpx.AsyncClient, firm: make.Firm) -> None:
    other = await make.admit_firm(api)
    vehicle = (await make.register(api, other))["id"]
    update = {"powertrain": "BEV", "payload_kg": 900}
    calls: list[tuple[str, str, str, dict[str, Any] | None]] = [
        ("GET", "/v1/enterprises/{}", str(other.id), None),
        ("GET", "/v1/enterprises/{}/standings", str(other.id), None),
        ("GET", "/v1/vehicles/{}", vehicle, None),
        ("PUT", "/v1/vehicles/{}", vehicle, update),
        ("POST", "/v1/vehicles/{}/deregistration", vehicle, {"reason": "x"}),
    ]
    for method, path, foreign, body in calls:
        answers = []
        for name in (foreign, str(uuid4())):
            headers = {**firm.headers, "X-Request-Id": "same"}
            answer = await api.request(method, path.format(name), json=body, headers=headers)
            answers.append(
                (answer.status_code, answer.headers.raw, answer.content.replace(name.encode(), b"ID"))
            )
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
    unchanged = (await api.get(f"/v1/vehicles/{vehicle}", headers=other.headers)).json()
    assert (unchanged["version"], unchanged["valid_to"]) == (1, None)


async def test_lists_hold_only_ones_own(api: httpx.AsyncClient, firm: make.Firm) -> None:
    other = await make.admit_firm(api)
    foreign = await make.register(api, other)
    mine = await make.register(api, firm)
    for query in ("", f"?enterprise_id={other.id}", f"?plate_number={foreign['plate_number']}"):
        rows = (await api.get(f"/v1/vehicles{query}", headers=firm.headers)).json()["items"]
        assert {row["id"] for row in rows} <= {mine["id"]}
    rows = (await api.get("/v1/enterprises", headers=firm.headers)).json()["items"]
    assert [row["id"] for row in rows] == [str(firm.id)]


async def test_every_tenant_table_is_under_forced_row_level_security(
    superuser: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    rows = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'registry'::regnamespace"
        " AND relrowsecurity AND relforcerowsecurity"
    )
    assert {row["relname"] for row in rows} == {*TENANT_TABLES, *SHOWN_TABLES}


async def _rows(database: Database, scope: DbScope, table: str) -> list[Any]:
    async with database.transaction(scope) as session:
        return list((await session.execute(text(f"SELECT * FROM registry.{table}"))).mappings())  # noqa: S608 - a table of the list above


async def test_row_level_security_alone_keeps_firms_apart(
    api: httpx.AsyncClient, firm: make.Firm, database: Database
) -> None:
    other = await make.admit_firm(api)
    await make.register(api, other)
    await make.register(api, firm)
    mine = DbScope("enterprise", str(firm.id), firm.client_id)
    assert [row["id"] for row in await _rows(database, mine, "enterprises")] == [firm.id]
    for table in ("vehicles", "enterprise_standings"):
        rows = await _rows(database, mine, table)
        assert {row["enterprise_id"] for row in rows} == {firm.id}
    for table in ("clients", "staff_accounts", "enterprise_applications"):
        assert await _rows(database, mine, table) == []


@pytest.mark.parametrize(
    "scope", [DbScope(), DbScope("police"), DbScope("province"), DbScope("public"), DbScope("enterprise")]
)
async def test_who_is_nobody_here_sees_nothing(
    api: httpx.AsyncClient, firm: make.Firm, database: Database, scope: DbScope
) -> None:
    await make.register(api, firm)
    for table in TENANT_TABLES:
        assert await _rows(database, scope, table) == [], table


async def test_row_level_security_alone_refuses_foreign_writes(
    api: httpx.AsyncClient, firm: make.Firm, database: Database
) -> None:
    other = await make.admit_firm(api)
    vehicle = (await make.register(api, other))["id"]
    mine = DbScope("enterprise", str(firm.id), firm.client_id)
    async with database.transaction(mine) as session:
        for statement in (
            "UPDATE registry.vehicles SET payload_kg = 1 WHERE id = :id",
            "DELETE FROM registry.vehicles WHERE id = :id",
        ):
            done: Any = await session.execute(text(statement), {"id": vehicle})
            assert done.rowcount == 0
    await make.register(api, firm)
    for statement, refusal in (
        ("UPDATE registry.vehicles SET enterprise_id = gen_random_uuid()", "row-level security"),
        ("UPDATE registry.enterprises SET status = 'closed'", "may not decide about itself"),
        (_OWN_VERIFICATION.format(firm.id), "row-level security"),
    ):
        with pytest.raises(DBAPIError, match=refusal):
            await _execute(database, mine, statement)


async def _execute(database: Database, scope: DbScope, statement: str) -> None:
    async with database.transaction(scope) as session:
        await session.execute(text(statement))


async def test_a_reference_code_opens_one_application_only(
    api: httpx.AsyncClient, database: Database
) -> None:
    body = {"name": "公司", "uscc": make.uscc(), "kind": "carrier"}
    made = (await api.post("/v1/enterprise-applications", json=body)).json()
    scope = DbScope("applicant", "", digest(made["reference_code"]).hex())
    assert [str(row["id"]) for row in await _rows(database, scope, "enterprise_applications")] == [made["id"]]
    for table in ("enterprises", "clients", "vehicles", "staff_accounts"):
        assert await _rows(database, scope, table) == []


async def test_row_level_security_alone_keeps_public_facts_from_foreign_hands(
    api: httpx.AsyncClient, firm: make.Firm, database: Database
) -> None:
    other = await make.admit_firm(api)
    theirs = await places.create_facility(api, other.headers, places.own_facility_body())
    mine = await places.create_facility(api, firm.headers, places.own_facility_body())
    for facility, headers in ((theirs, other.headers), (mine, firm.headers)):
        await places.create_bays(api, headers, facility["id"], places.bay())
        await places.create_chargers(api, headers, facility["id"], places.charger())
    scope = DbScope("enterprise", str(firm.id), firm.client_id)
    for table in SHOWN_TABLES:
        assert await _rows(database, DbScope(), table) == []
        ids = {str(row.get("facility_id", row["id"])) for row in await _rows(database, scope, table)}
        assert {theirs["id"], mine["id"]} <= ids
        column = "id" if table == "facilities" else "facility_id"
        async with database.transaction(scope) as session:
            for who, count in ((theirs, 0), (mine, 1)):
                changed = f"UPDATE registry.{table} SET version = version WHERE {column} = :id"  # noqa: S608 - a table of the list above
                done: Any = await session.execute(text(changed), {"id": who["id"]})
                assert done.rowcount == count
            done = await session.execute(text(f"DELETE FROM registry.{table}"))  # noqa: S608 - the same
            assert done.rowcount == 0
    for statement in (
        "UPDATE registry.facilities SET enterprise_id = gen_random_uuid()",
        *(f"UPDATE registry.{table} SET facility_id = '{theirs['id']}'" for table in ("bays", "chargers")),  # noqa: S608 - an id of our own
    ):
        with pytest.raises(DBAPIError, match="row-level security"):
            await _execute(database, scope, statement)
