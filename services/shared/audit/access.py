"""Who read which personal values or evidence, about whom and for what: on record before the answer leaves."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.shared.audit.log import AuditLog, Record
from services.shared.audit.tables import access_log_of
from services.shared.auth import Principal
from services.shared.changes import canonical_bytes
from services.shared.db import Database
from services.shared.schemas import format_instant


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read; never the values.

    Attributes:
        kind: What `about` is (`driver`, `document`).
        about: Whom or what was read about.
        enterprise_id: Whose it is, None for an office's own.
        fields: Which of its values.
        purpose: What for, in the reader's words; None where none is asked for.
        extent: Of what is not one thing: which, where, of which time.
    """

    kind: str
    about: UUID
    enterprise_id: UUID | None
    fields: tuple[str, ...]
    purpose: str | None = None
    extent: Mapping[str, Any] | None = None


class AccessLog:
    """The log of readings of one service, in one process."""

    def __init__(self, database: Database, schema: str) -> None:
        self._log = AuditLog(database, access_log_of(schema))

    async def record(self, who: Principal, read: Reading, at: datetime, request_id: str) -> int:
        """Return the position of the reading in the log, after its commit."""
        owner = str(read.enterprise_id) if read.enterprise_id else None
        entry = {
            "recorded_at": format_instant(at),
            "request_id": request_id,
            "subject": who.subject,
            "role": who.role.value,
            "name": who.name,
            "kind": read.kind,
            "about": str(read.about),
            "enterprise_id": owner,
            "fields": list(read.fields),
            "purpose": read.purpose,
            **({} if read.extent is None else {"extent": dict(read.extent)}),
        }
        repeated = read.about, read.enterprise_id
        return await self._log.append(Record(at, who.subject, repeated, canonical_bytes(entry)))

    async def record_all(
        self, who: Principal, reads: Sequence[Reading], at: datetime, request_id: str
    ) -> list[int]:
        """Return the positions of one request's readings, which share a commit."""
        return await asyncio.gather(*(self.record(who, read, at, request_id) for read in reads))
