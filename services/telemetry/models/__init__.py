"""Tables of telemetry (schema `telemetry`), a module a subject."""

from services.telemetry.models.access import AccessEntry
from services.telemetry.models.alerts import Alert, AlertRule, AlertRuleVersion
from services.telemetry.models.base import SCHEMA_REVISION, Base, feed, follow_cursors, kernel
from services.telemetry.models.commands import TerminalAlarm, TerminalCommand
from services.telemetry.models.conclusions import DailyMileage, Trip, Visit
from services.telemetry.models.copies import Area, AreaVersion, Enterprise, Vehicle
from services.telemetry.models.derivation import (
    DerivationHead,
    DerivationState,
    PendingDerivation,
    Seal,
    VehicleCell,
)
from services.telemetry.models.positions import (
    IngestAccount,
    IngestBatch,
    QuarantinedPosition,
    latest_positions,
    positions,
)
from services.telemetry.models.releases import QuarantineRelease
from services.telemetry.models.retention import LegalHold, PositionDay, TrackAggregate
from services.telemetry.models.terminals import Terminal, TerminalBinding, TerminalHealth

__all__ = [
    "SCHEMA_REVISION",
    "AccessEntry",
    "Alert",
    "AlertRule",
    "AlertRuleVersion",
    "Area",
    "AreaVersion",
    "Base",
    "DailyMileage",
    "DerivationHead",
    "DerivationState",
    "Enterprise",
    "IngestAccount",
    "IngestBatch",
    "LegalHold",
    "PendingDerivation",
    "PositionDay",
    "QuarantineRelease",
    "QuarantinedPosition",
    "Seal",
    "Terminal",
    "TerminalAlarm",
    "TerminalBinding",
    "TerminalCommand",
    "TerminalHealth",
    "TrackAggregate",
    "Trip",
    "Vehicle",
    "VehicleCell",
    "Visit",
    "feed",
    "follow_cursors",
    "kernel",
    "latest_positions",
    "positions",
]
