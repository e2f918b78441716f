"""`/v1/restriction-rules`."""

from typing import Annotated

from fastapi import Query

from services.permits.api.callers import Reader, RuleMaker
from services.permits.models import RestrictionRule
from services.permits.operations.rules import make_rule, repeal_rule
from services.permits.queries.rules import get_rule, page_rules
from services.permits.schemas.fields import EraInstant
from services.permits.schemas.rules import RepealIn, RestrictionRuleCreate, RestrictionRuleOut
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.schemas import Identifier
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/restriction-rules", tags=["restriction-rules"])


@router.post(
    "",
    status_code=201,
    response_model=RestrictionRuleOut,
    responses=problems(409),
    summary="制定限行规则 / Make a restriction rule",
)
async def create_restriction_rule(
    official: RuleMaker, session: WriteTx, body: RestrictionRuleCreate, now: Now
) -> RestrictionRule:
    """Make a restriction rule; a named official of the police or the transport bureau."""
    return await make_rule(session, official, body, now)


@router.get("", response_model=Page[RestrictionRuleOut], summary="限行规则列表 / List restriction rules")
async def list_restriction_rules(
    _who: Reader,
    session: ReadTx,
    area_id: Annotated[Identifier | None, Query(description="Only rules of this area.")] = None,
    at: Annotated[EraInstant | None, Query(description="Only rules in force at this instant.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> object:
    """List rules, oldest first."""
    items, following = await page_rules(session, area_id=area_id, at=at, cursor=cursor, limit=limit)
    return {"items": items, "next_cursor": following}


@router.get("/{rule_id}", response_model=RestrictionRuleOut, summary="限行规则 / Read a restriction rule")
async def read_restriction_rule(_who: Reader, session: ReadTx, rule_id: Identifier) -> RestrictionRule:
    """Read one rule."""
    return await get_rule(session, rule_id)


@router.post(
    "/{rule_id}/repeal",
    response_model=RestrictionRuleOut,
    responses=problems(409),
    summary="废止限行规则 / Repeal a restriction rule",
)
async def repeal_restriction_rule(
    official: RuleMaker, session: WriteTx, rule_id: Identifier, body: RepealIn, now: Now
) -> RestrictionRule:
    """End a rule, now or at a later instant; it stays on record."""
    return await repeal_rule(session, official, rule_id, body, now)
