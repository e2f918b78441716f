"""`/v1/verifications`: how far each group of an entity's fields has been checked."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.registry.api.guards import Party, Reviewer
from services.registry.api.versions import ExpectedVersion
from services.registry.operations import verifications as operations
from services.registry.queries import verifications as queries
from services.registry.schemas.verifications import RevocationCreate, VerificationCreate, VerificationOut
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/verifications", tags=["verifications"])


@router.post("", status_code=201, summary="核验字段组 / Verify a group of fields")
async def verify_group(
    who: Reviewer, session: WriteTx, now: Now, given: VerificationCreate, expected: ExpectedVersion
) -> VerificationOut:
    """Record that a group was checked on documents, or confirmed by the authority; a named official does.

    `If-Match` is the ETag of the entity as it was looked at: what was edited since is not vouched for.
    Whoever edits the group afterwards makes it self-declared again, and no other group.
    """
    return VerificationOut.model_validate(await operations.verify_group(session, who, given, expected, now))


@router.get("", summary="核验记录 / List verifications")
async def list_verifications(
    who: Party,
    session: ReadTx,
    subject_id: Annotated[UUID | None, Query(description="Only of this entity.")] = None,
    in_force: Annotated[bool, Query(description="Only those that hold now.")] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[VerificationOut]:
    """List verifications, ended ones too: by whom, when, on which evidence; a firm sees its own."""
    items, following = await queries.page_verifications(
        session, who, subject_id, cursor, limit, in_force=in_force
    )
    return Page(items=[VerificationOut.model_validate(item) for item in items], next_cursor=following)


@router.post(
    "/{verification_id}/revocation", summary="撤销核验 / Revoke a verification", responses=problems(409)
)
async def revoke_verification(
    who: Reviewer, session: WriteTx, now: Now, verification_id: UUID, given: RevocationCreate
) -> VerificationOut:
    """End a verification that did not hold; the group is self-declared again."""
    revoked = await operations.revoke_verification(session, who, verification_id, given, now)
    return VerificationOut.model_validate(revoked)
