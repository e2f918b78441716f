"""`/v1/operating-statements`: a firm's costs, energy and kilometres, month by month."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.registry.api.guards import Firm, Party, Reviewer
from services.registry.api.versions import ExpectedVersion, etag
from services.registry.operations import operating_statements as operations
from services.registry.queries import operating_statements as queries
from services.registry.schemas.operating_statements import (
    Month,
    OperatingStatementCreate,
    OperatingStatementOut,
    ReturnCreate,
    StatementStatus,
)
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/operating-statements", tags=["operating statements"])


async def _only(
    enterprise_id: Annotated[UUID | None, Query(description="Only this firm's.")] = None,
    month: Annotated[Month | None, Query(description="Only of this month.")] = None,
    status: Annotated[StatementStatus | None, Query(description="Only these.")] = None,
    late: Annotated[bool | None, Query(description="Only those that were late, or were not.")] = None,
    flagged: Annotated[bool | None, Query(description="Only those with flags, or without.")] = None,
    superseded: Annotated[bool, Query(description="Superseded revisions too.")] = False,
) -> queries.StatementFilter:
    return queries.StatementFilter(
        enterprise_id, month, status, late, flagged, superseded or status == "superseded"
    )


@router.post("", status_code=201, summary="报送运营月报 / Submit an operating statement")
async def submit_statement(
    who: Firm,
    session: WriteTx,
    response: Response,
    now: Now,
    request: Request,
    given: OperatingStatementCreate,
) -> OperatingStatementOut:
    """Submit the firm's statement of a month that has ended, or correct an earlier one.

    A correction supersedes and never overwrites: every revision stays readable. A late one is taken and
    flagged as late. What looks implausible against the month before and the registered fleet is flagged.
    """
    checks = request.app.state.supervision.statement_checks
    statement = await operations.submit_statement(session, checks, who, given, now)
    response.headers["ETag"] = etag(statement.version)
    return OperatingStatementOut.model_validate(statement)


@router.get("", summary="运营月报列表 / List operating statements")
async def list_statements(
    who: Party,
    session: ReadTx,
    only: Annotated[queries.StatementFilter, Depends(_only)],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[OperatingStatementOut]:
    """List the current statements, or every revision with `superseded=true`; a firm sees its own."""
    items, following = await queries.page_statements(session, who, only, cursor, limit)
    return Page(items=[OperatingStatementOut.model_validate(item) for item in items], next_cursor=following)


@router.get("/{statement_id}", summary="运营月报 / Read an operating statement")
async def read_statement(
    who: Party, session: ReadTx, response: Response, statement_id: UUID
) -> OperatingStatementOut:
    """Return one revision; `ETag` is its version."""
    statement = await queries.get_statement(session, who, statement_id)
    response.headers["ETag"] = etag(statement.version)
    return OperatingStatementOut.model_validate(statement)


@router.post(
    "/{statement_id}/acceptance", summary="接受月报 / Accept a statement", responses=problems(409, 412)
)
async def accept_statement(
    who: Reviewer, session: WriteTx, now: Now, statement_id: UUID, expected: ExpectedVersion
) -> OperatingStatementOut:
    """Accept the current revision; a named official does."""
    statement = await operations.accept_statement(session, who, statement_id, expected, now)
    return OperatingStatementOut.model_validate(statement)


@router.post("/{statement_id}/return", summary="退回月报 / Return a statement", responses=problems(409, 412))
async def return_statement(
    who: Reviewer,
    session: WriteTx,
    now: Now,
    statement_id: UUID,
    expected: ExpectedVersion,
    given: ReturnCreate,
) -> OperatingStatementOut:
    """Give the current revision back for correction, with the reason; a named official does."""
    statement = await operations.return_statement(session, who, statement_id, given, expected, now)
    return OperatingStatementOut.model_validate(statement)
