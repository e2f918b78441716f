"""`/v1/assessments`: received from the gateway over `/internal/v1/assessments`, published, appealed."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.registry.api.guards import Firm, Official, Party, Service
from services.registry.api.versions import ExpectedVersion, etag
from services.registry.domain.assessments import Grade
from services.registry.operations import assessments as operations
from services.registry.queries import assessments as queries
from services.registry.schemas.assessments import (
    AppealCreate,
    AppealDecisionCreate,
    AssessmentOut,
    AssessmentReceived,
    Period,
    SchemeVersion,
)
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(tags=["assessments"])


async def _only(
    enterprise_id: Annotated[UUID | None, Query(description="Only this firm's.")] = None,
    period: Annotated[Period | None, Query(description="Only of this period.")] = None,
    scheme_version: Annotated[
        SchemeVersion | None, Query(description="Only by this version of the scheme.")
    ] = None,
    grade: Annotated[Grade | None, Query(description="Only with this grade in force.")] = None,
    published: Annotated[bool | None, Query(description="Only published ones, or only others.")] = None,
) -> queries.AssessmentFilter:
    return queries.AssessmentFilter(enterprise_id, period, scheme_version, grade, published)


@router.post("/internal/v1/assessments", status_code=201, include_in_schema=False)
async def receive_assessment(
    who: Service, session: WriteTx, now: Now, given: AssessmentReceived
) -> AssessmentOut:
    """Keep an assessment as the gateway computed it; the same again changes nothing."""
    return AssessmentOut.model_validate(await operations.receive_assessment(session, who, given, now))


@router.get("/v1/assessments", summary="考核结果列表 / List assessments")
async def list_assessments(
    who: Party,
    session: ReadTx,
    only: Annotated[queries.AssessmentFilter, Depends(_only)],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[AssessmentOut]:
    """List assessments; a firm sees its own once they are published."""
    items, following = await queries.page_assessments(session, who, only, cursor, limit)
    return Page(items=[AssessmentOut.model_validate(item) for item in items], next_cursor=following)


@router.get("/v1/assessments/{assessment_id}", summary="考核结果 / Read an assessment")
async def read_assessment(
    who: Party, session: ReadTx, response: Response, assessment_id: UUID
) -> AssessmentOut:
    """Return an assessment; `ETag` is its version."""
    assessment = await queries.get_assessment(session, who, assessment_id)
    response.headers["ETag"] = etag(assessment.version)
    return AssessmentOut.model_validate(assessment)


@router.post(
    "/v1/assessments/{assessment_id}/publication",
    summary="公布考核结果 / Publish an assessment",
    responses=problems(409, 412),
)
async def publish_assessment(
    who: Official,
    session: WriteTx,
    now: Now,
    request: Request,
    assessment_id: UUID,
    expected: ExpectedVersion,
) -> AssessmentOut:
    """Publish an assessment with its consequences; a named official of the transport bureau does."""
    scheme = request.app.state.supervision.consequences
    assessment = await operations.publish_assessment(session, scheme, who, assessment_id, expected, now)
    return AssessmentOut.model_validate(assessment)


@router.post(
    "/v1/assessments/{assessment_id}/appeal",
    status_code=201,
    summary="考核申诉 / Appeal against an assessment",
    responses=problems(409),
)
async def appeal_assessment(
    who: Firm, session: WriteTx, now: Now, assessment_id: UUID, given: AppealCreate
) -> AssessmentOut:
    """Appeal before `appeal_until`, once; a suspended firm may too."""
    assessment = await operations.appeal_assessment(session, who, assessment_id, given, now)
    return AssessmentOut.model_validate(assessment)


@router.post(
    "/v1/assessments/{assessment_id}/appeal-decision",
    summary="申诉决定 / Decide about an appeal",
    responses=problems(409),
)
async def decide_appeal(
    who: Official, session: WriteTx, now: Now, assessment_id: UUID, given: AppealDecisionCreate
) -> AssessmentOut:
    """Uphold the grade or give a better one; another named official than the publisher decides."""
    assessment = await operations.decide_appeal(session, who, assessment_id, given, now)
    return AssessmentOut.model_validate(assessment)
