"""What each kind of facility can do: one closed schema a kind. Units stand in the names."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from services.registry.schemas.fields import Day
from services.registry.schemas.places import ShortText, distinct
from services.shared.schemas import Strict

AreaM2 = Annotated[float, Field(gt=0, le=100_000_000, description="Square metres of ground.")]
FloorM2 = Annotated[float, Field(gt=0, le=10_000_000, description="Square metres of floor.")]
VolumeM3 = Annotated[float, Field(gt=0, le=10_000_000, description="Cubic metres.")]
DailyParcels = Annotated[int, Field(ge=0, le=100_000_000, description="Parcels handled a day.")]
DailyTonnes = Annotated[float, Field(ge=0, le=1_000_000, description="Tonnes handled a day.")]
Count = Annotated[int, Field(ge=0, le=100_000)]
Celsius = Annotated[float, Field(ge=-80, le=60, description="Degrees Celsius.")]
Service = Literal[
    "storage",
    "transhipment",
    "consolidation",
    "joint_delivery",
    "cold_chain",
    "sorting",
    "parcel_pickup",
    "parcel_dispatch",
    "returns",
    "e_commerce",
    "farm_produce",
    "customs",
    "freight_information",
    "vehicle_service",
    "charging",
    "passenger_waiting",
]
Services = Annotated[
    list[Service], AfterValidator(distinct), Field(max_length=16, description="What is offered there.")
]
Surroundings = Annotated[
    Literal["commercial", "residential", "industrial", "public_venue"],
    Field(description="商业区, 居住区, 生产区 or 大型公共活动场地."),
]


class _Handling(Strict):
    area_m2: AreaM2 | None = None
    daily_parcels: DailyParcels | None = None
    services: Services = Field(default=[])


class _Depot(_Handling):
    building_area_m2: FloorM2 | None = None
    warehouse_area_m2: FloorM2 | None = None
    cold_storage_m3: VolumeM3 | None = None
    daily_throughput_t: DailyTonnes | None = None
    docks: Annotated[Count | None, Field(description="Loading docks.")] = None
    parking_spaces: Annotated[Count | None, Field(description="For lorries.")] = None


class FreightHub(_Depot):
    """干支衔接型货运枢纽."""

    kind: Literal["freight_hub"]
    trunk_lines: Annotated[Count | None, Field(description="Trunk lines served.")] = None


class PublicDistributionCentre(_Depot):
    """公共配送中心."""

    kind: Literal["public_distribution_centre"]
    tenants: Annotated[Count | None, Field(description="Firms that share it.")] = None


class JointDeliveryStation(_Handling):
    """末端共同配送站."""

    kind: Literal["joint_delivery_station"]
    express_brands: Annotated[Count | None, Field(description="Brands whose parcels it takes.")] = None


class ParcelLocker(Strict):
    """智能快件箱."""

    kind: Literal["parcel_locker"]
    lockers: Annotated[Count | None, Field(description="Compartments.")] = None
    daily_parcels: DailyParcels | None = None
    open_all_day: Annotated[bool | None, Field(description="Reachable at any hour.")] = None


class CampusStation(_Handling):
    """校园驿站."""

    kind: Literal["campus_station"]
    campus: Annotated[ShortText | None, Field(description="Name of the school.")] = None
    lockers: Annotated[Count | None, Field(description="Compartments.")] = None


class VillageStation(_Handling):
    """交邮驿站."""

    kind: Literal["village_station"]
    villages_served: Annotated[Count | None, Field(description="Villages.")] = None
    bus_line: Annotated[ShortText | None, Field(description="The line that brings the parcels.")] = None


class UnloadingYard(Strict):
    """专用卸货场地."""

    kind: Literal["unloading_yard"]
    area_m2: AreaM2 | None = None
    surroundings: Surroundings | None = None
    docks: Annotated[Count | None, Field(description="Loading docks.")] = None
    max_height_m: Annotated[float | None, Field(gt=0, le=10, description="Clear height, metres.")] = None


class KerbBayGroup(Strict):
    """临时停车泊位组; the bays are kept one by one."""

    kind: Literal["kerb_bay_group"]
    surroundings: Surroundings | None = None
    road: Annotated[ShortText | None, Field(description="Road.")] = None
    section: Annotated[ShortText | None, Field(description="From where to where.")] = None
    planned_bays: Annotated[Count | None, Field(description="Bays meant to be there.")] = None


class ChargingSite(Strict):
    """充电场站; the chargers are kept one by one."""

    kind: Literal["charging_site"]
    area_m2: AreaM2 | None = None
    parking_spaces: Annotated[Count | None, Field(description="Charging places.")] = None
    supply_kva: Annotated[float | None, Field(gt=0, le=1_000_000, description="Grid connection, kVA.")] = None
    open_all_day: Annotated[bool | None, Field(description="At any hour.")] = None
    planned_chargers: Annotated[Count | None, Field(description="Chargers meant to be there.")] = None


class ColdStore(Strict):
    """冷库."""

    kind: Literal["cold_store"]
    area_m2: AreaM2 | None = None
    cold_storage_m3: VolumeM3 | None = None
    docks: Annotated[Count | None, Field(description="Loading docks.")] = None
    min_temperature_c: Celsius | None = None
    max_temperature_c: Celsius | None = None

    @field_validator("max_temperature_c")
    @classmethod
    def _warmest_last(cls, warmest: float | None, info: ValidationInfo) -> float | None:
        coldest = info.data.get("min_temperature_c")
        if warmest is not None and coldest is not None and warmest < coldest:
            raise PydanticCustomError("bounds", "须不低于最低温度 / must not be below min_temperature_c")
        return warmest


class MailSite(_Handling):
    """邮件快件处理场所、网点: how much of its safety equipment is on line (绿盾); no video, no identities."""

    kind: Literal["mail_site"]
    site_type: Annotated[
        Literal["outlet", "processing_centre"], Field(description="网点 or 处理场所.", examples=["outlet"])
    ]
    cameras_total: Annotated[Count | None, Field(description="Cameras installed.")] = None
    cameras_online: Annotated[Count | None, Field(description="Of them on line.")] = None
    xray_machines_total: Annotated[Count | None, Field(description="X-ray machines installed.")] = None
    xray_machines_online: Annotated[Count | None, Field(description="Of them on line.")] = None
    online_on: Annotated[Day | None, Field(description="The day these numbers are of.")] = None

    @field_validator("cameras_online", "xray_machines_online")
    @classmethod
    def _no_more_than_there_are(cls, online: int | None, info: ValidationInfo) -> int | None:
        total = info.data.get(str(info.field_name).replace("online", "total"))
        if online is not None and (total is None or online > total):
            raise PydanticCustomError("bounds", "须不多于总数 / must not exceed the total")
        return online


class BusStationFreight(_Handling):
    """客运站货运功能."""

    kind: Literal["bus_station_freight"]
    docks: Annotated[Count | None, Field(description="Loading docks.")] = None
    bus_lines: Annotated[Count | None, Field(description="Lines that carry parcels.")] = None


Capacity = Annotated[
    FreightHub
    | PublicDistributionCentre
    | JointDeliveryStation
    | ParcelLocker
    | CampusStation
    | VillageStation
    | UnloadingYard
    | KerbBayGroup
    | ChargingSite
    | ColdStore
    | MailSite
    | BusStationFreight,
    Field(discriminator="kind", description="The kind of facility, and what it can do."),
]
