"""Taking note of alerts, and keeping the rules that raise them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal, Role
from services.shared.errors import FieldError
from services.shared.ids import new_id
from services.telemetry.errors import (
    AlertAcknowledged,
    AlertRuleEnded,
    AreaUnknown,
    EnterpriseUnknown,
    TooManyAlertRules,
    VehicleNotFound,
)
from services.telemetry.models import Alert, AlertRule, AlertRuleVersion, feed
from services.telemetry.operations.publishing import alert_state
from services.telemetry.queries import alerts as queries
from services.telemetry.queries.terminals import find_enterprise_status, get_vehicles
from services.telemetry.schemas.alerts import AlertRuleCreate

RULES_MOST = 500
AHEAD = timedelta(minutes=10)
_TICK = timedelta(milliseconds=1)
# Fixes of this very moment may have been derived by the rules before: the few since are looked at again.
_ENQUEUE = text("""
    INSERT INTO telemetry.pending_derivations (vehicle_id, since, until)
    SELECT id, CAST(:since AS timestamptz), CAST(:until AS timestamptz) FROM telemetry.vehicles v
    WHERE EXISTS (SELECT FROM telemetry.terminal_bindings b WHERE b.vehicle_id = v.id)
      AND (CAST(:owner AS uuid) IS NULL OR enterprise_id = :owner)
      AND (CAST(:vehicles AS uuid[]) IS NULL OR id = any(CAST(:vehicles AS uuid[])))
      AND (CAST(:enterprises AS uuid[]) IS NULL OR enterprise_id = any(CAST(:enterprises AS uuid[])))
      AND (valid_to IS NULL OR valid_to > :since)
""")


async def acknowledge_alert(
    session: AsyncSession, who: Principal, alert_id: UUID, note: str | None, now: datetime
) -> Alert:
    """Take note of an alert, as a person or a client; once, whatever becomes of the alert.

    Raises:
        AlertNotFound: unknown or not the caller's.
        AlertAcknowledged: somebody has.
    """
    alert = await queries.get_alert(session, who, alert_id, for_update=True)
    if alert.acknowledged_at is not None:
        raise AlertAcknowledged
    alert.acknowledged_at, alert.note = now, note
    alert.acknowledged_by, alert.acknowledged_by_name = who.subject, who.name
    alert.version += 1
    await session.flush()
    await feed.record(
        session, kind="alert", entity_id=alert.id, version=alert.version, state=alert_state(alert)
    )
    return alert


async def create_rule(
    session: AsyncSession, who: Principal, given: AlertRuleCreate, now: datetime
) -> tuple[AlertRule, AlertRuleVersion]:
    """Set a rule for what happens from now on.

    Raises:
        TooManyAlertRules: the caller has as many as allowed.
        VehicleNotFound, EnterpriseUnknown, AreaUnknown: as named.
    """
    if await queries.count_rules(session, who) >= RULES_MOST:
        raise TooManyAlertRules
    await _check_named(session, who, given)
    rule = AlertRule(
        id=new_id(), owner_enterprise_id=who.enterprise_id if who.role is Role.enterprise else None,
        owner_role=who.role.value, name=given.name, created_by=who.subject, created_by_name=who.name,
        created_at=now, version=1,
    )  # fmt: skip
    session.add(rule)
    await session.flush()
    return rule, await _say(session, rule, given, now)


async def replace_rule(
    session: AsyncSession, who: Principal, rule_id: UUID, given: AlertRuleCreate, now: datetime
) -> tuple[AlertRule, AlertRuleVersion]:
    """Let a rule say something else from now on; what it said before still holds for before.

    Raises:
        AlertRuleNotFound: unknown or not the caller's to change.
        AlertRuleEnded: it has ended.
        VehicleNotFound, EnterpriseUnknown, AreaUnknown: as named.
    """
    rule = await queries.get_rule(session, who, rule_id, to_change=True)
    if rule.ended_at is not None:
        raise AlertRuleEnded
    await _check_named(session, who, given)
    before = (await queries.find_last_versions(session, [rule.id]))[rule.id]
    at = max(now, before.valid_from + _TICK)
    before.valid_to = at
    rule.name = given.name
    rule.version += 1
    await _enqueue(session, before, at)
    await session.flush()
    return rule, await _say(session, rule, given, at)


async def end_rule(
    session: AsyncSession, who: Principal, rule_id: UUID, now: datetime
) -> tuple[AlertRule, AlertRuleVersion]:
    """End a rule; its alerts stay. Repeating changes nothing.

    Raises:
        AlertRuleNotFound: unknown or not the caller's to change.
    """
    rule = await queries.get_rule(session, who, rule_id, to_change=True)
    said = (await queries.find_last_versions(session, [rule.id]))[rule.id]
    if rule.ended_at is None:
        rule.ended_at = said.valid_to = max(now, said.valid_from + _TICK)
        rule.version += 1
        await _enqueue(session, said, rule.ended_at)
        await session.flush()
    return rule, said


async def _check_named(session: AsyncSession, who: Principal, given: AlertRuleCreate) -> None:
    vehicles = await get_vehicles(session, who, given.vehicle_ids or [])
    if who.role is Role.enterprise and any(v.enterprise_id != who.enterprise_id for v in vehicles.values()):
        raise VehicleNotFound
    if given.enterprise_ids is not None:
        named = given.enterprise_ids
        found = {} if who.role is Role.enterprise else await find_enterprise_status(session, named)
        if set(named) - found.keys():
            fault = FieldError(
                "enterprise_ids", "unknown", "企业不存在或非本方 / unknown, or not yours to name"
            )
            raise EnterpriseUnknown(errors=[fault])
    if given.area_id is not None and not await queries.is_area_known(session, given.area_id):
        raise AreaUnknown(errors=[FieldError("area_id", "unknown", "区域不存在 / no such area")])


async def _say(
    session: AsyncSession, rule: AlertRule, given: AlertRuleCreate, at: datetime
) -> AlertRuleVersion:
    said: dict[str, Any] = given.model_dump(exclude={"name"})
    version = AlertRuleVersion(
        rule_id=rule.id, valid_from=at, owner_enterprise_id=rule.owner_enterprise_id, **said
    )
    session.add(version)
    await session.flush()
    await _enqueue(session, version, at)
    return version


async def _enqueue(session: AsyncSession, version: AlertRuleVersion, since: datetime) -> None:
    values = {
        "since": since, "until": since + AHEAD, "owner": version.owner_enterprise_id,
        "vehicles": version.vehicle_ids, "enterprises": version.enterprise_ids,
    }  # fmt: skip
    await session.execute(_ENQUEUE, values)
