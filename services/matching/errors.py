"""Errors of matching beside the kernel's."""

from typing import ClassVar

from services.shared.errors import Conflict, Forbidden


class EnterpriseNotActive(Forbidden):
    """A firm that is not active takes no part; it may still read its own."""

    slug: ClassVar[str] = "enterprise-not-active"
    title_zh: ClassVar[str] = "企业未处于正常状态"
    title_en: ClassVar[str] = "Enterprise is not active"


class LoadNotOpen(Conflict):
    """Awarded, withdrawn, or its pickup window has passed."""

    slug: ClassVar[str] = "load-not-open"
    title_zh: ClassVar[str] = "货源已不可用"
    title_en: ClassVar[str] = "Load is not open"


class OfferNotOpen(Conflict):
    """Accepted, rejected, withdrawn or lapsed."""

    slug: ClassVar[str] = "offer-not-open"
    title_zh: ClassVar[str] = "报价已失效"
    title_en: ClassVar[str] = "Offer is not open"


class OfferExists(Conflict):
    """One open offer per load and vehicle."""

    slug: ClassVar[str] = "offer-exists"
    title_zh: ClassVar[str] = "该车辆对该货源已有有效报价"
    title_en: ClassVar[str] = "This vehicle has an open offer for this load"


class VehicleNotFeasible(Conflict):
    """The vehicle cannot carry the load; `reasons` says exactly why."""

    slug: ClassVar[str] = "vehicle-not-feasible"
    title_zh: ClassVar[str] = "车辆不满足承运条件"
    title_en: ClassVar[str] = "Vehicle cannot carry this load"


class VehicleBooked(Conflict):
    """The vehicle is promised elsewhere in these hours."""

    slug: ClassVar[str] = "vehicle-booked"
    title_zh: ClassVar[str] = "车辆该时段已被占用"
    title_en: ClassVar[str] = "Vehicle is booked for these hours"


class EventOutOfOrder(Conflict):
    """The waybill's state or the event's time does not allow it."""

    slug: ClassVar[str] = "event-out-of-order"
    title_zh: ClassVar[str] = "运单事件顺序不符"
    title_en: ClassVar[str] = "Waybill event is out of order"
