"""Errors of the telemetry service."""

from services.shared.errors import Conflict, NotFound, TooManyRequests, Unavailable, Unprocessable


class TerminalNotFound(NotFound):
    """Unknown terminal, or not the caller's."""

    slug = "terminal-not-found"
    title_zh, title_en = "终端不存在", "Terminal not found"


class VehicleNotFound(NotFound):
    """Unknown vehicle, or not the caller's."""

    slug = "vehicle-not-found"
    title_zh, title_en = "车辆不存在", "Vehicle not found"


class TerminalNumberTaken(Conflict):
    """Another terminal has this number."""

    slug = "terminal-number-taken"
    title_zh, title_en = "终端编号已被占用", "Terminal number already taken"


class BindingOverlap(Conflict):
    """The terminal, or the vehicle's primary place, is taken in this interval."""

    slug = "binding-overlap"
    title_zh, title_en = "绑定时段重叠", "Binding overlaps another one"


class TerminalRevoked(Conflict):
    """The terminal's credential has been revoked for good."""

    slug = "terminal-revoked"
    title_zh, title_en = "终端已注销", "Terminal has been revoked"


class EnterpriseUnknown(Unprocessable):
    """No active enterprise is known under this id."""

    slug = "enterprise-unknown"
    title_zh, title_en = "企业不存在或未启用", "Enterprise unknown or not active"


class TerminalNumberInvalid(Unprocessable):
    """The number is not one a terminal may have."""

    slug = "terminal-number-invalid"
    title_zh, title_en = "终端编号不合法", "Terminal number not allowed"


class TerminalKindInvalid(Unprocessable):
    """A terminal of this kind does not have one of the members given."""

    slug = "terminal-kind-invalid"
    title_zh, title_en = "终端类型与所填内容不符", "Not a member of this kind of terminal"


class PurposeRequired(Unprocessable):
    """Police and bureaus read positions for a stated purpose only."""

    slug = "purpose-required"
    title_zh, title_en = "须说明查询用途", "A purpose must be stated"


class RangeTooLong(Unprocessable):
    """The interval asked for is empty or too long."""

    slug = "time-range-invalid"
    title_zh, title_en = "时间范围不合法", "Time range not allowed"


class BrokerNotReady(Unavailable):
    """The credential is stored, and the broker has not loaded it in time."""

    slug = "broker-not-ready"
    title_zh, title_en = "消息代理尚未加载凭据", "The broker has not loaded the credential yet"


class CommandNotFound(NotFound):
    """Unknown command, or not of this terminal."""

    slug = "command-not-found"
    title_zh, title_en = "指令不存在", "Command not found"


class CommandInvalid(Unprocessable):
    """The terminal cannot be told this."""

    slug = "command-invalid"
    title_zh, title_en = "指令不合法", "Command not allowed"


class TooManyCommands(Conflict):
    """As many commands wait for this terminal as may."""

    slug = "too-many-commands"
    title_zh, title_en = "待执行指令过多", "Too many commands are waiting"


class PositionsUnreadable(Unprocessable):
    """The body is in none of the forms a position may have."""

    slug = "positions-unreadable"
    title_zh, title_en = "位置数据无法识别", "No position in a known form"


class AlertNotFound(NotFound):
    """Unknown alert, or not the caller's."""

    slug = "alert-not-found"
    title_zh, title_en = "报警不存在", "Alert not found"


class AlertRuleNotFound(NotFound):
    """Unknown alert rule, or not the caller's to change."""

    slug = "alert-rule-not-found"
    title_zh, title_en = "报警规则不存在", "Alert rule not found"


class AlertAcknowledged(Conflict):
    """Somebody has taken note of the alert already."""

    slug = "alert-acknowledged"
    title_zh, title_en = "报警已确认", "Alert already acknowledged"


class AlertRuleEnded(Conflict):
    """A rule that has ended is not changed any more."""

    slug = "alert-rule-ended"
    title_zh, title_en = "报警规则已停用", "Alert rule has ended"


class TooManyAlertRules(Conflict):
    """As many rules are in force as one party may have."""

    slug = "too-many-alert-rules"
    title_zh, title_en = "报警规则数量已达上限", "As many alert rules as allowed"


class AreaUnknown(Unprocessable):
    """No such area is known."""

    slug = "area-unknown"
    title_zh, title_en = "区域不存在", "Area unknown"


class QuarantinedNotFound(NotFound):
    """Nothing of the caller's is in quarantine under this id."""

    slug = "quarantined-position-not-found"
    title_zh, title_en = "隔离记录不存在", "Quarantined position not found"


class ReleaseNotFound(NotFound):
    """Unknown release, or not the caller's."""

    slug = "quarantine-release-not-found"
    title_zh, title_en = "复核任务不存在", "Release not found"


class TileNotThere(Unprocessable):
    """There is no tile of this number."""

    slug = "tile-out-of-range"
    title_zh, title_en = "瓦片编号超出范围", "No such tile"


class TooManyStreams(TooManyRequests):
    """The caller has as many streams open as it may."""

    slug = "too-many-streams"
    title_zh, title_en = "实时连接过多", "Too many open streams"


class StreamsFull(Unavailable):
    """This process holds as many streams as it can."""

    slug = "streams-full"
    title_zh, title_en = "实时连接已满", "No stream is free"


class DensitiesBusy(Unavailable):
    """Another count goes on, or this one took too long."""

    slug = "densities-busy"
    title_zh, title_en = "密度统计繁忙", "Densities are being counted"


class TooManyReleases(Conflict):
    """As many of the owner's releases are open as may be."""

    slug = "too-many-quarantine-releases"
    title_zh, title_en = "未完成的复核任务过多", "Too many releases are open"


class LegalHoldNotFound(NotFound):
    """Unknown hold, or one that another office has placed and alone may lift."""

    slug = "legal-hold-not-found"
    title_zh, title_en = "证据保全不存在", "Legal hold not found"


class LegalHoldLifted(Conflict):
    """The hold has been lifted already."""

    slug = "legal-hold-lifted"
    title_zh, title_en = "证据保全已解除", "Legal hold already lifted"


class BandUnknown(Unprocessable):
    """The city profile has no such band of silence."""

    slug = "silence-band-unknown"
    title_zh, title_en = "静默时段不存在", "No such band of silence"
