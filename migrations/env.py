"""Alembic's environment for every service: its own schema, its own version table, its owner's role.

The section of alembic.ini (`alembic -n registry …`) is the service. Nothing outside that schema is
looked at, so that `alembic check` compares one service's models with one service's tables.
"""

import asyncio
import importlib
import os
import re
from pathlib import Path
from typing import Any

from alembic import context
from sqlalchemy import Connection, MetaData, pool
from sqlalchemy.ext.asyncio import create_async_engine

SERVICE = context.config.config_ini_section
PARTITION = re.compile(r".+_(p?\d+|default)$")


def metadata() -> MetaData:
    """Return the metadata of the service's models."""
    package = SERVICE if SERVICE == "gateway" else f"services.{SERVICE}"
    models = importlib.import_module(f"{package}.models")
    found: MetaData = models.Base.metadata
    return found


def url() -> str:
    """Return the URL of the owner role: given by the caller, the environment or a secret file.

    Raises:
        RuntimeError: None of them has it.
    """
    name = f"{SERVICE}_owner_database_url"
    given = context.config.attributes.get("url") or os.environ.get(name.upper())
    directory = os.environ.get("FREIGHT_SECRETS_DIR")
    if not given and directory and (Path(directory) / name).exists():
        given = (Path(directory) / name).read_text().strip()
    if not given:
        raise RuntimeError(f"{name.upper()} is not set and FREIGHT_SECRETS_DIR has no file {name}")
    return str(given).replace("postgresql://", "postgresql+asyncpg://", 1)


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Look only at the service's schema."""
    return name == SERVICE if kind == "schema" else True


def include_object(item: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
    """Leave out partitions (made at run time) and what row-level machinery adds by itself."""
    if kind == "table":
        table = str(name)
        return not (reflected and (table == "alembic_version" or PARTITION.fullmatch(table)))
    owner = getattr(item, "table", None)
    return not (reflected and owner is not None and PARTITION.fullmatch(str(owner.name)))


def run(connection: Connection) -> None:
    """Run the migrations of one service on one connection, in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=metadata(),
        version_table="alembic_version",
        version_table_schema=SERVICE,
        include_schemas=True,
        include_name=include_name,
        include_object=include_object,
        compare_type=True,
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


async def online() -> None:
    """Connect as the owner with `search_path=public` and migrate."""
    engine = create_async_engine(
        url(),
        poolclass=pool.NullPool,
        connect_args={"server_settings": {"search_path": "public", "timezone": "UTC"}},
    )
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


asyncio.run(online())
