"""Candidates over HTTP: in the view each party may have."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.shared.schemas import Instant, Out

Verdict = Literal["feasible", "refused"]


class VehicleClassOut(Out):
    """All that is told of a vehicle before an award."""

    size: Literal["mini", "light", "medium", "heavy", "unknown"] = Field(description="By gross mass, GA 802.")
    refrigeration: Literal["none", "insulated", "refrigerated"]
    energy: Literal["new_energy", "hybrid", "clean_fuel", "conventional"]


class ReasonOut(Out):
    """One cause of a refusal; mending all named ones makes the vehicle feasible."""

    code: Literal[
        "enterprise_not_active",
        "enterprise_lapsed",
        "vehicle_lapsed",
        "vehicle_not_valid",
        "no_position",
        "position_stale",
        "distance",
        "capacity_weight",
        "capacity_volume",
        "refrigeration",
        "booked",
        "permit",
        "rule",
    ]
    message: str = Field(description="Chinese and English.")
    detail: dict[str, Any] = Field(description="What is, and what is needed.")


class CandidateOut(Out):
    """A vehicle for a load. A shipper sees class, score and distance band; the rest is null for it."""

    verdict: Verdict
    vehicle_class: VehicleClassOut
    score: float | None = Field(description="0 to 100, higher is better; null when refused.")
    distance_band: str | None = Field(description="Of the way to the origin; null when unknown.")
    distance_km: float | None = Field(description="Rounded up to whole km; bureau and owner only.")
    vehicle_id: UUID | None = Field(description="Bureau and owner only.")
    enterprise_id: UUID | None = Field(description="Bureau and owner only.")
    plate_number: str | None = Field(description="Bureau and owner only.")
    plate_color: int | None = Field(description="Bureau and owner only.")
    reasons: list[ReasonOut] | None = Field(description="Bureau and owner only; empty when feasible.")


class AsOfOut(Out):
    """What the answer rests on."""

    registry: int = Field(description="Position of the registry's feed.")
    permits: int = Field(description="Position of the permits' feed.")
    telemetry: Instant | None = Field(description="When latest positions were last read.")


class CandidatesOut(Out):
    """Candidates for one load, the feasible first and best first, then the refused."""

    load_id: UUID
    at: Instant = Field(description="The instant it was evaluated at.")
    as_of: AsOfOut
    items: list[CandidateOut]
    next_cursor: str | None = Field(
        description="For bureau and vehicle owners; a shipper gets the best only."
    )
