"""Chinese and English names of codes whose own module has none."""

from typing import Final

from services.registry.domain.certificates import Grade, Holder
from services.registry.domain.complaints import ComplaintStatus
from services.registry.domain.enterprises import Standing
from services.registry.domain.people import Employment, PersonKind
from services.registry.domain.tricycles import TricycleStatus
from services.shared.standards.coordinates import Crs
from services.shared.standards.energy import Powertrain

POWERTRAIN_NAMES: Final[dict[Powertrain, tuple[str, str]]] = {
    Powertrain.ICE: ("内燃机", "internal combustion engine"),
    Powertrain.HEV: ("混合动力（不可外接充电）", "hybrid, not chargeable"),
    Powertrain.PHEV: ("插电式混合动力", "plug-in hybrid"),
    Powertrain.REEV: ("增程式", "range-extended electric"),
    Powertrain.BEV: ("纯电动", "battery electric"),
    Powertrain.FCEV: ("燃料电池", "fuel cell"),
}
EMISSION_STAGES: Final[dict[int, tuple[str, str]]] = {
    0: ("无排气", "no exhaust"),
    1: ("国一", "China 1"),
    2: ("国二", "China 2"),
    3: ("国三", "China 3"),
    4: ("国四", "China 4"),
    5: ("国五", "China 5"),
    6: ("国六", "China 6"),
    7: ("国七", "China 7"),
}
REFRIGERATION_NAMES: Final[dict[str, tuple[str, str]]] = {
    "none": ("无", "none"),
    "insulated": ("保温", "insulated"),
    "refrigerated": ("冷藏", "refrigerated"),
}
STANDING_NAMES: Final[dict[Standing, tuple[str, str]]] = {
    Standing.ACTIVE: ("正常", "active"),
    Standing.SUSPENDED: ("暂停", "suspended"),
    Standing.CLOSED: ("注销", "closed"),
}
APPLICATION_STATUS_NAMES: Final[dict[str, tuple[str, str]]] = {
    "submitted": ("待审核", "submitted"),
    "approved": ("已批准", "approved"),
    "rejected": ("已驳回", "rejected"),
}
HOLDER_NAMES: Final[dict[Holder, tuple[str, str]]] = {
    Holder.ENTERPRISE: ("企业", "enterprise"),
    Holder.VEHICLE: ("车辆", "vehicle"),
}
GRADE_NAMES: Final[dict[Grade, tuple[str, str]]] = {
    grade: (f"{grade}级", f"grade {grade}") for grade in Grade
}
CRS_NAMES: Final[dict[Crs, tuple[str, str]]] = {
    Crs.WGS84: ("WGS-84", "WGS-84"),
    Crs.GCJ02: ("GCJ-02（火星坐标系）", "GCJ-02"),
    Crs.BD09: ("BD-09（百度坐标系）", "BD-09"),
}
ROLE_NAMES: Final[dict[str, tuple[str, str]]] = {
    "enterprise": ("企业", "enterprise"),
    "transport_bureau": ("交通运输局", "transport bureau"),
    "commerce_bureau": ("商务局", "commerce bureau"),
    "postal_bureau": ("邮政管理局", "postal bureau"),
    "police": ("公安交管", "traffic police"),
    "province": ("省部级平台", "provincial and ministry platforms"),
    "public": ("公众", "public"),
    "service": ("平台内部服务", "the platform's own services"),
}
SCOPE_NAMES: Final[dict[str, tuple[str, str]]] = {
    "admin": ("账号与客户端管理", "manages accounts and clients"),
    "personal_data": ("查看个人信息明文", "reads personal values in the clear"),
}
ASSESSMENT_STAGE_NAMES: Final[dict[str, tuple[str, str]]] = {
    "received": ("已接收", "received"),
    "published": ("已公布", "published"),
    "appealed": ("申诉中", "appealed"),
    "upheld": ("维持原等级", "upheld"),
    "amended": ("已调整等级", "amended"),
}
APPEAL_OUTCOME_NAMES: Final[dict[str, tuple[str, str]]] = {
    "upheld": ("维持原等级", "the grade stays"),
    "amended": ("调整等级", "the firm gets a better grade"),
}
COMPLAINT_STATUS_NAMES: Final[dict[ComplaintStatus, tuple[str, str]]] = {
    ComplaintStatus.SUBMITTED: ("待受理", "submitted"),
    ComplaintStatus.ACCEPTED: ("已受理", "accepted"),
    ComplaintStatus.FORWARDED: ("已转企业", "forwarded to the firm"),
    ComplaintStatus.ANSWERED: ("企业已答复", "answered by the firm"),
    ComplaintStatus.CLOSED: ("已办结", "closed"),
}
STATEMENT_STATUS_NAMES: Final[dict[str, tuple[str, str]]] = {
    "submitted": ("待审核", "submitted"),
    "accepted": ("已接受", "accepted"),
    "returned": ("已退回", "returned"),
    "superseded": ("已被取代", "superseded"),
}
KM_SOURCE_NAMES: Final[dict[str, tuple[str, str]]] = {
    "gps": ("卫星定位", "satellite positions"),
    "odometer": ("里程表", "odometer"),
    "mixed": ("综合", "both"),
}
PERSON_KIND_NAMES: Final[dict[PersonKind, tuple[str, str]]] = {
    PersonKind.DRIVER: ("驾驶员", "driver"),
    PersonKind.RIDER: ("快递三轮车骑手", "rider of an express tricycle"),
}
EMPLOYMENT_NAMES: Final[dict[Employment, tuple[str, str]]] = {
    Employment.ACTIVE: ("在职", "employed"),
    Employment.ENDED: ("离职", "no longer employed"),
    Employment.ERASED: ("个人信息已删除", "personal values erased"),
}
TRICYCLE_STATUS_NAMES: Final[dict[TricycleStatus, tuple[str, str]]] = {
    TricycleStatus.PENDING: ("待备案", "filing not finished"),
    TricycleStatus.FILED: ("已备案", "filed"),
    TricycleStatus.RETIRED: ("已注销", "retired"),
}
PERSONAL_SUBJECT_NAMES: Final[dict[str, tuple[str, str]]] = {
    "driver": ("驾驶员或骑手", "driver or rider"),
    "enterprise": ("企业联系人", "contacts of a firm"),
    "complaint": ("投诉人", "who complained"),
}
PERSONAL_FIELD_NAMES: Final[dict[str, tuple[str, str]]] = {
    "name": ("姓名", "name"),
    "id_number": ("公民身份号码", "citizen identity number"),
    "mobile_phone": ("手机号码", "mobile phone"),
    "licence_number": ("驾驶证号", "driving licence number"),
    "qualification_number": ("从业资格证号", "qualification certificate number"),
    "contacts": ("联系人", "contacts"),
    "phone": ("联系电话", "telephone"),
}
ERASURE_REQUESTER_NAMES: Final[dict[str, tuple[str, str]]] = {
    "subject": ("本人", "the person"),
    "firm": ("所属企业", "the person's firm"),
    "authority": ("主管部门", "an authority"),
}
FACILITY_SERVICE_NAMES: Final[dict[str, tuple[str, str]]] = {
    "storage": ("仓储", "storage"),
    "transhipment": ("中转换装", "transhipment"),
    "consolidation": ("集拼分拨", "consolidation"),
    "joint_delivery": ("共同配送", "joint delivery"),
    "cold_chain": ("冷链", "cold chain"),
    "sorting": ("分拣", "sorting"),
    "parcel_pickup": ("快件自提", "parcel pick-up"),
    "parcel_dispatch": ("快件收寄", "parcel dispatch"),
    "returns": ("退换货", "returns"),
    "e_commerce": ("电子商务", "e-commerce"),
    "farm_produce": ("农产品上行", "farm produce to town"),
    "customs": ("报关", "customs"),
    "freight_information": ("货运信息", "freight information"),
    "vehicle_service": ("车辆维修保养", "vehicle service"),
    "charging": ("充电", "charging"),
    "passenger_waiting": ("候车", "passenger waiting"),
}
SURROUNDINGS_NAMES: Final[dict[str, tuple[str, str]]] = {
    "commercial": ("商业区", "commercial quarter"),
    "residential": ("居住区", "residential quarter"),
    "industrial": ("生产区", "industrial quarter"),
    "public_venue": ("大型公共活动场地", "large public venue"),
}
MAIL_SITE_NAMES: Final[dict[str, tuple[str, str]]] = {
    "outlet": ("网点", "outlet"),
    "processing_centre": ("处理场所", "processing centre"),
}
CURRENT_NAMES: Final[dict[str, tuple[str, str]]] = {
    "AC": ("交流", "alternating current"),
    "DC": ("直流", "direct current"),
}
UNIT_STATUS_NAMES: Final[dict[str, tuple[str, str]]] = {
    "planned": ("规划", "planned"),
    "in_service": ("启用", "in service"),
    "ended": ("停用", "ended"),
}
LINE_END_NAMES: Final[dict[str, tuple[str, str]]] = {
    "flat": ("平头", "flat"),
    "round": ("圆头", "round"),
}
