"""Reading alerts and alert rules; whose they are is a `where` in each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal, Role
from services.shared.paging import page
from services.telemetry.errors import AlertNotFound, AlertRuleNotFound
from services.telemetry.models import Alert, AlertRule, AlertRuleVersion, Area
from services.telemetry.queries.terminals import owned


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts: all given conditions hold; the window is half-open and touched by the alert."""

    vehicle_id: UUID | None = None
    enterprise_id: UUID | None = None
    kind: str | None = None
    severity: str | None = None
    rule_id: UUID | None = None
    acknowledged: bool | None = None
    start: datetime | None = None
    end: datetime | None = None
    with_retracted: bool = False


def _seen(who: Principal) -> ColumnElement[bool]:
    """Give the condition that an alert is for the caller.

    What an office's rule raised is not for the firm it is about, what a firm's raised not for police.
    """
    if who.role is Role.enterprise:
        return and_(owned(who, Alert.enterprise_id), Alert.for_offices.is_(False))
    if who.is_bureau:
        return owned(who, Alert.enterprise_id)
    return or_(Alert.rule_id.is_(None), Alert.for_offices)


async def page_alerts(
    session: AsyncSession, who: Principal, wanted: AlertFilter, cursor: str | None, limit: int
) -> tuple[list[Alert], str | None]:
    """Give one page of the caller's alerts by start."""
    statement = select(Alert).where(_seen(who))
    for name in ("vehicle_id", "enterprise_id", "kind", "severity", "rule_id"):
        if (value := getattr(wanted, name)) is not None:
            statement = statement.where(getattr(Alert, name) == value)
    if wanted.acknowledged is not None:
        statement = statement.where(Alert.acknowledged_at.is_not(None) == wanted.acknowledged)
    if wanted.end is not None:
        statement = statement.where(Alert.started_at < wanted.end)
    if wanted.start is not None:
        statement = statement.where((Alert.ended_at.is_(None)) | (Alert.ended_at >= wanted.start))
    if not wanted.with_retracted:
        statement = statement.where(Alert.status != "retracted")
    keys: list[Any] = [Alert.started_at, Alert.id]
    return await page(session, statement, keys, cursor, limit)


async def get_alert(
    session: AsyncSession, who: Principal, alert_id: UUID, *, for_update: bool = False
) -> Alert:
    """Give an alert of the caller.

    Raises:
        AlertNotFound: unknown or not the caller's.
    """
    statement = select(Alert).where(Alert.id == alert_id, _seen(who))
    alert = await session.scalar(statement.with_for_update() if for_update else statement)
    if alert is None:
        raise AlertNotFound
    return alert


def _read(who: Principal) -> ColumnElement[bool]:
    """Give the condition that a rule is for the caller to read: police read the offices' alone."""
    if who.is_bureau or who.role is Role.enterprise:
        return owned(who, AlertRule.owner_enterprise_id)
    return AlertRule.owner_enterprise_id.is_(None)


def _kept(who: Principal) -> ColumnElement[bool]:
    """Give the condition that a rule is the caller's to change: its firm's, or its own office's."""
    if who.role is Role.enterprise:
        return owned(who, AlertRule.owner_enterprise_id)
    return and_(AlertRule.owner_enterprise_id.is_(None), AlertRule.owner_role == who.role.value)


async def page_rules(
    session: AsyncSession, who: Principal, cursor: str | None, limit: int, *, with_ended: bool
) -> tuple[list[AlertRule], str | None]:
    """Give one page of the rules the caller may read."""
    statement = select(AlertRule).where(_read(who))
    if not with_ended:
        statement = statement.where(AlertRule.ended_at.is_(None))
    return await page(session, statement, [AlertRule.id], cursor, limit)


async def get_rule(
    session: AsyncSession, who: Principal, rule_id: UUID, *, to_change: bool = False
) -> AlertRule:
    """Give a rule the caller may read, or one that is its own to change, locked.

    Raises:
        AlertRuleNotFound: unknown, or not the caller's.
    """
    statement = select(AlertRule).where(AlertRule.id == rule_id, _kept(who) if to_change else _read(who))
    rule = await session.scalar(statement.with_for_update() if to_change else statement)
    if rule is None:
        raise AlertRuleNotFound
    return rule


async def find_last_versions(session: AsyncSession, rule_ids: Sequence[UUID]) -> dict[UUID, AlertRuleVersion]:
    """Give what each rule says, or said at last."""
    statement = (
        select(AlertRuleVersion)
        .ext(distinct_on(AlertRuleVersion.rule_id))
        .where(AlertRuleVersion.rule_id.in_(rule_ids))
        .order_by(AlertRuleVersion.rule_id, AlertRuleVersion.valid_from.desc())
    )
    return {version.rule_id: version for version in await session.scalars(statement)}


async def count_rules(session: AsyncSession, who: Principal) -> int:
    """Count the rules in force that are the caller's."""
    statement = select(func.count()).select_from(AlertRule).where(_kept(who), AlertRule.ended_at.is_(None))
    return int(await session.scalar(statement) or 0)


async def is_area_known(session: AsyncSession, area_id: UUID) -> bool:
    """Whether there is such an area."""
    return await session.get(Area, area_id) is not None
