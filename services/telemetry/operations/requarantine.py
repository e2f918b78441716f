"""What is left of rows of quarantine after they were judged again: changed, split or gone."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias

import asyncpg

from services.telemetry.domain.fixes import Rejected
from services.telemetry.domain.releasing import Held, Verdict, occasions
from services.telemetry.operations.recording import printable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_DELETE = "DELETE FROM telemetry.quarantined_positions WHERE digest = any($1)"
_CHANGE = """
    UPDATE telemetry.quarantined_positions q
    SET reason = c.reason, detail = c.detail, times = c.times, days = c.days
    FROM unnest($1::bytea[], $2::text[], $3::text[], $4::int[], $5::jsonb[])
        AS c(digest, reason, detail, times, days)
    WHERE q.digest = c.digest
"""
_SPLIT = """
    INSERT INTO telemetry.quarantined_positions AS q (digest, terminal_number, enterprise_id, reason, detail,
        raw, times, days, first_received_at, last_received_at)
    SELECT s.digest, s.terminal_number, t.enterprise_id, s.reason, s.detail, s.raw, s.times, s.days,
        s.first_received_at, s.last_received_at
    FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::int[], $7::jsonb[],
        $8::timestamptz[], $9::timestamptz[]) AS s(digest, terminal_number, reason, detail, raw, times, days,
        first_received_at, last_received_at)
    LEFT JOIN telemetry.terminals t USING (terminal_number) ORDER BY s.digest
    ON CONFLICT (digest) DO UPDATE SET times = q.times + excluded.times,
        days = (SELECT jsonb_object_agg(d.day, d.times) FROM (
            SELECT key AS day, sum(value::integer) AS times FROM (
                SELECT * FROM jsonb_each_text(q.days) UNION ALL SELECT * FROM jsonb_each_text(excluded.days)
            ) each GROUP BY key) d),
        first_received_at = least(q.first_received_at, excluded.first_received_at),
        last_received_at = greatest(q.last_received_at, excluded.last_received_at)
"""


@dataclass(slots=True)
class _Part:
    """A bad fix out of messages that held more."""

    number: str
    rejected: Rejected
    first: datetime
    last: datetime
    days: Counter[date] = field(default_factory=Counter)


async def rewrite(connection: Connection, rows: Sequence[Held], verdicts: Sequence[Verdict]) -> int:
    """Leave in quarantine what is still bad, with its reason of now; give how many rows are gone."""
    gone: list[bytes] = []
    changed: list[tuple[Any, ...]] = []
    parts: dict[bytes, _Part] = {}
    for held, verdict in zip(rows, verdicts, strict=True):
        came = occasions(held, verdict)
        if held.digest not in verdict.bad:
            gone.append(held.digest)
        for digest, (rejected, times) in verdict.bad.items():
            days = Counter({day: times * number for day, number in came.items()})
            if digest == held.digest:
                detail = printable(rejected.detail)
                changed.append((digest, rejected.reason, detail, days.total(), _json(days)))
                continue
            part = parts.setdefault(digest, _Part(verdict.number, rejected, held.first, held.last))
            part.days += days
            part.first, part.last = min(part.first, held.first), max(part.last, held.last)
    await connection.execute(_DELETE, gone)
    await _many(connection, _CHANGE, sorted(changed))
    await _many(connection, _SPLIT, [_row(digest, part) for digest, part in sorted(parts.items())])
    return len(gone)


def _row(digest: bytes, part: _Part) -> tuple[Any, ...]:
    reason, detail, raw, *_ = part.rejected
    return (
        digest, part.number, reason, printable(detail), raw, part.days.total(), _json(part.days),
        part.first, part.last,
    )  # fmt: skip


def _json(days: Counter[date]) -> str:
    return json.dumps({day.isoformat(): times for day, times in sorted(days.items())})


async def _many(connection: Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        await connection.execute(statement, *map(list, zip(*rows, strict=True)))
