"""`Idempotency-Key`: a POST repeated with the same key has one effect and the same answer.

Scope is client + route; the answer is stored in the business transaction itself, so the two exist
together or not at all. Another body under the same key is a 422, a first request still running a
409. Members that hold a secret (`x-secret-fields` of the route) are left out of the stored answer.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy import Column, DateTime, Integer, LargeBinary, MetaData, String, Table, func, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.errors import Conflict, FieldError, Gone, Unprocessable

HEADER = "idempotency-key"
REFERENCE_HEADER = "x-reference-code"
_MAX_KEY = 200
_KEEP = "24 hours"


class KeyInProgress(Conflict):
    """The first request with this key has not ended."""

    slug: ClassVar[str] = "idempotency-in-progress"
    title_zh: ClassVar[str] = "相同幂等键的请求正在处理"
    title_en: ClassVar[str] = "A request with this key is in progress"


class KeyReused(Unprocessable):
    """The key was used for another request."""

    slug: ClassVar[str] = "idempotency-key-reused"
    title_zh: ClassVar[str] = "幂等键已用于不同请求"
    title_en: ClassVar[str] = "Key was used for a different request"


class AnswerErased(Gone):
    """What was answered under this key was about a person, and is erased."""

    slug: ClassVar[str] = "answer-erased"
    title_zh: ClassVar[str] = "该请求的结果已随个人信息删除"
    title_en: ClassVar[str] = "The answer to this request was erased with the person's data"


class Replay(Exception):
    """Carries the stored answer out of the dependency to the route class."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body

    def response(self) -> Response:
        """Return the stored answer."""
        headers = {"Idempotent-Replay": "true"}
        return Response(self.body, self.status, headers, media_type="application/json")


@dataclass(slots=True)
class _Pending:
    session: AsyncSession
    schema: str
    client: str
    route: str
    key: str
    fingerprint: bytes


def idempotency_table(metadata: MetaData) -> Table:
    """Declare `idempotency_keys` in a service's schema."""
    return Table(
        "idempotency_keys",
        metadata,
        Column("client", String(200), primary_key=True),
        Column("route", String(200), primary_key=True),
        Column("key", String(_MAX_KEY), primary_key=True),
        Column("fingerprint", LargeBinary, nullable=False),
        Column("status", Integer, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now(), index=True),
    )


async def begin(request: Request, session: AsyncSession) -> None:
    """Look the key up at the start of the transaction; replay, refuse, or note it for `finish`.

    Raises:
        Replay: The stored answer.
        KeyInProgress: The first request still runs.
        KeyReused: Another request stands under this key.
        AnswerErased: The answer was about a person whose data were erased since.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return
    if not 0 < len(key) <= _MAX_KEY or not key.isprintable() or not key.isascii():
        fault = FieldError(
            "header.Idempotency-Key",
            "key_invalid",
            "须为 1–200 个可见 ASCII 字符 / 1 to 200 printable ASCII characters",
        )
        raise Unprocessable("Idempotency-Key", errors=[fault])
    if request.method != "POST":  # a PUT repeats itself; what stands on its key means nothing
        return
    pending = await _pending(request, session, key)
    lock = int.from_bytes(
        hashlib.sha256(f"{pending.client}\n{pending.route}\n{key}".encode()).digest()[:8], "big", signed=True
    )
    if not await session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": lock}):
        raise KeyInProgress(headers={"Retry-After": "1"})
    row = (
        await session.execute(
            text(
                f"SELECT fingerprint, status, body FROM {pending.schema}.idempotency_keys"  # noqa: S608 - schema is a constant of the service
                f" WHERE client = :client AND route = :route AND key = :key"
                f" AND created_at > now() - interval '{_KEEP}'"
            ),
            {"client": pending.client, "route": pending.route, "key": key},
        )
    ).one_or_none()
    if row is None:
        request.state.idempotency = pending
    elif row.fingerprint != pending.fingerprint:
        raise KeyReused
    else:
        raise AnswerErased if row.status == AnswerErased.status else Replay(row.status, row.body)


async def _pending(request: Request, session: AsyncSession, key: str) -> _Pending:
    principal = getattr(request.state, "principal", None)
    body = await request.body()
    # A reference code stands for the caller where there is no token: another code is another request.
    # What a change is based on is likewise a part of what is asked.
    shown = [repr(request.headers.get(name)) for name in (REFERENCE_HEADER, "if-match")]
    target = "\n".join((f"{request.url.path}?{request.url.query}", *shown)).encode()
    return _Pending(
        session=session,
        schema=request.app.state.schema,
        client=principal.subject if principal else _stranger(request),
        route=f"{request.method} {request.scope['route'].path}",
        key=key,
        fingerprint=hashlib.sha256(target + b"\n" + body).digest(),
    )


def _stranger(request: Request) -> str:
    """Two strangers may choose the same key: a caller without a token is told apart by its address."""
    return f"public:{request.client.host if request.client else ''}"


async def finish(request: Request, response: Response, secret_fields: frozenset[str]) -> None:
    """Store the answer in the business transaction, which the session dependency then commits."""
    pending: _Pending | None = getattr(request.state, "idempotency", None)
    if pending is None:
        return
    await pending.session.execute(
        text(
            f"INSERT INTO {pending.schema}.idempotency_keys (client, route, key, fingerprint, status, body)"  # noqa: S608 - schema is a constant of the service
            " VALUES (:client, :route, :key, :fingerprint, :status, :body)"
            " ON CONFLICT (client, route, key) DO UPDATE SET fingerprint = EXCLUDED.fingerprint,"
            " status = EXCLUDED.status, body = EXCLUDED.body, created_at = now()"
        ),
        {
            "client": pending.client,
            "route": pending.route,
            "key": pending.key,
            "fingerprint": pending.fingerprint,
            "status": response.status_code,
            "body": _without_secrets(bytes(response.body), secret_fields),
        },
    )


async def erase_answers(session: AsyncSession, schema: str, subject: UUID) -> None:
    """Empty the answers that name a person who is erased; their keys stay, so that nothing is done again."""
    await session.execute(
        text(
            f"UPDATE {schema}.idempotency_keys SET status = :gone, body = ''"  # noqa: S608 - schema is a constant of the service
            " WHERE position(convert_to(:subject, 'UTF8') in body) > 0"
        ),
        {"gone": AnswerErased.status, "subject": str(subject)},
    )


async def forget_expired(session: AsyncSession, schema: str) -> None:
    """Delete keys past their 24 hours; a job of each service's worker."""
    await session.execute(
        text(f"DELETE FROM {schema}.idempotency_keys WHERE created_at < now() - interval '{_KEEP}'")  # noqa: S608 - schema is a constant of the service
    )


def _without_secrets(body: bytes, secret_fields: frozenset[str]) -> bytes:
    if not secret_fields or not body:
        return body
    return json.dumps(
        _strip(json.loads(body), secret_fields), ensure_ascii=False, separators=(",", ":")
    ).encode()


def _strip(value: Any, secret_fields: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {k: _strip(v, secret_fields) for k, v in value.items() if k not in secret_fields}
    if isinstance(value, list):
        return [_strip(item, secret_fields) for item in value]
    return value
