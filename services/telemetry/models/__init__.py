"""Tables of telemetry (schema `telemetry`), a module a subject."""

from services.telemetry.models.access import AccessEntry
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
from services.telemetry.models.releases import QuarantineRelease
from services.telemetry.models.terminals import Terminal, TerminalBinding

__all__ = [
    "SCHEMA_REVISION",
    "AccessEntry",
    "Area",
    "AreaVersion",
    "Base",
    "DerivationState",
    "Enterprise",
    "IngestAccount",
    "IngestBatch",
    "PendingDerivation",
    "QuarantineRelease",
    "QuarantinedPosition",
    "Terminal",
    "TerminalBinding",
    "Vehicle",
    "Visit",
    "feed",
    "follow_cursors",
    "kernel",
    "latest_positions",
    "positions",
]
