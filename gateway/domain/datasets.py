"""The datasets of the exchange: where each comes from, who may have it, and every field that may leave.

A dataset is named after its collection, its kind is the singular. A field is named by its path; a path
that ends at an object gives nothing, so that a field added inside it later does not leave unseen.
Nothing here is a personal value: feeds carry subject ids at most, and those are not listed either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType


class Audience(StrEnum):
    """Who a log is for."""

    province = "province"
    public = "public"


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset.

    Attributes:
        name: Of the collection.
        source: The service whose feed it comes from.
        kind: In that feed.
        audiences: The fields each audience is given; who is not named has no such dataset.
        parents: Fields that name entities of the platform, and of which kind; an entity leaves only
            while every one of them is known, no demo and itself in scope.
        schema_version: Raised with every change of the field lists. What was served stays as it was; the
            next start serves every entity anew under the new lists (`consumers.worker.copy_version`).
    """

    name: str
    source: str
    kind: str
    audiences: Mapping[Audience, tuple[str, ...]]
    parents: Mapping[str, str] = field(default_factory=dict)
    schema_version: int = 1


_AREA = (
    "id",
    "code",
    "name",
    "kind",
    "schematic",
    "versions.valid_from",
    "versions.valid_to",
    "versions.geometry.type",
    "versions.geometry.coordinates",
)
_STANDINGS = ("standings.status", "standings.since", "standings.causes")
_VEHICLE = (
    *("enterprise_id", "plate_number", "plate_color", "valid_from", "valid_to", "predecessor_id"),
    *("vehicle_type", "energy_code", "powertrain", "curb_mass_kg", "gross_mass_kg", "payload_kg"),
    *("volume_m3", "length_m", "width_m", "height_m", "refrigeration", "emission_stage", "use_character"),
    *("vin", "road_transport_certificate_number", "registered_on", "licence_issued_on", "licence_issuer"),
    *("entry_reason", "entry_on", "exit_reason", "exit_on", "status", "lapses", *_STANDINGS),
)
"""With all that the ministry's 车辆信息单 asks for (`domain.md` §2.1.4), the VIN too: owners are firms."""
_ENTERPRISE = (
    *("name", "uscc", "kind", "status", *_STANDINGS, "member_from", "member_to"),
    *("grades.grade", "grades.category", "grades.valid_from", "grades.valid_to"),
)
_OF_FIRM = {"enterprise_id": "enterprise"}
_PARTIES = {"shipper_id": "enterprise", "carrier_id": "enterprise"}
_PLACES = ("origin.lon", "origin.lat", "destination.lon", "destination.lat")
_SCHEDULE = ("weekdays", "windows.start", "windows.end", "holiday_calendar")
_CONDITIONS = tuple(
    f"conditions.{name}"
    for name in (
        "plate_colors",
        "vehicle_types",
        "powertrains",
        "refrigeration",
        "min_gross_mass_kg",
        "max_gross_mass_kg",
        "min_payload_kg",
        "max_payload_kg",
        "min_length_m",
        "max_length_m",
        "min_width_m",
        "max_width_m",
        "min_height_m",
        "max_height_m",
        "min_emission_stage",
        "max_emission_stage",
    )
)
_RULE = (
    "id",
    "code",
    "title_zh",
    "title_en",
    "area_ids",
    "effect",
    "priority",
    "permit_types",
    *_CONDITIONS,
    *_SCHEDULE,
    "valid_from",
    "valid_to",
)


def _province(name: str, source: str, kind: str, parents: Mapping[str, str], *fields: str) -> Dataset:
    return Dataset(name, source, kind, MappingProxyType({Audience.province: ("id", *fields)}), parents)


def _everyone(name: str, source: str, kind: str, fields: tuple[str, ...]) -> Dataset:
    return Dataset(name, source, kind, MappingProxyType(dict.fromkeys(Audience, fields)))


DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {
        dataset.name: dataset
        for dataset in (
            _everyone("areas", "registry", "area", _AREA),
            _everyone("restriction-rules", "permits", "restriction_rule", _RULE),
            replace(_province("enterprises", "registry", "enterprise", {}, *_ENTERPRISE), schema_version=2),
            replace(_province("vehicles", "registry", "vehicle", _OF_FIRM, *_VEHICLE), schema_version=2),
            _province(
                *("terminals", "telemetry", "terminal", _OF_FIRM),
                *("terminal_number", "enterprise_id", "kind", "status", "bindings.vehicle_id"),
                *("bindings.valid_from", "bindings.valid_to", "bindings.primary"),
            ),
            _province(
                *("visits", "telemetry", "visit", {**_OF_FIRM, "vehicle_id": "vehicle"}),
                *("vehicle_id", "enterprise_id", "area_id", "entered_at", "left_at", "status", "supersedes"),
            ),
            _province(
                *("permits", "permits", "permit", {**_OF_FIRM, "vehicle_id": "vehicle"}),
                *("code", "permit_type", "lifts", "vehicle_id", "enterprise_id", "area_ids", *_SCHEDULE),
                *("valid_from", "valid_to", "status", "revoked_at"),
            ),
            _province(
                *("loads", "matching", "load", _PARTIES),
                *("shipper_id", "carrier_id", "status", *_PLACES, "weight_kg", "volume_m3"),
                *("temperature_class", "cargo_type_code", "pickup_window.start", "pickup_window.end"),
                *("delivery_window.start", "delivery_window.end", "created_at"),
            ),
            _province(
                *(
                    "waybills",
                    "matching",
                    "waybill",
                    {**_PARTIES, "load_id": "load", "vehicle_id": "vehicle"},
                ),
                *("number", "load_id", "shipper_id", "carrier_id", "vehicle_id", "status"),
                *("transport_type_code", "business_type_code", "cargo_type_code", "temperature_class"),
                *("weight_kg", "volume_m3", "price_yuan", *_PLACES, "direct_km", "consigned_at"),
                *("loaded_at", "departed_at", "arrived_at", "signed_at", "cancelled_at"),
            ),
        )
    }
)
"""By name."""

BY_KIND: Mapping[tuple[str, str], Dataset] = MappingProxyType(
    {(dataset.source, dataset.kind): dataset for dataset in DATASETS.values()}
)
"""By source and kind."""

PARENT_KINDS = frozenset(kind for dataset in DATASETS.values() for kind in dataset.parents.values())
"""Kinds that others depend on."""
