"""Making and repealing restriction rules, and making permit types."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.permits.errors import RuleCodeTaken, RuleEnded, TypeCodeTaken
from services.permits.models import PermitType, RestrictionRule
from services.permits.operations.publishing import publish_rule
from services.permits.queries.copies import find_unknown_areas
from services.permits.queries.rules import find_unknown_types, get_rule
from services.permits.schemas.permits import PermitTypeCreate
from services.permits.schemas.rules import RepealIn, RestrictionRuleCreate
from services.shared.auth import Principal
from services.shared.db import constraint_of
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id


async def make_rule(
    session: AsyncSession, official: Principal, body: RestrictionRuleCreate, now: datetime
) -> RestrictionRule:
    """Put a restriction rule into force for its validity interval.

    Raises:
        Unprocessable: An area or permit type is unknown.
        RuleCodeTaken: Another rule has the code.
    """
    await require_areas(session, body.area_ids)
    unknown = await find_unknown_types(session, body.permit_types)
    if unknown:
        fault = FieldError(
            "body.permit_types", "permit_type_unknown", "未知的通行证类型 / unknown permit type"
        )
        raise Unprocessable(errors=[fault])
    rule = RestrictionRule(
        id=new_id(),
        made_by=official.subject,
        made_at=now,
        version=1,
        conditions=body.conditions.model_dump(exclude_none=True),
        windows=[window.model_dump() for window in body.windows],
        **body.model_dump(exclude={"conditions", "windows"}),
    )
    session.add(rule)
    try:
        await publish_rule(session, rule)
    except IntegrityError as error:
        if constraint_of(error) == "uq_restriction_rules_code":
            raise RuleCodeTaken from error
        raise
    return rule


async def repeal_rule(
    session: AsyncSession, official: Principal, rule_id: UUID, body: RepealIn, now: datetime
) -> RestrictionRule:
    """End a rule now or at a later instant; one not yet in force never comes into force.

    Raises:
        NotFound: No such rule.
        RuleEnded: It has been repealed, or ends before.
    """
    rule = await get_rule(session, rule_id, lock=True)
    ends_at = max(body.at or now, now)
    if rule.repealed_at is not None or (rule.valid_to is not None and rule.valid_to <= ends_at):
        raise RuleEnded
    rule.valid_to = max(ends_at, rule.valid_from)
    rule.repealed_at = now
    rule.repealed_by = official.subject
    rule.repeal_reason = body.reason
    rule.version += 1
    await publish_rule(session, rule)
    return rule


async def make_type(
    session: AsyncSession, official: Principal, body: PermitTypeCreate, now: datetime
) -> PermitType:
    """Add a kind of permit.

    Raises:
        TypeCodeTaken: Another type has the code.
    """
    made = PermitType(id=new_id(), made_by=official.subject, made_at=now, version=1, **body.model_dump())
    session.add(made)
    try:
        await session.flush()
    except IntegrityError as error:
        if constraint_of(error) == "uq_permit_types_code":
            raise TypeCodeTaken from error
        raise
    return made


async def require_areas(session: AsyncSession, area_ids: list[UUID]) -> None:
    """Make sure that every area is known.

    Raises:
        Unprocessable: Naming the places in the list that are not.
    """
    unknown = await find_unknown_areas(session, area_ids)
    faults = [
        FieldError(f"body.area_ids.{place}", "area_unknown", "未知的区域 / unknown area")
        for place, area_id in enumerate(area_ids)
        if area_id in unknown
    ]
    if faults:
        raise Unprocessable(errors=faults)
