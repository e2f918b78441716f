"""Time zone of Chinese cities: one zone, no daylight saving (GB/T 7408, Beijing time)."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

CITY_ZONE = ZoneInfo("Asia/Shanghai")


def city_day(at: datetime) -> date:
    """Return the day it is in the city at an instant."""
    return at.astimezone(CITY_ZONE).date()
