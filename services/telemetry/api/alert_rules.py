"""`/v1/alert-rules` 电子围栏与限速规则: what firms and offices want to be told."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Query

from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx
from services.telemetry.api.alerts import Keeper
from services.telemetry.operations import alerts as operations
from services.telemetry.queries.alerts import find_last_versions, get_rule, page_rules
from services.telemetry.schemas.alerts import AlertRuleCreate, AlertRuleOut

router = Router(prefix="/v1/alert-rules", tags=["alerts"])

RuleId = Annotated[UUID, Path(description="The rule.")]
Ended = Annotated[bool, Query(description="Those too that have been ended.")]


@router.post("", status_code=201, summary="设置报警规则 / Set an alert rule", responses=problems(409))
async def create_alert_rule(body: AlertRuleCreate, who: Keeper, session: WriteTx, now: Now) -> AlertRuleOut:
    """Set a rule for what happens from now on: a firm about its vehicles, an office about any."""
    return AlertRuleOut.of(*await operations.create_rule(session, who, body, now))


@router.get("", summary="报警规则列表 / List alert rules")
async def list_alert_rules(
    who: Keeper, session: ReadTx, include_ended: Ended = False, cursor: Cursor = None, limit: Limit = 50
) -> Page[AlertRuleOut]:
    """Page over rules; a firm sees its own, an office all."""
    rules, next_cursor = await page_rules(session, who, cursor, limit, with_ended=include_ended)
    said = await find_last_versions(session, [rule.id for rule in rules])
    return Page(items=[AlertRuleOut.of(rule, said[rule.id]) for rule in rules], next_cursor=next_cursor)


@router.get("/{rule_id}", summary="报警规则 / Read an alert rule")
async def read_alert_rule(rule_id: RuleId, who: Keeper, session: ReadTx) -> AlertRuleOut:
    """Give one rule as it stands, or stood when it ended."""
    rule = await get_rule(session, who, rule_id)
    return AlertRuleOut.of(rule, (await find_last_versions(session, [rule.id]))[rule.id])


@router.put("/{rule_id}", summary="修改报警规则 / Replace an alert rule", responses=problems(409))
async def replace_alert_rule(
    rule_id: RuleId, body: AlertRuleCreate, who: Keeper, session: WriteTx, now: Now
) -> AlertRuleOut:
    """Let a rule say something else from now on; an office changes its own rules only."""
    return AlertRuleOut.of(*await operations.replace_rule(session, who, rule_id, body, now))


@router.post("/{rule_id}/end", summary="停用报警规则 / End an alert rule")
async def end_alert_rule(rule_id: RuleId, who: Keeper, session: WriteTx, now: Now) -> AlertRuleOut:
    """End a rule; the alerts it has raised stay."""
    return AlertRuleOut.of(*await operations.end_rule(session, who, rule_id, now))
