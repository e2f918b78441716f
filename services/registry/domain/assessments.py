"""Assessment 考核 of delivery firms: grades, their consequences, and the time for an appeal ([DEF])."""

from datetime import datetime, time, timedelta, tzinfo
from typing import Annotated, Final, Literal

from pydantic import Field

from services.shared.schemas import Strict, Text

Grade = Literal["A", "B", "C", "D"]
"""A is best (`domain.md` §5, 城市配送企业考核管理办法)."""

Outcome = Literal["upheld", "amended"]
"""Of an appeal: the grade stays, or the firm gets a better one."""

Stage = Literal["received", "published", "appealed", "upheld", "amended"]
"""How far an assessment is."""

GRADE_NAMES: Final[dict[Grade, tuple[str, str]]] = {
    "A": ("优秀", "excellent"),
    "B": ("良好", "good"),
    "C": ("合格", "sufficient"),
    "D": ("不合格", "insufficient"),
}
"""Chinese and English names."""


class Consequence(Strict):
    """What a grade leads to."""

    permit_quota_pct: Annotated[int, Field(ge=0, le=100, description="Share of the permit quota, per cent.")]
    advise_suspension: Annotated[bool, Field(description="The office is advised to suspend the firm.")]
    zh: Annotated[Text, Field(min_length=1, description="In Chinese, for the firm.")]
    en: Annotated[Text, Field(min_length=1, description="In English, for the firm.")]


class Grades(Strict):
    """The consequences of every grade."""

    A: Consequence
    B: Consequence
    C: Consequence
    D: Consequence


class ConsequenceScheme(Strict):
    """One version of the city's consequences (`assessment_consequences.json`)."""

    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    source: Annotated[Text, Field(min_length=1)]
    appeal_days: Annotated[int, Field(ge=1, le=365)]
    grades: Grades

    def of(self, grade: str) -> Consequence:
        """Return what a grade leads to."""
        found: Consequence = getattr(self.grades, grade)
        return found


def appeal_end(published_at: datetime, days: int, zone: tzinfo) -> datetime:
    """Return the first instant at which an appeal is too late: the end of the last day in the city."""
    last = published_at.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(last + timedelta(days=1), time(), zone)


def is_better(grade: str, present: str) -> bool:
    """Tell whether a grade is better than another; an appeal never makes a firm's grade worse."""
    return grade < present


def stage_of(*, published: bool, appealed: bool, outcome: Outcome | None) -> Stage:
    """Return how far an assessment is."""
    if not published:
        return "received"
    if not appealed:
        return "published"
    return outcome or "appealed"
