"""Alerts 报警, and the rules firms and offices set for them 电子围栏."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Double, ForeignKey, Index, Integer, String, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.shared.db import Key, Timestamp
from services.telemetry.models.base import Base

_INSTANT = DateTime(timezone=True)


class AlertRule(Base):
    """What a firm wants to be told about its vehicles, or an office (`owner_role`) about any.

    A rule that has ended stays, with its alerts. What it says stands in its versions.
    """

    __tablename__ = "alert_rules"
    __table_args__ = (
        Index("ix_alert_rules_owner_enterprise_id", "owner_enterprise_id", "id"),
        CheckConstraint("(owner_enterprise_id IS NULL) = (owner_role <> 'enterprise')", name="owner"),
    )

    id: Mapped[Key]
    owner_enterprise_id: Mapped[UUID | None]
    owner_role: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(200))
    created_by: Mapped[str] = mapped_column(String(200))
    created_by_name: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[Timestamp]
    ended_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    version: Mapped[int] = mapped_column(Integer, server_default="1")


class AlertRuleVersion(Base):
    """What a rule says over a half-open interval; nulls are no condition."""

    __tablename__ = "alert_rule_versions"
    __table_args__ = (
        CheckConstraint("kind IN ('area', 'overspeed')", name="kind"),
        CheckConstraint("severity IN ('info', 'warning', 'critical')", name="severity"),
        CheckConstraint(
            "CASE kind WHEN 'area' THEN (area_id IS NULL) <> (area_kind IS NULL) AND limit_kmh IS NULL"
            " ELSE limit_kmh IS NOT NULL AND area_id IS NULL AND area_kind IS NULL END",
            name="subject",
        ),
    )

    rule_id: Mapped[UUID] = mapped_column(ForeignKey("telemetry.alert_rules.id"), primary_key=True)
    valid_from: Mapped[datetime] = mapped_column(_INSTANT, primary_key=True)
    valid_to: Mapped[datetime | None] = mapped_column(_INSTANT)
    owner_enterprise_id: Mapped[UUID | None]
    kind: Mapped[str] = mapped_column(String(16))
    severity: Mapped[str] = mapped_column(String(16))
    area_id: Mapped[UUID | None]
    area_kind: Mapped[str | None] = mapped_column(String(32))
    events: Mapped[list[str]] = mapped_column(ARRAY(String(16)))
    limit_kmh: Mapped[float | None] = mapped_column(Double)
    vehicle_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    enterprise_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))


class Alert(Base):
    """Something that happened to a vehicle from an instant to another, and who has taken note of it.

    Derived like visits: retracted or superseded when late fixes change it; an acknowledgement survives.
    ``for_offices``: an office's rule raised it, and it is the offices' alone.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        Index("ix_alerts_vehicle_id", "vehicle_id", "started_at"),
        Index("ix_alerts_enterprise_id", "enterprise_id", "started_at", "id"),
        Index("ix_alerts_started_at", "started_at", "id"),
        Index("ix_alerts_visit_id", "visit_id", postgresql_where=text("visit_id IS NOT NULL")),
        Index(
            "ix_alerts_without_position", "vehicle_id", "ended_at", postgresql_where=text("without_position")
        ),
        CheckConstraint("status IN ('open', 'closed', 'retracted')", name="status"),
        CheckConstraint("severity IN ('info', 'warning', 'critical')", name="severity"),
        CheckConstraint("(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name="acknowledged"),
    )

    id: Mapped[Key]
    vehicle_id: Mapped[UUID]
    enterprise_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(16))
    severity: Mapped[str] = mapped_column(String(16))
    rule_id: Mapped[UUID | None]
    for_offices: Mapped[bool]
    area_id: Mapped[UUID | None]
    visit_id: Mapped[UUID | None]
    device_alarm: Mapped[str | None] = mapped_column(String(32))
    without_position: Mapped[bool] = mapped_column(server_default=text("false"))
    """Told by reports of a device that had no position; no walk over fixes decides it."""
    started_at: Mapped[Timestamp]
    ended_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    value: Mapped[float | None] = mapped_column(Double)
    limit_value: Mapped[float | None] = mapped_column(Double)
    status: Mapped[str] = mapped_column(String(16))
    supersedes: Mapped[UUID | None]
    acknowledged_at: Mapped[datetime | None] = mapped_column(_INSTANT)
    acknowledged_by: Mapped[str | None] = mapped_column(String(200))
    acknowledged_by_name: Mapped[str | None] = mapped_column(String(200))
    note: Mapped[str | None] = mapped_column(String(1000))
    sealed: Mapped[bool] = mapped_column(server_default=text("false"))
    version: Mapped[int] = mapped_column(Integer, server_default="1")
