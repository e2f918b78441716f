"""A tiny service on the registry's schema, whose routes do what kernel tests ask."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Query
from sqlalchemy import text

from services.registry.models import SCHEMA_REVISION
from services.registry.settings import RegistrySettings
from services.shared.app import create_service_app
from services.shared.auth import Principal, Role, require
from services.shared.errors import Conflict, NotAcceptable, Unavailable
from services.shared.routes import SECRET_FIELDS, Router
from services.shared.schemas import Longitude, Strict, Text
from services.shared.sessions import ReadTx, WriteTx
from tests.factories import registry as make

router = Router()
Caller = Annotated[Principal, Depends(require(*Role))]


class Probe(Strict):
    """A body."""

    text: Text | None = None
    lon: Longitude | None = None
    fail: bool = False


@router.post("/probe/echo")
async def echo(given: Probe) -> Probe:
    """Give back the body."""
    return given


@router.post("/probe/marks", status_code=201, openapi_extra={SECRET_FIELDS: ["secret"]})
async def leave_mark(
    _who: Caller, session: WriteTx, given: Probe, _note: Annotated[str | None, Query(alias="note")] = None
) -> dict[str, Any]:
    """Write one row, then fail when asked; the answer holds a secret at two depths."""
    count = await session.scalar(text("SELECT count(*) FROM registry.revoked_subjects"))
    statement = text("INSERT INTO registry.revoked_subjects (subject) VALUES (:mark || gen_random_uuid())")
    await session.execute(statement, {"mark": given.text or "mark"})
    if given.fail:
        raise Conflict
    return {
        "count": count,
        "text": given.text,
        "secret": "S",
        "inner": [{"secret": "S", "kept": 1}],
    }


@router.get("/probe/marks")
async def no_marks() -> dict[str, str]:
    """Show nothing: a second method of one path."""
    return {}


@router.post("/probe/late-failure", status_code=201)
async def fail_at_commit(_who: Caller, session: WriteTx) -> dict[str, str]:
    """Succeed until the commit, which a deferred constraint refuses."""
    await session.execute(
        text("CREATE TEMP TABLE late (a int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP")
    )
    await session.execute(text("INSERT INTO late VALUES (1), (1)"))
    return {"status": "done"}


@router.get("/probe/write-in-a-read")
async def write_in_a_read(_who: Caller, session: ReadTx) -> None:
    """Try to write in a read transaction."""
    await session.execute(text("INSERT INTO registry.revoked_subjects (subject) VALUES ('x')"))


@router.get("/probe/scope")
async def scope(_who: Caller, session: ReadTx) -> dict[str, Any]:
    """Return what row-level security sees."""
    return await _scope(session)


@router.get("/probe/public-scope")
async def public_scope(session: ReadTx) -> dict[str, Any]:
    """Return what row-level security sees of a caller without a token."""
    return await _scope(session)


async def _scope(session: Any) -> dict[str, Any]:
    row = (
        await session.execute(
            text("SELECT app_role() AS role, app_enterprise() AS enterprise, app_subject() AS subject")
        )
    ).mappings()
    return dict(row.one())


@router.get("/probe/items/{item_id}")
async def item(item_id: UUID) -> UUID:
    """Take an id."""
    return item_id


@router.get("/probe/crash")
async def crash() -> None:
    """Break."""
    raise RuntimeError("password=hunter2")


@router.get("/probe/away")
async def away() -> None:
    """Be away."""
    raise Unavailable(headers={"Retry-After": "7"})


@router.get("/probe/not-acceptable")
async def not_acceptable() -> None:
    """Have nothing acceptable."""
    raise NotAcceptable


@router.get("/probe/database")
async def database(session: ReadTx) -> int:
    """Need the database."""
    return int(await session.scalar(text("SELECT 1")) or 0)


async def own_keys() -> dict[str, Any]:
    """The keys test tokens are signed with."""
    return make.ISSUER.jwks()


def create_probe(
    settings: RegistrySettings, *, revision: str = SCHEMA_REVISION, body_limit: int = 10_000
) -> FastAPI:
    """Return the probe's app."""
    return create_service_app(
        settings,
        name="registry",
        title="探针 / Probe",
        description="",
        revision=revision,
        routers=[router],
        fetch_jwks=own_keys,
        body_limit=body_limit,
    )
