"""Alerts and alert rules over HTTP."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.shared.schemas import Identifier, Instant, Out, Strict
from services.shared.texts import FreeName, FreeText

AlertKind = Literal["area_entered", "area_left", "overspeed", "silence", "temperature", "device_alarm"]
Severity = Literal["info", "warning", "critical"]
Event = Literal["entered", "left"]
AreaKind = Literal[
    "restricted", "low_emission", "district", "facility_site", "bay", "station_area", "road_section"
]
"""The registry's kinds of areas."""
_LISTED = 1000


class AlertOut(Out):
    """Something that happened to a vehicle 报警; `ended_at` null while it lasts."""

    id: UUID
    vehicle_id: UUID
    enterprise_id: UUID
    kind: AlertKind
    severity: Severity
    rule_id: UUID | None = Field(description="The rule that raised it; null for the city's standing ones.")
    for_offices: bool = Field(description="Raised by an office's rule and seen by the offices alone.")
    area_id: UUID | None
    visit_id: UUID | None
    device_alarm: str | None = Field(description="终端报警 / The alarm bit a device told (JT/T 808).")
    without_position: bool = Field(
        description="终端未定位时的报警 / The device had no position: `ended_at` is its last report."
    )
    started_at: Instant
    ended_at: Instant | None
    value: float | None = Field(description="Worst reading: km/h, °C.")
    limit_value: float | None = Field(description="The limit it is beyond.")
    status: Literal["open", "closed", "retracted"]
    supersedes: UUID | None
    acknowledged_at: Instant | None
    acknowledged_by: str | None
    acknowledged_by_name: str | None
    note: str | None
    sealed: bool = Field(description="已封存 / Final: the positions it was derived from may be gone.")


class AcknowledgementCreate(Strict):
    """Taking note of an alert 处置确认."""

    note: Annotated[FreeText, Field(max_length=1000)] | None = Field(
        default=None, description="处置说明 / What was done about it."
    )

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "已电话联系驾驶员"}]})


class AlertRuleCreate(Strict):
    """What is to raise an alert: vehicles entering or leaving areas, or driving faster than a limit."""

    name: FreeName = Field(description="规则名称 / Name.")
    kind: Literal["area", "overspeed"] = Field(description="电子围栏或超速 / Areas, or a speed limit.")
    severity: Severity = Field(default="warning", description="级别 / Severity of its alerts.")
    area_id: Identifier | None = Field(default=None, description="The area; or all of a kind by `area_kind`.")
    area_kind: AreaKind | None = Field(default=None, description="The kind of areas.")
    events: list[Event] = Field(default=[], max_length=2, description="Of an area rule: entering, leaving.")
    limit_kmh: float | None = Field(default=None, ge=5, le=200, description="Of an overspeed rule.")
    vehicle_ids: list[Identifier] | None = Field(
        default=None, min_length=1, max_length=_LISTED, description="Only these vehicles; default all."
    )
    enterprise_ids: list[Identifier] | None = Field(
        default=None, min_length=1, max_length=_LISTED, description="Only of these firms; an office's rule."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "进入限行区", "kind": "area", "area_kind": "restricted", "events": ["entered"]},
                {"name": "本企业限速", "kind": "overspeed", "limit_kmh": 60, "severity": "critical"},
            ]
        }
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        areas = (self.area_id is not None) + (self.area_kind is not None)
        if self.kind == "area" and (areas != 1 or not self.events or self.limit_kmh is not None):
            text = "须给出 area_id 或 area_kind 之一及 events / one of area_id and area_kind, and events"
            raise _refuse("area", text)
        if self.kind == "overspeed" and (areas or self.events or self.limit_kmh is None):
            raise _refuse("limit_kmh", "须且仅须给出 limit_kmh / limit_kmh and no area or events")
        if len(set(self.events)) < len(self.events):
            raise _refuse("events", "重复 / repeated")
        return self


class AlertRuleOut(Out):
    """A rule as it stands; it concerns what happens from `valid_from` on, alerts from before remain."""

    id: UUID
    name: str
    owner_role: str = Field(description="`enterprise`, or the office it is of.")
    owner_enterprise_id: UUID | None
    kind: Literal["area", "overspeed"]
    severity: Severity
    area_id: UUID | None
    area_kind: str | None
    events: list[Event]
    limit_kmh: float | None
    vehicle_ids: list[UUID] | None
    enterprise_ids: list[UUID] | None
    valid_from: Instant
    created_at: Instant
    ended_at: Instant | None
    version: int

    @classmethod
    def of(cls, rule: Any, version: Any) -> Self:
        """Show a rule and what it says."""
        own = ("id", "name", "owner_role", "owner_enterprise_id", "created_at", "ended_at", "version")
        said = cls.model_fields.keys() - set(own)
        return cls(
            **{name: getattr(rule, name) for name in own}, **{name: getattr(version, name) for name in said}
        )


def _refuse(code: str, text: str) -> PydanticCustomError:
    return PydanticCustomError("alert_rule", "{text}", {"code": code, "text": text})
