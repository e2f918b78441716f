"""The facts of a check, and the log of checks; over asyncpg, many questions a statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from services.permits.domain.check_chain import GENESIS, first_break
from services.permits.domain.judging import Grant, Registration
from services.shared.db import Database, DbScope
from services.shared.events.permits import PermitState
from services.shared.rules.conditions import VehicleFacts

NAMED_AFTER_END: Final = timedelta(days=30)
"""A permit that has expired is named as a reason this long."""

LOG_READER: Final = DbScope(role="service", subject="svc:permits")
"""The service itself, which alone reads the head of the log."""

_FACTS = """
SELECT q.n, v.id, v.enterprise_id, v.valid_to, v.facts,
  CASE WHEN q.present THEN e.status ELSE coalesce(s.status, e.status) END AS standing,
  (SELECT jsonb_agg(to_jsonb(p)) FROM permits.permits AS p
    WHERE p.vehicle_id = v.id AND p.valid_to > q.at - $5::interval) AS permits,
  (SELECT edition FROM permits.rule_book) AS edition,
  (SELECT head_pos FROM permits.feed_meta ORDER BY generation DESC LIMIT 1) AS permits_pos,
  (SELECT pos FROM permits.follow_cursors WHERE source = 'registry') AS registry_pos
FROM unnest($1::text[], $2::smallint[], $3::timestamptz[], $4::boolean[])
  WITH ORDINALITY AS q(plate_number, plate_color, at, present, n)
LEFT JOIN LATERAL (
  SELECT * FROM permits.vehicles AS r
  WHERE r.plate_number = q.plate_number AND r.plate_color = q.plate_color
    AND r.valid_from <= q.at AND (r.valid_to IS NULL OR r.valid_to > q.at)
    AND ($6::uuid IS NULL OR r.enterprise_id = $6)
  ORDER BY r.valid_from DESC LIMIT 1
) AS v ON true
LEFT JOIN permits.enterprises AS e ON e.id = v.enterprise_id
LEFT JOIN LATERAL (
  SELECT status FROM permits.enterprise_standings AS h WHERE h.enterprise_id = v.enterprise_id
  ORDER BY (h.since <= q.at) DESC, CASE WHEN h.since <= q.at THEN h.since END DESC, h.since LIMIT 1
) AS s ON true
ORDER BY q.n
"""

_APPEND = """
INSERT INTO permits.check_log (pos, recorded_at, subject, plate_number, entry, digest)
SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::bytea[], $6::bytea[])
"""


@dataclass(frozen=True, slots=True)
class Question:
    """Plate, colour and instant; `present` when the instant is not in the past."""

    plate_number: str
    plate_color: int
    at: datetime
    present: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knew in one snapshot."""

    registration: Registration | None
    edition: UUID | None
    permits_pos: int
    registry_pos: int


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One row of the log of checks."""

    pos: int
    recorded_at: datetime
    subject: str
    plate_number: str
    entry: bytes
    digest: bytes


async def fetch_facts(database: Database, scope: DbScope, questions: Sequence[Question]) -> list[Facts]:
    """Return the facts of each question, in order, in one statement.

    An enterprise finds its own vehicles only; police and bureaus every one.
    """
    async with database.acquire(scope, readonly=True) as connection:
        rows = await connection.fetch(
            _FACTS,
            [question.plate_number for question in questions],
            [question.plate_color for question in questions],
            [question.at for question in questions],
            [question.present for question in questions],
            NAMED_AFTER_END,
            scope.own(),
        )
    return [_facts(row) for row in rows]


def _facts(row: asyncpg.Record) -> Facts:
    registration = None
    if row["id"] is not None:
        facts = VehicleFacts(id=row["id"], **msgspec.json.decode(row["facts"]))
        grants = tuple(_grant(state) for state in msgspec.json.decode(row["permits"] or "[]"))
        registration = Registration(
            row["id"], row["enterprise_id"], row["standing"] == "active", facts, row["valid_to"], grants
        )
    return Facts(registration, row["edition"], row["permits_pos"] or 0, row["registry_pos"] or 0)


def _grant(row: dict[str, Any]) -> Grant:
    state = PermitState.model_validate(row)
    return Grant(state.to_grant(), state.revoked_at)


async def fetch_log_head(database: Database) -> tuple[int, bytes]:
    """Return position and digest of the newest entry of the log."""
    async with database.acquire(LOG_READER, readonly=True) as connection:
        row = await connection.fetchrow("SELECT pos, digest FROM permits.check_log ORDER BY pos DESC LIMIT 1")
    return (row["pos"], row["digest"]) if row else (0, GENESIS)


async def append_log(database: Database, entries: Sequence[LogEntry]) -> None:
    """Append entries to the log; committed when this returns.

    Raises:
        asyncpg.UniqueViolationError: Another process has taken one of the positions.
    """
    columns = zip(
        *((e.pos, e.recorded_at, e.subject, e.plate_number, e.entry, e.digest) for e in entries), strict=True
    )
    pool = await database.pool()
    async with pool.acquire() as connection:
        await connection.execute(_APPEND, *map(list, columns))


async def find_log_break(database: Database) -> int | None:
    """Verify the whole log of checks; return the first position that does not hold, or None."""
    async with database.acquire(LOG_READER, readonly=True) as connection:
        after, digest = 0, GENESIS
        while rows := await connection.fetch(
            "SELECT pos, entry, digest FROM permits.check_log WHERE pos > $1 ORDER BY pos LIMIT 5000", after
        ):
            broken = first_break(((r["pos"], r["entry"], r["digest"]) for r in rows), after, digest)
            if broken is not None:
                return broken
            after, digest = rows[-1]["pos"], rows[-1]["digest"]
    return None
