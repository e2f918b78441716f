"""Terminals' health over HTTP."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from services.shared.schemas import Instant, Out

ReportingKind = Literal["mqtt", "jt808", "owntracks"]
"""Kinds of terminals that report of themselves; a bridge passes on what others report."""
Fault = Literal["silence", "clock_offset", "clock_drift", "jumps", "quarantine", "restarts"]


class TerminalHealthOut(Out):
    """What reception tells of a terminal; days are the city's."""

    terminal_id: UUID
    terminal_number: str
    enterprise_id: UUID
    kind: str = Field(examples=["mqtt"])
    status: Literal["pending", "active"]
    provisioned_at: Instant = Field(description="启用时间 / Since when it is in use: its age.")
    heard_at: Instant | None = Field(description="When anything of it was last received, good or bad.")
    silence_s: float | None = Field(description="Seconds since; null when nothing ever came.")
    band: str = Field(
        description="静默时段 / Band of silence, as the city profile has them; `longer`, `never` heard.",
        examples=["online"],
    )
    last_fix_at: Instant | None = Field(description="Time of its newest good fix, by its own clock.")
    clock_offset_s: float | None = Field(
        description="Median of received_at − time over the newest fix of each of the last fifteen minutes of"
        " reception: positive when its clock is behind, the way of the message included."
    )
    clock_drift_s_per_day: float | None = Field(
        description="Trend of the offset over the last 48 hours of reception; null before six of them."
    )
    soc_pct: float | None = Field(description="Battery, as of its newest fix, where it says so.")
    steps_today: int = Field(description="Steps from one newest position to the next.")
    jumps_today: int = Field(description="Those that nothing can have driven.")
    jump_share: float | None = Field(description="Null while the steps are too few to judge.")
    restarts_today: int = Field(description="Times its boot counter was seen to grow.")
    received_today: int
    quarantined_today: int
    quarantine_share: float | None = Field(description="Null while too few were received to judge.")
    faults: list[Fault] = Field(description="What is beyond the city's limits.")


class SilenceBandOut(Out):
    """Terminals whose silence lies in one band."""

    band: str
    up_to_minutes: float | None = Field(description="Null for `longer` and `never`.")
    terminals: int


class OnlineRateOut(Out):
    """Terminals in use of one enterprise and kind."""

    enterprise_id: UUID
    enterprise_name: str | None
    kind: str
    terminals: int
    online: int
    online_rate: float = Field(description="在线率 / Online terminals ÷ terminals in use.")
    faulty: int = Field(description="Terminals with a fault other than silence.")
    bands: list[SilenceBandOut] = Field(description="Every band, the shortest silence first.")
