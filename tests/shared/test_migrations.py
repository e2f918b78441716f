"""Every service's migrations lead to its models, and one database holds them all."""

import asyncio

import asyncpg
import pytest
from alembic import command

from deploy.local.cluster import ROLES, alembic_config, migrated_services
from deploy.local.processes import SERVICES


@pytest.mark.parametrize("service", SERVICES)
async def test_head_is_what_the_models_say(service: str, fresh_database_urls: dict[str, str]) -> None:
    assert service in migrated_services()
    config = alembic_config(service, fresh_database_urls[f"{service}_owner"])
    await asyncio.to_thread(command.check, config)


async def test_no_role_may_more_than_its_part(fresh_database_urls: dict[str, str]) -> None:
    connection = await asyncpg.connect(fresh_database_urls["superuser"])
    bound = await connection.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY($1)"
        " AND NOT (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)",
        list(ROLES),
    )
    assert {row["rolname"] for row in bound} == set(ROLES)
    for service in SERVICES:
        others = [name for name in SERVICES if name != service]
        for role in (f"{service}_owner", f"{service}_api", f"{service}_worker"):
            for other in others:
                sees = "SELECT has_schema_privilege($1, $2, 'USAGE, CREATE')"
                assert not await connection.fetchval(sees, role, other), f"{role} sees {other}"
            makes = "SELECT has_schema_privilege($1, 'public', 'CREATE')"
            assert not await connection.fetchval(makes, role)
    await connection.close()


async def test_tables_with_row_level_security_force_it(fresh_database_urls: dict[str, str]) -> None:
    connection = await asyncpg.connect(fresh_database_urls["superuser"])
    unforced = await connection.fetch(
        "SELECT oid::regclass::text AS name FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity"
    )
    assert [row["name"] for row in unforced] == []
    await connection.close()
