"""Days of the city's calendar in queries."""

from datetime import date
from typing import Annotated

from fastapi import Depends, Query

from services.registry.schemas.fields import Day
from services.shared.clock import Now
from services.shared.standards.zones import city_day


async def _today(now: Now) -> date:
    return city_day(now)


Today = Annotated[date, Depends(_today)]
"""The day it is in the city."""


async def _on_day(
    today: Today, at: Annotated[Day | None, Query(description="A day, YYYY-MM-DD; default: today.")] = None
) -> date:
    return at or today


OnDay = Annotated[date, Depends(_on_day)]
"""The day of `?at=`, today without one."""
