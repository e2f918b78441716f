"""What is refused about areas, facilities, bays and chargers."""

from typing import ClassVar

from services.shared.errors import Conflict


class AreaCodeTaken(Conflict):
    """Another area has this code."""

    slug: ClassVar[str] = "area-code-taken"
    title_zh: ClassVar[str] = "区域编码已被使用"
    title_en: ClassVar[str] = "Area code is taken"


class AreaVersionOverlap(Conflict):
    """Two shapes of one area would be in force at once."""

    slug: ClassVar[str] = "area-version-overlap"
    title_zh: ClassVar[str] = "区域版本有效期重叠"
    title_en: ClassVar[str] = "Versions of the area overlap in time"


class AreaClosed(Conflict):
    """The area has ended for good."""

    slug: ClassVar[str] = "area-closed"
    title_zh: ClassVar[str] = "区域已停用"
    title_en: ClassVar[str] = "The area is closed"


class FacilityCodeTaken(Conflict):
    """Another facility has this code."""

    slug: ClassVar[str] = "facility-code-taken"
    title_zh: ClassVar[str] = "设施编码已被使用"
    title_en: ClassVar[str] = "Facility code is taken"


class StageOutOfOrder(Conflict):
    """Planned, built, operating, closed: the stage does not follow, or others stand on it."""

    slug: ClassVar[str] = "stage-out-of-order"
    title_zh: ClassVar[str] = "设施当前阶段不允许此操作"
    title_en: ClassVar[str] = "The facility's stage does not allow this"


class UnitCodeTaken(Conflict):
    """Another bay or charger of the facility has this code in these days."""

    slug: ClassVar[str] = "unit-code-taken"
    title_zh: ClassVar[str] = "该编码在本设施已被使用"
    title_en: ClassVar[str] = "The code is in use at this facility"


class UnitServiceConflict(Conflict):
    """The bay or charger is out of service already, or has no end to undo."""

    slug: ClassVar[str] = "unit-service-conflict"
    title_zh: ClassVar[str] = "当前服务状态不允许此操作"
    title_en: ClassVar[str] = "Its state of service does not allow this"
