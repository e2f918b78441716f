"""Every table of every service is held by row-level security, or is named here with the reason why not.

Read from the catalogue of a migrated database, so a table a migration adds fails here until it is one or
the other.
"""

from collections.abc import AsyncIterator
from typing import TypeAlias

import asyncpg
import pytest

from deploy.local.cluster import migrated_services

_FEED = "the feed's own: all entities, for /internal/v1/changes alone, which takes services' tokens only"
_KERNEL = {
    "alembic_version": "the schema's revision",
    "idempotency_keys": "looked up by the caller's own subject, route and key before anything else is known",
    "revoked_subjects": "read before there is a principal; ids of principals and nothing else",
}
_FEEDS = dict.fromkeys(("outbox", "changes", "heads", "feed_meta", "feed_checkpoints"), _FEED)
_FOLLOWS = {"follow_cursors": "how far each source has been followed"}
_AREAS = dict.fromkeys(("areas", "area_versions"), "public: every party needs the shapes rules are about")
_EXCHANGE = dict.fromkeys(
    ("exchange_logs", "exchange_changes", "exchange_heads"),
    "what an audience may read, cut by field lists; no enterprise is an audience of its own",
)
_QUEUE = "the API only appends (vehicle, interval) for the derivation; it can read nothing back but its key"

_TOUCHED = "the API only appends which terminals a batch over HTTP touched; it reads nothing back"

EXEMPT = {
    "registry": {**_KERNEL, **_FEEDS, **_AREAS},
    "telemetry": {
        **_KERNEL,
        **_FEEDS,
        **_FOLLOWS,
        **_AREAS,
        "pending_derivations": _QUEUE,
        "ingest_batches": _TOUCHED,
        "position_days": "which days of positions have been dropped, for everybody the same",
    },
    "permits": {
        **_KERNEL,
        **_FEEDS,
        **_FOLLOWS,
        **_AREAS,
        "restriction_rules": "public: every driver must know the rules",
        "rule_book": "the edition of the rules",
        "permit_types": "public: what can be applied for",
    },
    "matching": {
        **_KERNEL,
        **_FEEDS,
        **_FOLLOWS,
        **_AREAS,
        "restriction_rules": "public: every driver must know the rules",
    },
    "gateway": {**_KERNEL, **_FOLLOWS, **_EXCHANGE},
}
"""Tables without row-level security that the API's role can reach."""

OUT_OF_REACH = {
    "registry": set[str](),
    "telemetry": {"derivation_states", "derivation_heads", "vehicle_cells", "seals"},
    "permits": set[str](),
    "matching": set[str](),
    "gateway": {"copies"},
}
"""Tables without it on which the API's role has no right at all; which is checked."""

_TABLES = """
SELECT c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
    has_any_column_privilege($1 || '_api', c.oid, 'SELECT,INSERT,UPDATE,REFERENCES')
        OR has_table_privilege($1 || '_api', c.oid, 'DELETE,TRUNCATE') AS reachable,
    coalesce((SELECT array_agg(DISTINCT r.rolname::text) FROM pg_policy p
        JOIN pg_roles r ON r.oid = any(p.polroles) WHERE p.polrelid = c.oid), '{}') AS held,
    (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid AND 0 = any(p.polroles)) AS for_all_roles
FROM pg_class c
WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p', 'f', 'm', 'v') AND NOT c.relispartition
"""
_OPEN_PARTITIONS = """
SELECT c.relname FROM pg_class c
JOIN pg_inherits i ON i.inhrelid = c.oid JOIN pg_class p ON p.oid = i.inhparent
WHERE c.relnamespace = $1::regnamespace AND p.relrowsecurity AND NOT c.relrowsecurity
    AND (has_any_column_privilege($1 || '_api', c.oid, 'SELECT,INSERT,UPDATE,REFERENCES')
        OR has_table_privilege($1 || '_api', c.oid, 'DELETE,TRUNCATE'))
"""


Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def superuser(database_urls: dict[str, str]) -> AsyncIterator[Connection]:
    """A connection that sees the whole catalogue."""
    connection = await asyncpg.connect(database_urls["superuser"])
    yield connection
    await connection.close()


def test_every_service_is_listed() -> None:
    assert set(EXEMPT) == set(OUT_OF_REACH) == set(migrated_services())


@pytest.mark.parametrize("service", EXEMPT)
async def test_every_table_is_held_or_named(superuser: Connection, service: str) -> None:
    tables = {row["name"]: row for row in await superuser.fetch(_TABLES, service)}
    spared = set(EXEMPT[service]) | OUT_OF_REACH[service]
    assert spared <= set(tables), "named and gone"
    assert not {name for name in spared if tables[name]["enabled"]}, "named and held"
    assert not {name for name in OUT_OF_REACH[service] if tables[name]["reachable"]}, "not out of reach"
    held = set(tables) - spared
    assert not {name for name in held if not (tables[name]["enabled"] and tables[name]["forced"])}
    for name in held:
        assert {f"{service}_api", f"{service}_worker"} <= set(tables[name]["held"]), f"{name}: a policy lacks"
        assert not tables[name]["for_all_roles"], f"{name}: a policy for every role"


@pytest.mark.parametrize("service", EXEMPT)
async def test_no_policy_of_the_api_is_open(superuser: Connection, service: str) -> None:
    """A policy `USING (true)` for the API's role would be a table without row-level security."""
    found = await superuser.fetch(
        "SELECT tablename FROM pg_policies WHERE schemaname = $1 AND $1 || '_api' = any(roles)"
        " AND permissive = 'PERMISSIVE' AND btrim(qual, '() ') = 'true'",
        service,
    )
    assert not found


@pytest.mark.parametrize("service", EXEMPT)
async def test_a_worker_sees_every_row(superuser: Connection, service: str) -> None:
    """A worker acts for nobody: a policy that read the settings would hide from it what it must follow."""
    found = await superuser.fetch(
        "SELECT tablename FROM pg_policies WHERE schemaname = $1 AND $1 || '_worker' = any(roles)"
        " AND btrim(qual, '() ') IS DISTINCT FROM 'true'",
        service,
    )
    assert not found


@pytest.mark.parametrize("service", EXEMPT)
async def test_a_partition_is_no_way_around(superuser: Connection, service: str) -> None:
    """Row-level security of the parent does not hold for who reads a partition by its name."""
    if service == "telemetry":
        await superuser.execute("SELECT telemetry.make_position_partitions('2026-05-01', '2026-05-02')")
    assert not await superuser.fetch(_OPEN_PARTITIONS, service)


@pytest.mark.parametrize("service", EXEMPT)
async def test_nobody_sees_nothing(
    database_urls: dict[str, str], superuser: Connection, service: str
) -> None:
    """Without settings the API's role sees no row; no policy fails for want of a setting."""
    tables = {row["name"]: row for row in await superuser.fetch(_TABLES, service)}
    connection = await asyncpg.connect(database_urls[f"{service}_api"])
    try:
        for name in set(tables) - set(EXEMPT[service]) - OUT_OF_REACH[service]:
            assert await connection.fetchval(f"SELECT count(*) FROM {service}.{name}") == 0  # noqa: S608 - names of the catalogue
    finally:
        await connection.close()


async def test_the_queue_of_derivations_cannot_be_read_by_the_api(superuser: Connection) -> None:
    readable = await superuser.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'telemetry.pending_derivations'::regclass"
        " AND attnum > 0 AND has_column_privilege('telemetry_api', attrelid, attnum, 'SELECT')"
    )
    assert [row["attname"] for row in readable] == ["id"]
