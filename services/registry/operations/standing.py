"""Bringing a holder's standing up to its certificates: what has lapsed, and when that turns next."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final

from services.registry.domain.certificates import NEVER_STOPS, CertificateKind, needs_transport_papers
from services.registry.domain.standing import Days, Turn, at_instant, course, next_turn
from services.registry.models import Certificate, Enterprise, Vehicle
from services.shared.standards.zones import CITY_ZONE

_NEVER_STOPS: Final = {kind.value for kind in NEVER_STOPS}
_EVER: Final = date.max


def settle_vehicle(vehicle: Vehicle, certificates: Sequence[Certificate], now: datetime) -> list[Turn]:
    """Set what repeats the certificates on a vehicle's row; return the course of its standing."""
    waived = set() if needs_transport_papers(vehicle.gross_mass_kg) else {_TRANSPORT.value}
    turns = course(_counting(certificates, waived), vehicle.valid_from, CITY_ZONE)
    vehicle.lapses = list(at_instant(turns, now))
    vehicle.turns_at = next_turn(turns, now)
    vehicle.inspection_valid_to = _last_day(certificates, CertificateKind.INSPECTION)
    vehicle.insurance_valid_to = _last_day(certificates, CertificateKind.INSURANCE)
    vehicle.road_transport_certificate_valid_to = _last_day(certificates, _TRANSPORT)
    furthest = max(_of(certificates, _TRANSPORT), key=_reach, default=None)
    vehicle.road_transport_certificate_number = furthest.number if furthest else None
    return turns


def settle_enterprise(
    enterprise: Enterprise, certificates: Sequence[Certificate], now: datetime
) -> list[Turn]:
    """Set what repeats the certificates on a firm's row; return the course of its lapses."""
    turns = course(_counting(certificates, set()), enterprise.created_at, CITY_ZONE)
    enterprise.lapses = list(at_instant(turns, now))
    enterprise.turns_at = next_turn(turns, now)
    return turns


_TRANSPORT: Final = CertificateKind.ROAD_TRANSPORT_CERTIFICATE


def _counting(certificates: Iterable[Certificate], waived: set[str]) -> list[Days]:
    ignored = waived | _NEVER_STOPS
    return [
        Days(certificate.kind, certificate.valid_from, certificate.valid_to)
        for certificate in certificates
        if certificate.kind not in ignored
    ]


def _of(certificates: Iterable[Certificate], kind: CertificateKind) -> list[Certificate]:
    return [certificate for certificate in certificates if certificate.kind == kind.value]


def _reach(certificate: Certificate) -> date:
    return certificate.valid_to or _EVER


def _last_day(certificates: Iterable[Certificate], kind: CertificateKind) -> date | None:
    """Return the day the certificate that reaches furthest ends; None when open or none is on record."""
    furthest = max(_of(certificates, kind), key=_reach, default=None)
    return furthest.valid_to if furthest else None
