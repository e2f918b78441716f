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
