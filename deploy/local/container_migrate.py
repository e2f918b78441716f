"""The migration in containers: roles and extensions as the superuser, then every schema to head.

Reads `migration.json` (made by `container_secrets`) from `FREIGHT_SECRETS_DIR`. Harmless when run again.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from deploy.local.cluster import PROJECT, migrate
from deploy.local.container_secrets import MIGRATION


def role_url(superuser_url: str, role: str, password: str) -> str:
    """The same database as another role."""
    parts = urlsplit(superuser_url)
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}"))


async def _bootstrap(superuser_url: str, passwords: Mapping[str, str]) -> None:
    connection = await asyncpg.connect(superuser_url)
    try:
        await connection.execute((PROJECT / "migrations" / "bootstrap.sql").read_text(encoding="utf-8"))
        for role, password in passwords.items():
            statement = await connection.fetchval(
                "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", role, password
            )
            await connection.execute(statement)
    finally:
        await connection.close()


def main() -> int:
    """Run the command."""
    given = json.loads((Path(os.environ["FREIGHT_SECRETS_DIR"]) / MIGRATION).read_text(encoding="utf-8"))
    asyncio.run(_bootstrap(given["superuser_url"], given["role_passwords"]))
    passwords: dict[str, str] = given["role_passwords"]
    migrate({role: role_url(given["superuser_url"], role, password) for role, password in passwords.items()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
