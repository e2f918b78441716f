"""A service's feed: its tables, and the one call business transactions make."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import MetaData, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.bulk import copy_rows
from services.shared.changes.canonical import NotRecordable, canonical_bytes
from services.shared.changes.tables import FeedTables, feed_tables

KIND = re.compile(r"[a-z][a-z0-9_]{0,62}")


class Feed:
    """The change feed of one service.

    Args:
        schema: The service, also its schema.
        metadata: The service's metadata, in which the tables are declared.
    """

    def __init__(self, schema: str, metadata: MetaData) -> None:
        self.schema = schema
        self.tables: FeedTables = feed_tables(metadata)
        self.channel = f"{schema}_changes"
        self._insert = insert(self.tables.outbox)

    async def record(
        self,
        session: AsyncSession,
        *,
        kind: str,
        entity_id: UUID,
        version: int,
        state: BaseModel | Mapping[str, Any],
        deleted: bool = False,
        schema_version: int = 1,
    ) -> None:
        """Put an entity's new state into the outbox, in the transaction that changes it.

        Call it after the entity's row was locked, inserted or updated, so that the order within one
        entity is the order of its commits. No personal value may be in `state`, only a subject id.

        Args:
            session: The business transaction.
            kind: Name of the entity, singular (`vehicle`).
            entity_id: The entity.
            version: Its version, one more with every change.
            state: The whole published state (a model of `services/shared/events`).
            deleted: Whether the entity is gone; `state` is then its last one.
            schema_version: Raised when fields are added to the published state.

        Raises:
            NotRecordable: The state is not JSON-safe.
        """
        if not KIND.fullmatch(kind):
            raise NotRecordable(f"kind {kind!r}")
        row = {
            "kind": kind,
            "id": entity_id,
            "version": version,
            "schema_version": schema_version,
            "deleted": deleted,
            "state": canonical_bytes(state),
        }
        await session.execute(self._insert, row)

    async def record_all(
        self,
        session: AsyncSession,
        kind: str,
        states: Iterable[tuple[UUID, int, BaseModel]],
        *,
        schema_version: int = 1,
    ) -> None:
        """Put new states of many entities of one kind into the outbox at once, as `record` would each.

        Args:
            session: The business transaction, in which their rows were written.
            kind: Name of the entity, singular.
            states: Id, version and whole published state of each.
            schema_version: As for `record`.

        Raises:
            NotRecordable: A state is not JSON-safe.
        """
        if not KIND.fullmatch(kind):
            raise NotRecordable(f"kind {kind!r}")
        records = (
            (kind, entity_id, version, schema_version, False, canonical_bytes(state))
            for entity_id, version, state in states
        )
        columns = ("kind", "id", "version", "schema_version", "deleted", "state")
        await copy_rows(session, self.tables.outbox, columns, records)
