"""Administrative divisions (GB/T 2260): the provinces, and a table type for one city's counties.

The city's own codes are data of its profile (`city/<name>/divisions.csv`), read at set-up and handed in here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

PROVINCES: Final[Mapping[str, str]] = {
    "11": "北京市",
    "12": "天津市",
    "13": "河北省",
    "14": "山西省",
    "15": "内蒙古自治区",
    "21": "辽宁省",
    "22": "吉林省",
    "23": "黑龙江省",
    "31": "上海市",
    "32": "江苏省",
    "33": "浙江省",
    "34": "安徽省",
    "35": "福建省",
    "36": "江西省",
    "37": "山东省",
    "41": "河南省",
    "42": "湖北省",
    "43": "湖南省",
    "44": "广东省",
    "45": "广西壮族自治区",
    "46": "海南省",
    "50": "重庆市",
    "51": "四川省",
    "52": "贵州省",
    "53": "云南省",
    "54": "西藏自治区",
    "61": "陕西省",
    "62": "甘肃省",
    "63": "青海省",
    "64": "宁夏回族自治区",
    "65": "新疆维吾尔自治区",
    "71": "台湾省",
    "81": "香港特别行政区",
    "82": "澳门特别行政区",
}
"""First two digits of every code, with the name."""

_CODE: Final = re.compile("[1-9][0-9]{5}")


@dataclass(frozen=True, slots=True)
class Division:
    """One code in one span of years; `successor` is the code that took over when it ended."""

    code: str
    name: str
    from_year: int
    to_year: int | None = None
    successor: str | None = None
    name_en: str = ""


def is_division_code(text: str) -> bool:
    """Tell whether the text has the form of a county-level code of a known province."""
    return _CODE.fullmatch(text) is not None and text[:2] in PROVINCES


def parse_divisions(rows: Iterable[Mapping[str, str]]) -> tuple[Division, ...]:
    """Read rows: code, name, from_year, and to_year, successor, name_en, which may be empty.

    Raises:
        ValueError: for a code that is none, a year that is no number, or a missing column.
    """
    divisions = []
    for row in rows:
        try:
            code, name, first = row["code"], row["name"], int(row["from_year"])
        except KeyError as error:
            raise ValueError(f"division without {error}") from error
        if not is_division_code(code):
            raise ValueError(f"not a division code: {code!r}")
        last = int(row["to_year"]) if row.get("to_year") else None
        name_en = row.get("name_en") or ""
        divisions.append(Division(code, name, first, last, row.get("successor") or None, name_en))
    return tuple(divisions)


class DivisionTable:
    """The divisions of one city, present and past."""

    def __init__(self, divisions: Iterable[Division]) -> None:
        self.divisions = tuple(divisions)
        self._by_code: dict[str, list[Division]] = {}
        for division in self.divisions:
            self._by_code.setdefault(division.code, []).append(division)
        self._cities = {division.code[:4] for division in self.divisions}

    def in_city(self, code: str) -> bool:
        """Tell whether the code lies within the city, whether or not it was ever given out."""
        return code[:4] in self._cities

    def ever(self, code: str) -> bool:
        """Tell whether the code is or was in force."""
        return code in self._by_code

    def current(self, code: str) -> str | None:
        """Follow successors to the code in force now; None when the code is unknown or ended without one."""
        seen: set[str] = set()
        while code not in seen:
            seen.add(code)
            versions = self._by_code.get(code, [])
            if any(division.to_year is None for division in versions):
                return code
            code = next((division.successor for division in versions if division.successor), code)
        return None

    def name(self, code: str, year: int | None = None) -> str | None:
        """Name of a code in a year (the latest name without one)."""
        versions = self._by_code.get(code, [])
        if year is not None:
            versions = [
                d for d in versions if d.from_year <= year and (d.to_year is None or year <= d.to_year)
            ]
        return max(versions, key=lambda division: division.from_year).name if versions else None
