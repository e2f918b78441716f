"""The last step of a change of supervision: version + 1, the row written, its state in the feed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import FEED, Assessment, Complaint, OperatingStatement
from services.registry.operations.versions import write_next
from services.shared.events.supervision import (
    AssessmentState,
    ComplaintState,
    OperatingStatementState,
)
from services.shared.schemas import Event

Entity = OperatingStatement | Assessment | Complaint


async def _record(session: AsyncSession, kind: str, entity_id: UUID, version: int, state: Event) -> None:
    await FEED.record(session, kind=kind, entity_id=entity_id, version=version, state=state)


async def record_statement(session: AsyncSession, statement: OperatingStatement, now: datetime) -> None:
    """Write a new or locked statement and its state."""
    await write_next(session, statement, now)
    fields = {name: getattr(statement, name, None) for name in OperatingStatementState.model_fields}
    state = OperatingStatementState.model_validate({**fields, "submitted_at": statement.created_at})
    await _record(session, "operating_statement", statement.id, statement.version, state)


async def record_assessment(session: AsyncSession, assessment: Assessment, now: datetime) -> None:
    """Write a published, locked assessment and its state."""
    await write_next(session, assessment, now)
    consequence = {"version": assessment.consequences_version, **dict(assessment.consequence or {})}
    fields = {name: getattr(assessment, name) for name in AssessmentState.model_fields}
    state = AssessmentState.model_validate(
        {**fields, "grade": assessment.grade_in_force, "consequence": consequence}
    )
    await _record(session, "assessment", assessment.id, assessment.version, state)


async def record_complaint(session: AsyncSession, complaint: Complaint, now: datetime) -> None:
    """Write a new or locked complaint and its state."""
    await write_next(session, complaint, now)
    fields = {name: getattr(complaint, name, None) for name in ComplaintState.model_fields}
    state = ComplaintState.model_validate({**fields, "submitted_at": complaint.created_at})
    await _record(session, "complaint", complaint.id, complaint.version, state)
