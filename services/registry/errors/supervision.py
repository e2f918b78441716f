"""What is refused about operating statements, assessments and complaints."""

from typing import ClassVar

from services.shared.errors import Conflict, Forbidden


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
