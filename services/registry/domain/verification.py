"""Verification by field group: which fields belong together, and how far a group can be verified."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final


class Level(StrEnum):
    """How far a group has been checked, in rising order."""

    SELF_DECLARED = "self_declared"
    DOCUMENT_CHECKED = "document_checked"
    CONFIRMED_BY_AUTHORITY = "confirmed_by_authority"


class SubjectKind(StrEnum):
    """What can be verified group by group."""

    ENTERPRISE = "enterprise"
    VEHICLE = "vehicle"
    DRIVER = "driver"


LEVEL_NAMES: Final[dict[Level, tuple[str, str]]] = {
    Level.SELF_DECLARED: ("自行申报", "self-declared"),
    Level.DOCUMENT_CHECKED: ("材料已核", "document checked"),
    Level.CONFIRMED_BY_AUTHORITY: ("主管部门确认", "confirmed by authority"),
}

GROUPS: Final[dict[SubjectKind, dict[str, frozenset[str]]]] = {
    SubjectKind.ENTERPRISE: {
        "identity": frozenset({"name", "uscc"}),
        "profile": frozenset({"kind", "address"}),
        "contacts": frozenset({"contacts"}),
        "licences": frozenset(
            {"business_licence", "road_transport_permit", "network_freight_permit", "express_permit"}
        ),
        "a_grade": frozenset({"a_grade"}),
    },
    SubjectKind.VEHICLE: {
        "plate": frozenset({"plate_number", "plate_color"}),
        "identity": frozenset({"vin", "registered_on", "licence_issued_on", "licence_issuer"}),
        "technical": frozenset(
            {
                "vehicle_type",
                "powertrain",
                "energy_code",
                "emission_stage",
                "curb_mass_kg",
                "gross_mass_kg",
                "payload_kg",
                "volume_m3",
                "length_m",
                "width_m",
                "height_m",
                "refrigeration",
            }
        ),
        "use": frozenset({"use_character", "entry_reason", "entry_on", "exit_reason", "exit_on"}),
        "inspection": frozenset({"inspection", "inspection_valid_to"}),
        "insurance": frozenset({"insurance", "insurance_valid_to"}),
        "road_transport_certificate": frozenset(
            {
                "road_transport_certificate",
                "road_transport_certificate_number",
                "road_transport_certificate_valid_to",
            }
        ),
    },
    SubjectKind.DRIVER: {
        "identity": frozenset({"name", "id_number"}),
        "contact": frozenset({"mobile_phone"}),
        "licence": frozenset(
            {
                "licence_number",
                "licence_class",
                "licence_issuer",
                "licence_valid_from",
                "licence_valid_to",
            }
        ),
        "qualification": frozenset(
            {
                "qualification_number",
                "qualification_valid_from",
                "qualification_valid_to",
                "drives_over_4500_kg",
                "trained_on",
            }
        ),
    },
}
"""Subject → group → its fields; a certificate counts as the field of its kind."""


def groups_of(subject: str, fields: Iterable[str]) -> frozenset[str]:
    """Return the groups that these fields belong to; none for an entity that is not verified by groups."""
    changed = frozenset(fields)
    groups = next((GROUPS[kind] for kind in SubjectKind if kind == subject), {})
    return frozenset(name for name, members in groups.items() if members & changed)


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> frozenset[str]:
    """Return the fields of `after` whose values differ from `before`."""
    return frozenset(name for name, value in after.items() if before.get(name) != value)
