"""Kinds of certificates 证照, who holds them, and which of them stop their holder when they run out.

The papers of drivers and of express tricycles are members of their own records.
"""

from datetime import date
from enum import StrEnum
from typing import Final


class Holder(StrEnum):
    """What a certificate can be of."""

    ENTERPRISE = "enterprise"
    VEHICLE = "vehicle"


class CertificateKind(StrEnum):
    """Kinds of certificates."""

    BUSINESS_LICENCE = "business_licence"
    ROAD_TRANSPORT_PERMIT = "road_transport_permit"
    NETWORK_FREIGHT_PERMIT = "network_freight_permit"
    EXPRESS_PERMIT = "express_permit"
    A_GRADE = "a_grade"
    INSPECTION = "inspection"
    INSURANCE = "insurance"
    ROAD_TRANSPORT_CERTIFICATE = "road_transport_certificate"


HELD_BY: Final[dict[Holder, tuple[CertificateKind, ...]]] = {
    Holder.ENTERPRISE: (
        CertificateKind.BUSINESS_LICENCE,
        CertificateKind.ROAD_TRANSPORT_PERMIT,
        CertificateKind.NETWORK_FREIGHT_PERMIT,
        CertificateKind.EXPRESS_PERMIT,
        CertificateKind.A_GRADE,
    ),
    Holder.VEHICLE: (
        CertificateKind.INSPECTION,
        CertificateKind.INSURANCE,
        CertificateKind.ROAD_TRANSPORT_CERTIFICATE,
    ),
}
"""Which kinds a holder can have."""

NEVER_STOPS: Final = frozenset({CertificateKind.A_GRADE})
"""Kinds whose end changes no standing."""

HEAVY_KG: Final = 4500
"""Up to this total mass ordinary freight needs neither road transport certificate nor qualification.

交通运输部办公厅, 24 December 2018, in force 1 January 2019; `domain.md` §3.6."""


class Grade(StrEnum):
    """Grades of logistics firms (GB/T 19680), rising; the certificate is stored, nothing is computed."""

    A = "A"
    AA = "AA"
    AAA = "AAA"
    AAAA = "AAAA"
    AAAAA = "AAAAA"


class GradeCategory(StrEnum):
    """Types of firms in GB/T 19680."""

    TRANSPORT = "transport"
    WAREHOUSING = "warehousing"
    COMPREHENSIVE = "comprehensive"


GRADE_CATEGORY_NAMES: Final[dict[GradeCategory, tuple[str, str]]] = {
    GradeCategory.TRANSPORT: ("运输型", "transport"),
    GradeCategory.WAREHOUSING: ("仓储型", "warehousing"),
    GradeCategory.COMPREHENSIVE: ("综合服务型", "comprehensive"),
}


def needs_transport_papers(gross_mass_kg: int | None) -> bool:
    """Tell whether a vehicle of this total mass needs papers of road transport; unknown counts as heavy.

    So a certificate that is on record and has run out stops a vehicle unless it is known to need none.
    """
    return gross_mass_kg is None or gross_mass_kg > HEAVY_KG


def may_withdraw(last: date | None, today: date, *, by_office: bool, office: bool) -> bool:
    """Tell whether a certificate may be taken out of the count as recorded wrongly.

    A firm may not take out what an office put on record, nor what has run out: that would lift a lapse. A
    renewal does.

    Args:
        last: Its last day; None without end.
        today: The city's day.
        by_office: Whether an office recorded it.
        office: Whether an office asks.
    """
    return office or (not by_office and (last is None or last >= today))
