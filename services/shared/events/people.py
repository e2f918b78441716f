"""States the registry publishes of drivers, riders and express tricycles: ids and what is not personal."""

from datetime import date
from typing import Literal
from uuid import UUID

from services.shared.schemas import Event, Instant


class PapersState(Event):
    """Whether the papers of a person or a tricycle are in force from an instant on, until the next one's.

    `causes` of a lapse: `driving_licence`, `qualification`; `insurance`, `inspection`.
    """

    status: Literal["active", "lapsed"]
    since: Instant
    causes: tuple[str, ...] = ()


class DriverState(Event):
    """One employment of a person by a firm; the person's values are the registry's alone, under this id.

    `standings` is the whole known course of the papers, oldest first, the lapses to come too; `lapses` are
    those in force when the state was recorded. Of an erased person only id, firm and kind are left.
    """

    id: UUID
    enterprise_id: UUID
    kind: Literal["driver", "rider"]
    status: Literal["active", "ended", "erased"]
    licence_class: str | None = None
    licence_issuer: str | None = None
    licence_valid_from: date | None = None
    licence_valid_to: date | None = None
    drives_over_4500_kg: bool = False
    qualification_valid_from: date | None = None
    qualification_valid_to: date | None = None
    trained_on: date | None = None
    employed_from: date | None = None
    employed_to: date | None = None
    lapses: tuple[str, ...] = ()
    standings: tuple[PapersState, ...] = ()
    is_demo: bool = False


class TricycleState(Event):
    """An express tricycle; `code` is its filing number, null while it is not filed."""

    id: UUID
    enterprise_id: UUID
    code: str | None = None
    status: Literal["pending", "filed", "retired"]
    brand: str
    outlet: str | None = None
    model: str
    meets_yzt_0136: bool
    frame_number: str
    motor_number: str | None = None
    tag_id: str | None = None
    gps_terminal_number: str | None = None
    insurance_valid_to: date | None = None
    annual_check_valid_to: date | None = None
    rider_id: UUID | None = None
    filed_on: date | None = None
    violations_count: int = 0
    lapses: tuple[str, ...] = ()
    standings: tuple[PapersState, ...] = ()
    is_demo: bool = False
