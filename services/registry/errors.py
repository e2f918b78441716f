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
