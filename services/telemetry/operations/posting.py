"""Positions over HTTP: who posts, for which terminals, stored before the answer."""

import base64
import binascii
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal, Role
from services.shared.db import Database, DbScope
from services.shared.errors import FieldError, Forbidden, Unauthorized
from services.telemetry.domain.broker_files import is_secret, verifier
from services.telemetry.domain.instants import to_ms
from services.telemetry.domain.postings import Posting, UnreadablePosting, read_postings
from services.telemetry.domain.topics import NUMBER
from services.telemetry.errors import PositionsUnreadable, TerminalNotFound
from services.telemetry.operations.batch import Batch
from services.telemetry.operations.storing import store_batch
from services.telemetry.queries.terminals import find_posting_keys, find_sender
from services.telemetry.schemas.positions import PostedOut

_LOOKING = DbScope(role="service", subject="svc:telemetry")
"""Finds a terminal before it is known whose it is."""
_NOBODY = verifier("nobody's")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="cityfreight", Bearer'}


class Poster(NamedTuple):
    """Who posts: a terminal of a firm, a bridge of a firm, or the firm itself."""

    enterprise_id: UUID
    number: str | None
    is_for_others: bool


def poster_of(principal: Principal) -> Poster:
    """Give the poster of a firm's token.

    Raises:
        Forbidden: it is no firm's.
    """
    if principal.role is not Role.enterprise or principal.enterprise_id is None:
        raise Forbidden("此角色无权调用 / this role may not call this")
    return Poster(principal.enterprise_id, None, is_for_others=True)


async def find_poster(database: Database, encoded: str) -> Poster:
    """Give the poster of a terminal's number and password, as HTTP Basic has them.

    Raises:
        Unauthorized: they do not hold.
    """
    try:
        number, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise Unauthorized(headers=_CHALLENGE) from error
    if not NUMBER.fullmatch(number):
        raise Unauthorized(headers=_CHALLENGE)
    async with database.transaction(_LOOKING, readonly=True) as session:
        sender = await find_sender(session, number)
    is_right = is_secret(secret, sender.secret_verifier if sender is not None else _NOBODY)
    if sender is None or not colon or not is_right:
        raise Unauthorized(headers=_CHALLENGE)
    return Poster(sender.enterprise_id, sender.terminal_number, sender.kind == "bridge")


async def post_positions(
    database: Database, poster: Poster, payload: bytes, now: datetime, zone: str
) -> PostedOut | list[PostedOut]:
    """Store what is posted and commit; an empty list is the answer OwnTracks expects.

    Raises:
        PositionsUnreadable: the body is in no known form.
        TerminalNotFound: a terminal is unknown, or not the poster's; nothing is stored.
    """
    now_ms = to_ms(now)
    own = None if poster.is_for_others else poster.number
    try:
        postings = read_postings(payload, own, now_ms)
    except UnreadablePosting as error:
        fault = FieldError(error.field, error.code, error.message)
        raise PositionsUnreadable(errors=[fault]) from error
    scope = DbScope(Role.enterprise.value, str(poster.enterprise_id), "positions")
    batch = Batch(now, redelivered=True)
    async with database.transaction(scope, readonly=True) as session:
        keys = await _find_keys(session, poster, postings)
    for posting in postings:
        for report in posting.reports:
            batch.add(posting.number, keys[posting.number], report, now_ms)
    async with database.acquire(scope) as connection:
        await store_batch(connection, batch, zone)
    quarantined = len(batch.rejects)
    good = batch.good
    counted = PostedOut(
        received=good + quarantined, stored=batch.new, duplicate=good - batch.new, quarantined=quarantined
    )
    return [] if b'"_type"' in payload else counted


async def _find_keys(session: AsyncSession, poster: Poster, postings: list[Posting]) -> dict[str, int]:
    numbers = {
        posting.number for posting in postings if poster.is_for_others or posting.number == poster.number
    }
    keys = await find_posting_keys(session, poster.enterprise_id, numbers)
    message = "没有此终端 / no such terminal"
    errors = [
        FieldError(field, "not_found", message)
        for posting in postings
        if posting.number not in keys
        for field in posting.fields
    ]
    if errors:
        raise TerminalNotFound(errors=errors)
    return keys
