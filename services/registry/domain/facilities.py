"""Kinds of facilities: their names, who is in charge of them, and where kerb bays are kept."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FacilityKind(StrEnum):
    """What a facility is (`domain.md` §1 and §5)."""

    FREIGHT_HUB = "freight_hub"
    PUBLIC_DISTRIBUTION_CENTRE = "public_distribution_centre"
    JOINT_DELIVERY_STATION = "joint_delivery_station"
    PARCEL_LOCKER = "parcel_locker"
    CAMPUS_STATION = "campus_station"
    VILLAGE_STATION = "village_station"
    UNLOADING_YARD = "unloading_yard"
    KERB_BAY_GROUP = "kerb_bay_group"
    CHARGING_SITE = "charging_site"
    COLD_STORE = "cold_store"
    MAIL_SITE = "mail_site"
    BUS_STATION_FREIGHT = "bus_station_freight"


@dataclass(frozen=True, slots=True)
class KindFacts:
    """What is fixed about a kind.

    Attributes:
        zh: Name in Chinese.
        en: Name in English.
        bureau: Role of the office in charge; the transport bureau is of every kind.
        has_bays: Whether bays are kept one by one at such a facility.
    """

    zh: str
    en: str
    bureau: str
    has_bays: bool = False


TRANSPORT: Final = "transport_bureau"
COMMERCE: Final = "commerce_bureau"
POSTAL: Final = "postal_bureau"

FACILITY_KINDS: Final[dict[FacilityKind, KindFacts]] = {
    FacilityKind.FREIGHT_HUB: KindFacts(
        "干支衔接型货运枢纽", "freight hub joining trunk and local haulage", TRANSPORT, has_bays=True
    ),
    FacilityKind.PUBLIC_DISTRIBUTION_CENTRE: KindFacts(
        "公共配送中心", "public distribution centre", COMMERCE, has_bays=True
    ),
    FacilityKind.JOINT_DELIVERY_STATION: KindFacts("末端共同配送站", "joint delivery station", POSTAL),
    FacilityKind.PARCEL_LOCKER: KindFacts("智能快件箱", "parcel locker", POSTAL),
    FacilityKind.CAMPUS_STATION: KindFacts("校园驿站", "campus parcel station", POSTAL),
    FacilityKind.VILLAGE_STATION: KindFacts("交邮驿站", "village station of bus and post", POSTAL),
    FacilityKind.UNLOADING_YARD: KindFacts("专用卸货场地", "unloading yard", COMMERCE, has_bays=True),
    FacilityKind.KERB_BAY_GROUP: KindFacts(
        "临时停车泊位组", "group of kerb bays for deliveries", TRANSPORT, has_bays=True
    ),
    FacilityKind.CHARGING_SITE: KindFacts("充电场站", "charging site", TRANSPORT),
    FacilityKind.COLD_STORE: KindFacts("冷库", "cold store", COMMERCE),
    FacilityKind.MAIL_SITE: KindFacts("邮件快件处理场所", "mail and express handling site", POSTAL),
    FacilityKind.BUS_STATION_FREIGHT: KindFacts(
        "客运站货运功能", "bus and coach station with a freight function", TRANSPORT, has_bays=True
    ),
}


SAFETY_MEMBERS: Final = frozenset(
    {"cameras_total", "cameras_online", "xray_machines_total", "xray_machines_online", "online_on"}
)
"""Members of a mail site's capacity (绿盾) that are no public facts: they tell where nobody is watching."""


def is_in_charge(role: str, kind: FacilityKind) -> bool:
    """Tell whether the office of this role decides about facilities of this kind."""
    return role in {TRANSPORT, FACILITY_KINDS[kind].bureau}


class Connector(StrEnum):
    """Charging interfaces of GB/T 20234."""

    GBT_AC = "gbt_ac"
    GBT_DC = "gbt_dc"
    CHAOJI = "chaoji"


CONNECTOR_NAMES: Final[dict[Connector, tuple[str, str]]] = {
    Connector.GBT_AC: ("交流充电接口 GB/T 20234.2", "AC, GB/T 20234.2"),
    Connector.GBT_DC: ("直流充电接口 GB/T 20234.3", "DC, GB/T 20234.3"),
    Connector.CHAOJI: ("大功率直流充电接口 GB/T 20234.4", "high-power DC (ChaoJi), GB/T 20234.4"),
}
CURRENT_OF: Final = {Connector.GBT_AC: "AC", Connector.GBT_DC: "DC", Connector.CHAOJI: "DC"}
