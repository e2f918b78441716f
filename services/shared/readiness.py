"""Readiness: the process may take work only when its database is what it expects."""

from sqlalchemy import text

from services.shared.db import Database
from services.shared.errors import Unavailable


async def check_database(database: Database, schema: str, revision: str) -> None:
    """Check that the schema is at `revision` and that this role is held by row-level security.

    Raises:
        Unavailable: Schema behind or ahead, or a role that could see past the policies.
    """
    async with database.transaction(readonly=True) as session:
        found = await session.scalar(text(f"SELECT version_num FROM {schema}.alembic_version"))  # noqa: S608 - schema is a constant of the service
        role = (
            await session.execute(
                text("SELECT rolsuper OR rolbypassrls AS unbound FROM pg_roles WHERE rolname = current_user")
            )
        ).one()
    if found != revision:
        raise Unavailable(f"schema {schema} is at {found}, this build needs {revision}")
    if role.unbound:
        raise Unavailable("this database role is not held by row-level security")
