"""Papers declared by their last days on a form: a later day renews, an earlier one corrects."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.registry.domain.certificates import CertificateKind, Holder, may_withdraw
from services.registry.domain.vehicles import refuse_certificate_number
from services.registry.models import Certificate, Enterprise, Vehicle
from services.registry.schemas.vehicles import VehicleProperties
from services.shared.auth import Principal
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id
from services.shared.standards.zones import city_day

CORRECTED: Final = "更正 / corrected"


@dataclass(frozen=True, slots=True)
class Declared:
    """One kind of paper as a form states it; None leaves what is on record."""

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
    return take_papers(vehicle, declared_papers(given), present, who, now)


def take_papers(
    holder: Vehicle | Enterprise,
    papers: Iterable[Declared],
    present: Sequence[Certificate],
    who: Principal,
    now: datetime,
) -> list[Certificate]:
    """Return the certificates of a holder that count once papers are taken in, as `declare_papers` says."""
    counting = list(present)
    for paper in papers:
        for fresh in _declare(holder, paper, _current(paper, present), who, now):
            counting = [each for each in counting if each.withdrawn_at is None] + [fresh]
    return counting


def is_new(paper: Declared, present: Sequence[Certificate]) -> bool:
    """Tell whether a form says more of a paper than is on record."""
    current = _current(paper, present)
    if current is None:
        return (paper.number, paper.last) != (None, None)
    return paper.number not in {None, current.number} or paper.last not in {None, current.valid_to}


def _current(paper: Declared, present: Sequence[Certificate]) -> Certificate | None:
    """Return the certificate of this kind that reaches furthest."""
    return max((each for each in present if each.kind == paper.kind.value), key=_reach, default=None)


def _reach(certificate: Certificate) -> date:
    return certificate.valid_to or date.max


def _declare(
    holder: Vehicle | Enterprise, paper: Declared, current: Certificate | None, who: Principal, now: datetime
) -> Iterator[Certificate]:
    if paper.last is None and paper.number is None:
        return
    if current is None:
        yield _paper(holder, paper.kind, paper.number, (None, paper.last), _of(who), now)
        return
    number = paper.number or current.number
    last = paper.last or current.valid_to
    if (number, last) == (current.number, current.valid_to):
        return
    today = city_day(now)
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
    yield _paper(holder, paper.kind, number, (first, last), _of(who), now)


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
    """Return the papers of a predecessor as those of the registration that continues it.

    Their documents go along where the owner is the same; another firm may not see them.
    """
    return [
        _paper(
            vehicle,
            CertificateKind(paper.kind),
            paper.number,
            (paper.valid_from, paper.valid_to),
            (paper.recorded_by, paper.by_office),
            now,
            issuer=paper.issuer,
            document_ids=paper.document_ids if paper.enterprise_id == vehicle.enterprise_id else (),
        )
        for paper in papers
    ]


def _of(who: Principal) -> tuple[str, bool]:
    """Give who records a certificate, and whether that is an office."""
    return who.subject, who.is_bureau


def _paper(
    holder: Vehicle | Enterprise,
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
        holder_kind=(Holder.VEHICLE if isinstance(holder, Vehicle) else Holder.ENTERPRISE).value,
        holder_id=holder.id,
        enterprise_id=holder.enterprise_id if isinstance(holder, Vehicle) else holder.id,
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
