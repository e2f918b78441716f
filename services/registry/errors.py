"""What the registry refuses, each with its status and slug."""

from typing import ClassVar

from services.shared.errors import Conflict, Forbidden, TooManyRequests, Unauthorized, Unprocessable


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


class ClientDisabled(Conflict):
    """The client or account is disabled."""

    slug: ClassVar[str] = "client-disabled"
    title_zh: ClassVar[str] = "客户端或账号已停用"
    title_en: ClassVar[str] = "The client or account is disabled"


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


# Supervision: operating statements, assessments, complaints.


class StatementSuperseded(Conflict):
    """A later revision stands in its place."""

    slug: ClassVar[str] = "statement-superseded"
    title_zh: ClassVar[str] = "该月报已被新版本取代"
    title_en: ClassVar[str] = "A later revision has superseded the statement"


class StatementDecided(Conflict):
    """The revision has been accepted or returned already."""

    slug: ClassVar[str] = "statement-decided"
    title_zh: ClassVar[str] = "该月报已审核"
    title_en: ClassVar[str] = "The statement has been decided"


class AssessmentDiffers(Conflict):
    """The same assessment was received with other content, and what was received never changes."""

    slug: ClassVar[str] = "assessment-differs"
    title_zh: ClassVar[str] = "同一考核结果已接收且内容不同"
    title_en: ClassVar[str] = "The assessment was received before with other content"


class AssessmentPublished(Conflict):
    """Published once."""

    slug: ClassVar[str] = "assessment-published"
    title_zh: ClassVar[str] = "该考核结果已公布"
    title_en: ClassVar[str] = "The assessment has been published"


class AppealTooLate(Conflict):
    """The time for an appeal is over."""

    slug: ClassVar[str] = "appeal-too-late"
    title_zh: ClassVar[str] = "申诉期限已过"
    title_en: ClassVar[str] = "The time for an appeal is over"


class AppealMade(Conflict):
    """One appeal for one assessment."""

    slug: ClassVar[str] = "appeal-made"
    title_zh: ClassVar[str] = "已就该考核结果提出申诉"
    title_en: ClassVar[str] = "An appeal has been made"


class AppealMissing(Conflict):
    """There is no appeal to decide about."""

    slug: ClassVar[str] = "appeal-missing"
    title_zh: ClassVar[str] = "该考核结果没有申诉"
    title_en: ClassVar[str] = "There is no appeal"


class AppealDecided(Conflict):
    """The appeal has been decided already."""

    slug: ClassVar[str] = "appeal-decided"
    title_zh: ClassVar[str] = "该申诉已办结"
    title_en: ClassVar[str] = "The appeal has been decided"


class SameOfficial(Forbidden):
    """Whoever published an assessment does not decide about the appeal against it."""

    slug: ClassVar[str] = "same-official"
    title_zh: ClassVar[str] = "申诉须由公布人以外的工作人员办理"
    title_en: ClassVar[str] = "Another official than the publisher must decide"


class ComplaintStep(Conflict):
    """The complaint's present status does not allow this step."""

    slug: ClassVar[str] = "complaint-step"
    title_zh: ClassVar[str] = "投诉当前状态不允许此操作"
    title_en: ClassVar[str] = "The complaint's status does not allow this"


class ComplaintUnmatched(Conflict):
    """No firm of the registry is known to ask."""

    slug: ClassVar[str] = "complaint-unmatched"
    title_zh: ClassVar[str] = "投诉尚未对应到登记企业"
    title_en: ClassVar[str] = "The complaint names no registered firm"


# People and tricycles.


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


class AuthorityNotConfigured(Conflict):
    """There are no credentials for the authority's interface, so it is not asked."""

    slug: ClassVar[str] = "authority-not-configured"
    title_zh: ClassVar[str] = "未配置主管部门接口"
    title_en: ClassVar[str] = "The authority's interface is not configured"


# Imports and exports.


class FileRefused(Unprocessable):
    """The uploaded file is not one that can be imported."""

    slug: ClassVar[str] = "file-refused"
    title_zh: ClassVar[str] = "导入文件不符合要求"
    title_en: ClassVar[str] = "The file is not accepted"


class TooManyImports(Conflict):
    """So many files may be open at once; apply or withdraw one."""

    slug: ClassVar[str] = "too-many-imports"
    title_zh: ClassVar[str] = "未办结的导入过多，请先应用或撤回"
    title_en: ClassVar[str] = "Too many imports are open; apply or withdraw some"


class ImportNotReady(Conflict):
    """The import is not checked yet, or has ended otherwise."""

    slug: ClassVar[str] = "import-not-ready"
    title_zh: ClassVar[str] = "导入当前状态不允许此操作"
    title_en: ClassVar[str] = "The import's status does not allow this"


class RowsRefused(Conflict):
    """Some rows cannot be taken and nobody said to leave them out."""

    slug: ClassVar[str] = "rows-refused"
    title_zh: ClassVar[str] = "有不能导入的行"
    title_en: ClassVar[str] = "Some rows are refused"


class ImportDamaged(Conflict):
    """What was kept of an import is not what was taken in."""

    slug: ClassVar[str] = "import-damaged"
    title_zh: ClassVar[str] = "导入内容已损坏或规则已更改，请重新上传"
    title_en: ClassVar[str] = "The import is damaged or the rules have changed; upload it again"


class RacedByAnother(Conflict):
    """A row changed between reading and writing; the work is begun again."""

    slug: ClassVar[str] = "raced-by-another"
    title_zh: ClassVar[str] = "数据同时被他人修改"
    title_en: ClassVar[str] = "Another change came between"


class ExportsBusy(TooManyRequests):
    """So many exports may run at once."""

    slug: ClassVar[str] = "exports-busy"
    title_zh: ClassVar[str] = "导出任务过多，请稍后再试"
    title_en: ClassVar[str] = "Too many exports are running"


class SubjectChanged(Conflict):
    """What the authority was asked about was edited while it answered."""

    slug: ClassVar[str] = "subject-changed"
    title_zh: ClassVar[str] = "核验期间登记信息已变更，请重试"
    title_en: ClassVar[str] = "The record changed while the authority was asked; try again"
