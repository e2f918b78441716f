"""Time zone of Chinese cities: one zone, no daylight saving (GB/T 7408, Beijing time)."""

from zoneinfo import ZoneInfo

CITY_ZONE = ZoneInfo("Asia/Shanghai")
