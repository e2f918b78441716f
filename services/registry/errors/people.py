"""What is refused about drivers, riders and tricycles."""

from typing import ClassVar

from services.shared.errors import Conflict


class DriverRegistered(Conflict):
    """The person is in active employment of this firm; nothing more is told."""

    slug: ClassVar[str] = "driver-registered"
    title_zh: ClassVar[str] = "该人员已在本企业登记"
    title_en: ClassVar[str] = "This person is registered with this enterprise"


class DriverEnded(Conflict):
    """The person's employment has ended."""

    slug: ClassVar[str] = "driver-ended"
    title_zh: ClassVar[str] = "该人员已离职"
    title_en: ClassVar[str] = "The employment has ended"


class TricycleFiled(Conflict):
    """The tricycle is filed, or retired, already."""

    slug: ClassVar[str] = "tricycle-filed"
    title_zh: ClassVar[str] = "该快递三轮车已备案或已注销"
    title_en: ClassVar[str] = "The tricycle is filed or retired"


class TricycleRetired(Conflict):
    """A retired tricycle does not change."""

    slug: ClassVar[str] = "tricycle-retired"
    title_zh: ClassVar[str] = "该快递三轮车已注销"
    title_en: ClassVar[str] = "The tricycle is retired"


class TricycleNumberTaken(Conflict):
    """Another tricycle has this filing number, frame number, tag or terminal; whose is not told."""

    slug: ClassVar[str] = "tricycle-number-taken"
    title_zh: ClassVar[str] = "备案编号、车架号、电子标签或定位终端已被使用"
    title_en: ClassVar[str] = "Filing number, frame number, tag or terminal is in use"


class RiderUnavailable(Conflict):
    """One person, one tricycle: the rider is not in employment, or has another one."""

    slug: ClassVar[str] = "rider-unavailable"
    title_zh: ClassVar[str] = "骑手未在职或已使用另一辆车"
    title_en: ClassVar[str] = "The rider is not employed, or has another tricycle"
