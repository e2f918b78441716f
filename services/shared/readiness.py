"""Readiness: the process may take work only when its database is what it expects."""

from sqlalchemy import text

from services.shared.db import Database
from services.shared.errors import Unavailable

_ROLE = text("""
SELECT rolsuper OR rolbypassrls AS unbound,
    (SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class AS c
     WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind IN ('r', 'p')
         AND c.relrowsecurity AND NOT c.relispartition
         AND NOT (has_any_column_privilege(c.oid, 'SELECT') AND EXISTS (
             SELECT FROM pg_policy AS p, unnest(p.polroles) AS holder
             WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd IN ('r', '*')
                 AND (holder = 0 OR pg_has_role(holder, 'USAGE'))))) AS blind
FROM pg_roles WHERE rolname = current_user
""")
"""`blind`: tables under row-level security that show this role no row, whatever the settings say."""


async def check_database(database: Database, schema: str, revision: str) -> None:
    """Check the schema's revision, and that this role is held by row-level security and sees by it.

    Raises:
        Unavailable: Schema behind or ahead, a role that could see past the policies, or one without a
            policy on a table of its schema.
    """
    async with database.transaction(readonly=True) as session:
        found = await session.scalar(text(f"SELECT version_num FROM {schema}.alembic_version"))  # noqa: S608 - schema is a constant of the service
        role = (await session.execute(_ROLE, {"schema": schema})).one()
    if found != revision:
        raise Unavailable(f"schema {schema} is at {found}, this build needs {revision}")
    if role.unbound:
        raise Unavailable("this database role is not held by row-level security")
    if role.blind:
        raise Unavailable(f"this database role has no policy on {role.blind}")
