"""States the registry publishes about the supervision of firms: operating_statement, assessment, complaint.

No free text is here: it may name persons.
"""

from decimal import Decimal
from typing import Literal
from uuid import UUID

from services.shared.schemas import Event, Instant


class FlagState(Event):
    """Something implausible about one field."""

    code: str
    field: str


class OperatingStatementState(Event):
    """One revision of a firm's statement of one month ("2026-10", the city's calendar).

    Each revision is an entity of its own and stays one: of a firm's revisions of a month exactly one is not
    `superseded`, and that one counts, unless it is `returned`. `costs_yuan` (exact decimals, as text) and
    `energy` hold only what was stated: an item that is absent is not known, which is not zero. A reported
    value names the revisions it was computed from, and they never change.
    """

    id: UUID
    enterprise_id: UUID
    month: str
    revision: int
    supersedes: UUID | None = None
    status: Literal["submitted", "accepted", "returned", "superseded"]
    submitted_at: Instant
    superseded_at: Instant | None = None
    late: bool
    costs_yuan: dict[str, Decimal]
    energy: dict[str, float]
    vehicle_count: int
    vehicle_days: int | None = None
    vehicle_km: float
    vehicle_km_source: str
    loaded_km: float | None = None
    tonne_km: float | None = None
    flags: tuple[FlagState, ...] = ()


class ConsequenceState(Event):
    """What a grade leads to, from one version of the city's configuration."""

    version: str
    permit_quota_pct: int
    advise_suspension: bool


class AssessmentState(Event):
    """A published assessment of a firm: the grade in force, which an appeal may have amended.

    `stage` says whether an appeal was decided: `upheld` keeps the grade, `amended` gives a better one.
    """

    id: UUID
    enterprise_id: UUID
    period: str
    scheme_version: str
    stage: Literal["published", "upheld", "amended"]
    grade: Literal["A", "B", "C", "D"]
    consequence: ConsequenceState
    published_at: Instant
    appeal_until: Instant


class ComplaintState(Event):
    """A complaint, for counting: what of the registry it is about, how far it is, how it ended."""

    id: UUID
    enterprise_id: UUID | None = None
    vehicle_id: UUID | None = None
    category: str
    status: Literal["submitted", "accepted", "forwarded", "answered", "closed"]
    occurred_at: Instant
    submitted_at: Instant
    accepted_at: Instant | None = None
    forwarded_at: Instant | None = None
    answered_at: Instant | None = None
    decided_at: Instant | None = None
    outcome: Literal["substantiated", "unsubstantiated", "not_competent", "withdrawn"] | None = None
