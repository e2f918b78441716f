"""Assessments: received as computed, published, appealed, decided by another official."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.assessments import ConsequenceScheme, appeal_end, is_better
from services.registry.errors import (
    AppealDecided,
    AppealMade,
    AppealMissing,
    AppealTooLate,
    AssessmentDiffers,
    AssessmentPublished,
    SameOfficial,
)
from services.registry.models import Assessment, AssessmentAppeal
from services.registry.operations.documents import check_evidence
from services.registry.operations.recording import record_assessment
from services.registry.operations.versions import check_version, write_next
from services.registry.queries.assessments import check_enterprise, find_received, get_assessment
from services.registry.queries.enterprises import get_open_enterprise
from services.registry.schemas.assessments import AppealCreate, AppealDecisionCreate, AssessmentReceived
from services.shared.auth import Principal
from services.shared.changes.canonical import canonical_bytes
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id
from services.shared.locks import lock_name
from services.shared.standards.zones import CITY_ZONE
from services.shared.writing import write


async def receive_assessment(
    session: AsyncSession, who: Principal, given: AssessmentReceived, now: datetime
) -> Assessment:
    """Keep an assessment as computed; the same again changes nothing.

    Raises:
        NotFound: There is no such firm.
        AssessmentDiffers: This firm, period and version of the scheme came before with other content.
    """
    await check_enterprise(session, given.enterprise_id)
    digest = sha256(canonical_bytes(given)).digest()
    await lock_name(session, f"assessment/{given.enterprise_id}/{given.period}/{given.scheme_version}")
    present = await find_received(session, given.enterprise_id, given.period, given.scheme_version)
    if present is not None and present.digest != digest:
        raise AssessmentDiffers
    if present is not None:
        return present
    assessment = Assessment(
        id=new_id(),
        digest=digest,
        received_from=who.subject,
        version=0,
        created_at=now,
        items=[item.model_dump() for item in given.items],
        **given.model_dump(exclude={"items"}),
    )
    await write_next(session, assessment, now)
    await session.refresh(assessment, ["appeal"])
    return assessment


async def publish_assessment(
    session: AsyncSession,
    scheme: ConsequenceScheme,
    official: Principal,
    assessment_id: UUID,
    expected: int | None,
    now: datetime,
) -> Assessment:
    """Publish an assessment with the consequences in force now; the firm sees it and may appeal.

    Raises:
        NotFound: No such assessment.
        PreconditionFailed: `expected` is not its version.
        AssessmentPublished: It was done before.
    """
    assessment = await get_assessment(session, official, assessment_id, lock=True)
    check_version(assessment, expected)
    if assessment.published_at is not None:
        raise AssessmentPublished
    assessment.published_by, assessment.published_by_name = official.subject, official.name
    assessment.published_at = now
    assessment.appeal_until = appeal_end(now, scheme.appeal_days, CITY_ZONE)
    assessment.consequence_scheme = scheme.model_dump(mode="json")
    await record_assessment(session, assessment, now)
    return assessment


async def appeal_assessment(
    session: AsyncSession, who: Principal, assessment_id: UUID, given: AppealCreate, now: datetime
) -> Assessment:
    """Keep a firm's appeal; a suspended firm may appeal too.

    Raises:
        NotFound: Unknown, another's, or not published.
        EnterpriseSuspended: The firm is closed.
        AppealTooLate: Its time is over.
        AppealMade: There is one.
        Unprocessable: A document is unknown or another's.
    """
    assessment = await get_assessment(session, who, assessment_id)
    await get_open_enterprise(session, assessment.enterprise_id)
    if assessment.appeal_until is None or now >= assessment.appeal_until:
        raise AppealTooLate
    appeal = AssessmentAppeal(
        id=new_id(),
        assessment_id=assessment.id,
        enterprise_id=assessment.enterprise_id,
        reason=given.reason,
        document_ids=await check_evidence(session, who, given.document_ids),
        appealed_by=who.subject,
        appealed_at=now,
    )
    session.add(appeal)
    await write(session, {"uq_assessment_appeals_assessment_id": AppealMade})
    await session.refresh(assessment, ["appeal"])
    return assessment


async def decide_appeal(
    session: AsyncSession,
    official: Principal,
    assessment_id: UUID,
    given: AppealDecisionCreate,
    now: datetime,
) -> Assessment:
    """Uphold the grade, or give a better one with the consequences of the published configuration.

    Raises:
        NotFound: No such assessment.
        AppealMissing: There is nothing to decide about.
        AppealDecided: It was decided before.
        SameOfficial: The publisher decides about the own publication.
        Unprocessable: The new grade is not better.
    """
    assessment = await get_assessment(session, official, assessment_id, lock=True)
    appeal = assessment.appeal
    if appeal is None:
        raise AppealMissing
    if appeal.outcome is not None:
        raise AppealDecided
    if official.subject == assessment.published_by:
        raise SameOfficial
    if given.grade is not None and not is_better(given.grade, assessment.grade):
        message = "申诉不得使等级更低或不变 / an appeal gives a better grade or none"
        raise Unprocessable(errors=[FieldError("body.grade", "grade_not_better", message)])
    appeal.outcome, appeal.cause, appeal.decided_at = given.outcome, given.cause, now
    appeal.decided_by, appeal.decided_by_name = official.subject, official.name
    assessment.amended_grade = given.grade
    await record_assessment(session, assessment, now)
    return assessment
