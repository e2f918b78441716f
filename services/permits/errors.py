"""What permits refuses, each with its status and slug."""

from typing import ClassVar

from services.shared.errors import Conflict, Unprocessable


class RuleCodeTaken(Conflict):
    """A restriction rule keeps its code for ever, also after its repeal."""

    slug: ClassVar[str] = "rule-code-taken"
    title_zh: ClassVar[str] = "限行规则编码已被使用"
    title_en: ClassVar[str] = "Rule code is taken"


class RuleEnded(Conflict):
    """The rule has been repealed, or ends before the repeal would."""

    slug: ClassVar[str] = "rule-ended"
    title_zh: ClassVar[str] = "限行规则已废止或已到期"
    title_en: ClassVar[str] = "The rule has ended or been repealed"


class TypeCodeTaken(Conflict):
    """Another permit type has this code."""

    slug: ClassVar[str] = "permit-type-code-taken"
    title_zh: ClassVar[str] = "通行证类型编码已被使用"
    title_en: ClassVar[str] = "Permit type code is taken"


class EnterpriseNotActive(Conflict):
    """Only an active enterprise applies for and is granted permits."""

    slug: ClassVar[str] = "enterprise-not-active"
    title_zh: ClassVar[str] = "企业非正常状态"
    title_en: ClassVar[str] = "The enterprise is not active"


class VehicleLapsed(Conflict):
    """Inspection, insurance or road transport certificate of the vehicle is not in force."""

    slug: ClassVar[str] = "vehicle-lapsed"
    title_zh: ClassVar[str] = "车辆证照已失效"
    title_en: ClassVar[str] = "The vehicle's papers are not in force"


class RegistrationNotInForce(Conflict):
    """The vehicle's registration does not hold when the permit would begin."""

    slug: ClassVar[str] = "registration-not-in-force"
    title_zh: ClassVar[str] = "车辆登记在申请起始时间无效"
    title_en: ClassVar[str] = "The vehicle's registration is not in force when the permit would begin"


class ApplicationDecided(Conflict):
    """The application is no longer open."""

    slug: ClassVar[str] = "application-decided"
    title_zh: ClassVar[str] = "该申请已办结或已撤回"
    title_en: ClassVar[str] = "The application has been decided or withdrawn"


class ApplicationElapsed(Conflict):
    """The period applied for is over."""

    slug: ClassVar[str] = "application-elapsed"
    title_zh: ClassVar[str] = "申请的时段已过"
    title_en: ClassVar[str] = "The period applied for is over"


class PermitOverlaps(Conflict):
    """The vehicle holds a permit of this type in this period."""

    slug: ClassVar[str] = "permit-overlaps"
    title_zh: ClassVar[str] = "该车辆在此期间已持有同类通行证"
    title_en: ClassVar[str] = "The vehicle holds a permit of this type in this period"


class PermitNotActive(Conflict):
    """Only an active permit can be revoked."""

    slug: ClassVar[str] = "permit-not-active"
    title_zh: ClassVar[str] = "通行证非有效状态"
    title_en: ClassVar[str] = "The permit is not active"


class PermitRefused(Unprocessable):
    """What is applied for is outside the conditions of the permit type."""

    slug: ClassVar[str] = "permit-refused"
    title_zh: ClassVar[str] = "申请不符合通行证类型的条件"
    title_en: ClassVar[str] = "The application is outside the permit type's conditions"
