"""Look-ups by plate: over asyncpg, many questions of callers who see the same in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec

from services.registry.queries.vehicles import VehicleFilter, page_vehicles
from services.registry.schemas.vehicles import VehicleOut
from services.shared.auth import Principal
from services.shared.batching import Batchers
from services.shared.db import Database, DbScope
from services.shared.paging import Page, decode_cursor, encode_cursor

_BATCH: Final = 200
_LANES: Final = 2
_NIL: Final = UUID(int=0)
_LOOK_UP: Final = f"""
SELECT q.n, {", ".join(f"v.{name}" for name in VehicleOut.model_fields)}
FROM unnest($1::text[], $2::smallint[], $3::uuid[], $4::timestamptz[], $5::uuid[], $6::int[])
  WITH ORDINALITY AS q(plate_number, plate_color, enterprise_id, at, after, most, n)
CROSS JOIN LATERAL (
  SELECT * FROM (
    SELECT * FROM registry.vehicles AS r
    WHERE r.plate_number = q.plate_number
      AND (q.plate_color IS NULL OR r.plate_color = q.plate_color)
      AND (q.enterprise_id IS NULL OR r.enterprise_id = q.enterprise_id)
      AND (q.at IS NULL OR (r.valid_from <= q.at AND (r.valid_to IS NULL OR r.valid_to > q.at)))
      AND r.id > q.after
      AND ($7::uuid IS NULL OR r.enterprise_id = $7)
    OFFSET 0 -- else the planner walks the ids in order, looking for the plate
  ) AS r ORDER BY r.id LIMIT q.most
) AS v
ORDER BY q.n, v.id
"""  # noqa: S608 - names of a schema of our own

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """Registrations of one plate, behind an id, at most so many."""

    plate_number: str
    plate_color: int | None
    enterprise_id: UUID | None
    at: datetime | None
    after: UUID
    most: int


class VehicleDesk:
    """Answers lists of vehicles in one API process: those of one plate from shared statements."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lookups: Batchers[DbScope, Question, list[Row]] = Batchers(
            partial(fetch_registrations, database), limit=_BATCH, lanes=_LANES
        )

    async def page(
        self, who: Principal, only: VehicleFilter, cursor: str | None, limit: int
    ) -> Page[VehicleOut]:
        """Return a page of the vehicles the caller may see.

        Raises:
            Unprocessable: The cursor is not one of this list.
        """
        if only.plate_number is None:
            async with self._database.transaction(who.db_scope, readonly=True) as session:
                rows, following = await page_vehicles(session, who, only, cursor, limit)
            return Page(items=[VehicleOut.model_validate(row) for row in rows], next_cursor=following)
        after = decode_cursor(cursor, [UUID])[0] if cursor else _NIL
        question = Question(
            only.plate_number, only.plate_color, only.enterprise_id, only.at, after, limit + 1
        )
        found = await self._lookups.ask(who.shared_db_scope, question)
        following = encode_cursor([found[limit - 1]["id"]]) if len(found) > limit else None
        return Page(items=[VehicleOut.model_validate(row) for row in found[:limit]], next_cursor=following)


async def fetch_registrations(
    database: Database, scope: DbScope, questions: Sequence[Question]
) -> list[list[Row]]:
    """Return the registrations of each question, in order, in one statement; a firm's are its own."""
    names = ("plate_number", "plate_color", "enterprise_id", "at", "after", "most")
    columns = [[getattr(question, name) for question in questions] for name in names]
    async with database.acquire(scope, readonly=True) as connection:
        rows = await connection.fetch(_LOOK_UP, *columns, scope.own())
    found: list[list[Row]] = [[] for _ in questions]
    for row in rows:
        found[row["n"] - 1].append({**row, "verified": msgspec.json.decode(row["verified"])})
    return found
