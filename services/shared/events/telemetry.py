"""States the telemetry service publishes: terminal and visit."""

from typing import Literal
from uuid import UUID

from services.shared.schemas import Event, Instant


class BindingState(Event):
    """The terminal is fitted to a vehicle over a half-open interval."""

    vehicle_id: UUID
    valid_from: Instant
    valid_to: Instant | None = None
    primary: bool = True


class TerminalState(Event):
    """A terminal with all its bindings; never its secret."""

    id: UUID
    terminal_number: str
    enterprise_id: UUID
    kind: str = "mqtt"
    status: Literal["pending", "active", "revoked"]
    bindings: list[BindingState]


class VisitState(Event):
    """A vehicle inside an area; a moved start is a retraction and a new visit that names it."""

    id: UUID
    vehicle_id: UUID
    enterprise_id: UUID
    area_id: UUID
    entered_at: Instant
    left_at: Instant | None = None
    status: Literal["open", "closed", "retracted"]
    supersedes: UUID | None = None
