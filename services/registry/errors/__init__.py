"""What the registry refuses, each with its status and slug."""

from typing import ClassVar

from services.registry.errors.imports import (
    ExportsBusy,
    FileRefused,
    ImportDamaged,
    ImportNotReady,
    RacedByAnother,
    RowsRefused,
    TooManyImports,
)
from services.registry.errors.people import (
    DriverEnded,
    DriverRegistered,
    RiderUnavailable,
    TricycleFiled,
    TricycleNumberTaken,
    TricycleRetired,
)
from services.registry.errors.places import (
    AreaClosed,
    AreaCodeTaken,
    AreaVersionOverlap,
    FacilityCodeTaken,
    StageOutOfOrder,
    UnitCodeTaken,
    UnitServiceConflict,
)
from services.registry.errors.supervision import (
    AppealDecided,
    AppealMade,
    AppealMissing,
    AppealTooLate,
    AssessmentDiffers,
    AssessmentPublished,
    ComplaintStep,
    ComplaintUnmatched,
    SameOfficial,
    StatementDecided,
    StatementSuperseded,
)
from services.shared.errors import Conflict, Forbidden, Unauthorized, Unprocessable

__all__ = [
    "AppealDecided",
    "AppealMade",
    "AppealMissing",
    "AppealTooLate",
    "ApplicationDecided",
    "ApplicationOpen",
    "AreaClosed",
    "AreaCodeTaken",
    "AreaVersionOverlap",
    "AssessmentDiffers",
    "AssessmentPublished",
    "AuthorityNotConfigured",
    "CertificateStands",
    "CertificateWithdrawn",
    "ClientDisabled",
    "ComplaintStep",
    "ComplaintUnmatched",
    "CredentialsCollected",
    "DemoRefused",
    "DocumentRefused",
    "DriverEnded",
    "DriverRegistered",
    "EnterpriseRegistered",
    "EnterpriseSuspended",
    "ExportsBusy",
    "FacilityCodeTaken",
    "FileRefused",
    "ImportDamaged",
    "ImportNotReady",
    "PlateRegistered",
    "RacedByAnother",
    "RiderUnavailable",
    "RowsRefused",
    "SameOfficial",
    "SignInRefused",
    "StageOutOfOrder",
    "StandingUnchanged",
    "StatementDecided",
    "StatementSuperseded",
    "SubjectChanged",
    "TooManyDocuments",
    "TooManyImports",
    "TricycleFiled",
    "TricycleNumberTaken",
    "TricycleRetired",
    "UnitCodeTaken",
    "UnitServiceConflict",
    "UsernameTaken",
    "VehicleEnded",
    "VerificationEnded",
]


class EnterpriseSuspended(Forbidden):
    """Only an active enterprise may write."""

    slug: ClassVar[str] = "enterprise-suspended"
    title_zh: ClassVar[str] = "企业非正常状态，不能办理"
    title_en: ClassVar[str] = "The enterprise is not active"


class SignInRefused(Unauthorized):
    """Unknown account, wrong password or disabled account: never told apart."""

    slug: ClassVar[str] = "sign-in-refused"
    title_zh: ClassVar[str] = "用户名或密码错误"
    title_en: ClassVar[str] = "User name or password is wrong"


class UsernameTaken(Conflict):
    """Another staff account has this user name."""

    slug: ClassVar[str] = "username-taken"
    title_zh: ClassVar[str] = "用户名已被使用"
    title_en: ClassVar[str] = "User name is taken"


class ApplicationDecided(Conflict):
    """The application has been approved or rejected already."""

    slug: ClassVar[str] = "application-decided"
    title_zh: ClassVar[str] = "该申请已办结"
    title_en: ClassVar[str] = "The application has been decided"


class ApplicationOpen(Conflict):
    """No credentials before approval."""

    slug: ClassVar[str] = "application-not-approved"
    title_zh: ClassVar[str] = "该申请尚未批准"
    title_en: ClassVar[str] = "The application is not approved"


