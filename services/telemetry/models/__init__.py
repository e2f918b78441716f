"""Tables of telemetry (schema `telemetry`), a module a subject."""

from services.telemetry.models.base import SCHEMA_REVISION, Base, feed, follow_cursors, kernel
from services.telemetry.models.copies import Area, AreaVersion, Enterprise, Vehicle
from services.telemetry.models.derivation import DerivationState, PendingDerivation, Visit
from services.telemetry.models.positions import (
    IngestAccount,
    IngestBatch,
    QuarantinedPosition,
    latest_positions,
    positions,
)
from services.telemetry.models.terminals import Terminal, TerminalBinding, TerminalHealth

__all__ = [
    "SCHEMA_REVISION",
    "Area",
    "AreaVersion",
    "Base",
    "DerivationState",
    "Enterprise",
    "IngestAccount",
    "IngestBatch",
    "PendingDerivation",
    "QuarantinedPosition",
    "Terminal",
    "TerminalBinding",
    "TerminalHealth",
    "Vehicle",
    "Visit",
    "feed",
    "follow_cursors",
    "kernel",
    "latest_positions",
    "positions",
]
