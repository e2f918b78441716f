"""What is refused about imports and exports."""

from typing import ClassVar

from services.shared.errors import Conflict, TooManyRequests, Unprocessable


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