class CredentialsCollected(Conflict):
    """Credentials are handed out once."""

    slug: ClassVar[str] = "credentials-collected"
    title_zh: ClassVar[str] = "凭证已被领取"
    title_en: ClassVar[str] = "The credentials have been collected"


class EnterpriseRegistered(Conflict):
    """An enterprise with this USCC that is not closed exists."""

    slug: ClassVar[str] = "enterprise-registered"
    title_zh: ClassVar[str] = "该统一社会信用代码的企业已登记"
    title_en: ClassVar[str] = "An enterprise with this USCC is registered"


class StandingUnchanged(Conflict):
    """The enterprise's standing does not allow this step."""

    slug: ClassVar[str] = "standing-conflict"
    title_zh: ClassVar[str] = "企业当前状态不允许此操作"
    title_en: ClassVar[str] = "The enterprise's standing does not allow this"


class DemoRefused(Unprocessable):
    """Demonstration tenants exist only in the demo profile."""

    slug: ClassVar[str] = "demo-refused"
    title_zh: ClassVar[str] = "生产环境不接受演示企业"
    title_en: ClassVar[str] = "No demonstration tenants in production"


class PlateRegistered(Conflict):
    """The plate and colour are registered in this interval; by whom is not told."""

    slug: ClassVar[str] = "plate-registered"
    title_zh: ClassVar[str] = "该号牌在此期间已登记"
    title_en: ClassVar[str] = "This plate is registered in this period"


class DocumentRefused(Unprocessable):
    """The bytes are not what they are said to be."""

    slug: ClassVar[str] = "document-refused"
    title_zh: ClassVar[str] = "材料文件不符合要求"
    title_en: ClassVar[str] = "The file is not accepted"


class TooManyDocuments(Conflict):
    """An applicant may upload so many and no more."""

    slug: ClassVar[str] = "too-many-documents"
    title_zh: ClassVar[str] = "材料份数已达上限"
    title_en: ClassVar[str] = "No more documents can be added"


class CertificateWithdrawn(Conflict):
    """The certificate does not count any more."""

    slug: ClassVar[str] = "certificate-withdrawn"
    title_zh: ClassVar[str] = "该证照记录已撤销"
    title_en: ClassVar[str] = "The certificate has been withdrawn"


class CertificateStands(Conflict):
    """A firm would take out of the count what an office recorded, or what has run out."""

    slug: ClassVar[str] = "certificate-stands"
    title_zh: ClassVar[str] = "该证照由主管部门登记或已到期，企业不能撤销；到期请登记新证照"
    title_en: ClassVar[str] = "An office recorded this certificate or it has run out: record the renewed one"


class VerificationEnded(Conflict):
    """The verification is not in force."""

    slug: ClassVar[str] = "verification-ended"
    title_zh: ClassVar[str] = "该核验已失效"
    title_en: ClassVar[str] = "The verification is not in force"


class VehicleEnded(Conflict):
    """The registration has ended or would end before it began."""

    slug: ClassVar[str] = "vehicle-ended"
    title_zh: ClassVar[str] = "车辆登记已终止"
    title_en: ClassVar[str] = "The vehicle's registration has ended"


class ClientDisabled(Conflict):
    """The client or account is disabled."""

    slug: ClassVar[str] = "client-disabled"
    title_zh: ClassVar[str] = "客户端或账号已停用"
    title_en: ClassVar[str] = "The client or account is disabled"


class AuthorityNotConfigured(Conflict):
    """There are no credentials for the authority's interface, so it is not asked."""

    slug: ClassVar[str] = "authority-not-configured"
    title_zh: ClassVar[str] = "未配置主管部门接口"
    title_en: ClassVar[str] = "The authority's interface is not configured"


class SubjectChanged(Conflict):
    """What the authority was asked about was edited while it answered."""

    slug: ClassVar[str] = "subject-changed"
    title_zh: ClassVar[str] = "核验期间登记信息已变更，请重试"
    title_en: ClassVar[str] = "The record changed while the authority was asked; try again"
