"""The facts of a check; over asyncpg, many questions a statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from services.permits.domain.judging import Grant, Registration
from services.permits.queries.standings import firm_course, papers_course
from services.shared.db import Database, DbScope
from services.shared.events.permits import PermitState
from services.shared.rules.conditions import VehicleFacts

NAMED_AFTER_END: Final = timedelta(days=30)
"""A permit that has expired is named as a reason this long."""

_FACTS = """
SELECT q.n, v.id, v.enterprise_id, v.valid_to, v.facts, v.standings AS papers,
  (SELECT jsonb_agg(jsonb_build_object('since', s.since, 'open', s.status = 'active', 'lapses', s.lapses)
      ORDER BY s.since)
    FROM permits.enterprise_standings AS s
    WHERE s.enterprise_id = v.enterprise_id AND s.since >= coalesce(
      (SELECT max(h.since) FROM permits.enterprise_standings AS h
        WHERE h.enterprise_id = v.enterprise_id AND h.since <= q.at), '-infinity')) AS firm,
  (SELECT jsonb_agg(to_jsonb(p)) FROM permits.permits AS p
    WHERE p.vehicle_id = v.id AND p.valid_to > q.at - $4::interval) AS permits,
  (SELECT edition FROM permits.rule_book) AS edition,
  (SELECT head_pos FROM permits.feed_meta ORDER BY generation DESC LIMIT 1) AS permits_pos,
  (SELECT pos FROM permits.follow_cursors WHERE source = 'registry') AS registry_pos
FROM unnest($1::text[], $2::smallint[], $3::timestamptz[]) WITH ORDINALITY
  AS q(plate_number, plate_color, at, n)
LEFT JOIN LATERAL (
  SELECT * FROM permits.vehicles AS r
  WHERE r.plate_number = q.plate_number AND r.plate_color = q.plate_color
    AND r.valid_from <= q.at AND (r.valid_to IS NULL OR r.valid_to > q.at)
    AND ($5::uuid IS NULL OR r.enterprise_id = $5)
  ORDER BY r.valid_from DESC LIMIT 1
) AS v ON true
ORDER BY q.n
"""


@dataclass(frozen=True, slots=True)
class Question:
    """Plate, colour and instant."""

    plate_number: str
    plate_color: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knew in one snapshot."""

    registration: Registration | None
    edition: UUID | None
    permits_pos: int
    registry_pos: int


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
            vehicle_id=row["id"],
            enterprise_id=row["enterprise_id"],
            firm=firm_course(row["firm"]),
            papers=papers_course(row["papers"]),
            facts=facts,
            ends_at=row["valid_to"],
            grants=grants,
        )
    return Facts(registration, row["edition"], row["permits_pos"] or 0, row["registry_pos"] or 0)


def _grant(row: dict[str, Any]) -> Grant:
    state = PermitState.model_validate(row)
    return Grant(state.to_grant(), state.revoked_at)
