"""A vehicle's papers, declared by their last days: a later day renews, an earlier one corrects."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.registry.domain.certificates import CertificateKind, Holder, may_withdraw
from services.registry.domain.vehicles import refuse_certificate_number
from services.registry.models import Certificate, Vehicle
from services.registry.schemas.vehicles import VehicleProperties
from services.shared.auth import Principal
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id
from services.shared.standards.zones import CITY_ZONE

CORRECTED: Final = "更正 / corrected"


@dataclass(frozen=True, slots=True)
class Declared:
    """One kind of paper as a vehicle's form states it; None leaves what is on record."""

    kind: CertificateKind
    last: date | None
    number: str | None = None


def declared_papers(given: VehicleProperties) -> tuple[Declared, ...]:
    """Return the papers that a form states."""
    return (
        Declared(CertificateKind.INSPECTION, given.inspection_valid_to),
        Declared(CertificateKind.INSURANCE, given.insurance_valid_to),
        Declared(
            CertificateKind.ROAD_TRANSPORT_CERTIFICATE,
            given.road_transport_certificate_valid_to,
            given.road_transport_certificate_number,
        ),
    )


def declare_papers(
    vehicle: Vehicle, given: VehicleProperties, present: Sequence[Certificate], who: Principal, now: datetime
) -> list[Certificate]:
    """Return the certificates that count once a form is taken in; corrected ones are withdrawn.

    A renewal is in force from the day it is recorded. Whoever knows the days better records the certificate
    itself. A firm's form corrects nothing that an office recorded and nothing that has run out.
    """
    counting = list(present)
    for paper in declared_papers(given):
        current = max((c for c in present if c.kind == paper.kind.value), key=_reach, default=None)
        for fresh in _declare(vehicle, paper, current, who, now):
            counting = [each for each in counting if each.withdrawn_at is None] + [fresh]
    return counting


def _reach(certificate: Certificate) -> date:
    return certificate.valid_to or date.max


def _declare(
    vehicle: Vehicle, paper: Declared, current: Certificate | None, who: Principal, now: datetime
) -> Iterator[Certificate]:
    if paper.last is None and paper.number is None:
        return
    if current is None:
        yield _paper(vehicle, paper.kind, paper.number, (None, paper.last), _of(who), now)
        return
    number = paper.number or current.number
    last = paper.last or current.valid_to
    if (number, last) == (current.number, current.valid_to):
        return
    today = now.astimezone(CITY_ZONE).date()
    renewed = current.valid_to is not None and last is not None and last > current.valid_to
    office, by_office = who.is_bureau, current.by_office
    if not renewed and not may_withdraw(current.valid_to, today, by_office=by_office, office=office):
        return
    if renewed:
        first: date | None = min(today, last or today)
    else:
        current.withdrawn_at, current.withdrawn_by, current.withdrawn_reason = now, who.subject, CORRECTED
        first = current.valid_from
        if first is not None and last is not None and first > last:
            first = last
    yield _paper(vehicle, paper.kind, number, (first, last), _of(who), now)


def refuse_filler(gross_mass_kg: int | None, papers: Iterable[Certificate], field: str) -> None:
    """Refuse a road transport certificate with the filler of light vehicles at a heavy one.

    Raises:
        Unprocessable: One counts; at `field`.
    """
    numbers = [paper.number for paper in papers if paper.kind == CertificateKind.ROAD_TRANSPORT_CERTIFICATE]
    for number in numbers:
        refusal = refuse_certificate_number(number, gross_mass_kg)
        if refusal is not None:
            message = f"{refusal.zh} / {refusal.en}"
            raise Unprocessable(errors=[FieldError(field, refusal.code, message)])


def inherited_papers(vehicle: Vehicle, papers: Sequence[Certificate], now: datetime) -> list[Certificate]:
    """Return the papers of a predecessor as those of the registration that continues it."""
    return [
        _paper(
            vehicle,
            CertificateKind(paper.kind),
            paper.number,
            (paper.valid_from, paper.valid_to),
            (paper.recorded_by, paper.by_office),
            now,
            issuer=paper.issuer,
        )
        for paper in papers
    ]


def _of(who: Principal) -> tuple[str, bool]:
    """Give who records a certificate, and whether that is an office."""
    return who.subject, who.is_bureau


def _paper(
    vehicle: Vehicle,
    kind: CertificateKind,
    number: str | None,
    days: tuple[date | None, date | None],
    recorded: tuple[str, bool],
    now: datetime,
    *,
    issuer: str | None = None,
    document_ids: Sequence[UUID] = (),
) -> Certificate:
    return Certificate(
        id=new_id(),
        holder_kind=Holder.VEHICLE.value,
        holder_id=vehicle.id,
        enterprise_id=vehicle.enterprise_id,
        kind=kind.value,
        number=number,
        issuer=issuer,
        valid_from=days[0],
        valid_to=days[1],
        document_ids=list(document_ids),
        recorded_by=recorded[0],
        by_office=recorded[1],
        recorded_at=now,
    )
