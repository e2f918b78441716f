"""Answering checks: facts in one shared statement, rules and areas from memory, the log before the answer.

The rule book in memory is as fresh as the database: every statement that fetches facts also fetches
the book's edition in the same snapshot, and another edition is read before anything is judged.
"""

import asyncio
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from prometheus_client import Counter, Histogram

from services.permits.domain.judging import Book, Registration, judge
from services.permits.domain.places import Place
from services.permits.models import CHECK_LOG
from services.permits.queries.book import read_book
from services.permits.queries.checks import Facts, Question, fetch_facts
from services.permits.schemas.checks import CheckIn
from services.shared.audit import AuditLog, Record
from services.shared.auth import Principal, Role
from services.shared.batching import Batchers
from services.shared.db import Database, DbScope
from services.shared.errors import NotFound, Unavailable
from services.shared.rules.records import Verdict
from services.shared.rules.schedule import CityClock
from services.shared.schemas import format_instant
from services.shared.standards.coordinates import Crs, convert

_BATCH = 200
_LANES = 2
_EDITION_TRIES = 10
_OF_REGISTRATION = ("id", "enterprise_id", "enterprise_active", "enterprise_lapses", "lapses")

CHECKS = Counter("permit_checks", "Checks answered.", ["verdict"])
BOOK_READS = Counter("rule_book_reads", "Times the rule book was read anew.")
LOG_WAIT = Histogram("check_log_wait_seconds", "From verdict to committed log entry.")


class CheckDesk:
    """Answers checks in one API process."""

    def __init__(self, database: Database, clock: CityClock) -> None:
        self._database = database
        self._clock = clock
        self._book: Book | None = None
        self._reading = asyncio.Lock()
        self._log = AuditLog(database, CHECK_LOG)
        self._lookups: Batchers[DbScope, Question, Facts] = Batchers(
            partial(fetch_facts, database), limit=_BATCH, lanes=_LANES
        )

    async def answer(self, who: Principal, asked: CheckIn, now: datetime, request_id: str) -> dict[str, Any]:
        """Return the answer to one check (the members of `CheckOut`), on record already.

        Raises:
            NotFound: The area is unknown; or an enterprise asks about a vehicle that is not its own.
        """
        at = asked.at or now
        facts, book = await self._look_up(who, Question(asked.plate_number, asked.plate_color, at))
        if facts.registration is None and who.role is Role.enterprise:
            raise NotFound
        place = _place(book, asked)
        verdict = judge(book, place, facts.registration, asked.plate_color, at)
        answer = _answer(book, verdict, facts, at)
        with LOG_WAIT.time():
            answer["log_pos"] = await self._log.append(_record(who, asked, answer, now, request_id))
        CHECKS.labels(answer["verdict"]).inc()
        return answer

    async def _look_up(self, who: Principal, question: Question) -> tuple[Facts, Book]:
        for _ in range(_EDITION_TRIES):
            facts = await self._lookups.ask(who.shared_db_scope, question)
            book = await self._book_of(facts.edition)
            if book.edition == facts.edition:
                return facts, book
        raise Unavailable("规则正在变更 / the rules are changing", headers={"Retry-After": "1"})

    async def _book_of(self, edition: UUID | None) -> Book:
        """Return the book in memory, read anew where it is of another edition."""
        if self._book is None or self._book.edition != edition:
            async with self._reading:
                if self._book is None or self._book.edition != edition:
                    self._book = await read_book(self._database, self._clock)
                    BOOK_READS.inc()
        return self._book


def _place(book: Book, asked: CheckIn) -> Place:
    if asked.area_id is not None:
        place = book.areas.area(asked.area_id)
        if place is None:
            raise NotFound
        return place
    lon, lat = convert(asked.lon or 0.0, asked.lat or 0.0, Crs(asked.crs))
    return book.areas.point(lon, lat)


def _answer(book: Book, verdict: Verdict, facts: Facts, at: datetime) -> dict[str, Any]:
    return {
        "verdict": verdict.outcome.value,
        "at": format_instant(at),
        "until": format_instant(verdict.until) if verdict.until else None,
        "basis": [
            {"kind": b.kind, "id": b.id, "code": b.code, "text_zh": titles.zh, "text_en": titles.en}
            for b in verdict.basis
            for titles in [book.describe(b)]
        ],
        "unmet": [{"code": r.code, "zh": r.zh, "en": r.en} for r in verdict.unmet],
        "vehicle": _vehicle(facts.registration, at),
        "as_of": {"permits": facts.permits_pos, "registry": facts.registry_pos},
    }


def _vehicle(registration: Registration | None, at: datetime) -> dict[str, Any]:
    if registration is None:
        return {"known": False, **dict.fromkeys(_OF_REGISTRATION)}
    firm, papers = registration.firm.at(at), registration.papers.at(at)
    values = (registration.vehicle_id, registration.enterprise_id, firm.active, firm.lapses, papers.lapses)
    return {"known": True, **dict(zip(_OF_REGISTRATION, values, strict=True))}


def _record(who: Principal, asked: CheckIn, answer: dict[str, Any], now: datetime, request_id: str) -> Record:
    entry = {
        "recorded_at": format_instant(now),
        "request_id": request_id,
        "subject": who.subject,
        "role": who.role.value,
        "asked": asked.model_dump(mode="json", exclude_none=True),
        "answer": answer,
    }
    return Record(now, who.subject, (asked.plate_number,), encode(entry))


def encode(value: Any) -> bytes:
    """Return canonical JSON: sorted keys, no spaces."""
    return msgspec.json.encode(value, order="sorted")
