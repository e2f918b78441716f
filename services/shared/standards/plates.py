"""Number plates and plate colours (`domain.md` §3.2, §3.3)."""

import re
from enum import IntEnum, StrEnum
from typing import Final

from services.shared.standards.check import TOO_LONG, Check, Reason, accept, fold, reject

PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_DOTS: Final = "·•‧∙⋅・･．."
_PREFIX: Final = f"[{PROVINCES}][A-HJ-NP-Z]"
_ANY: Final = "[A-HJ-NP-Z0-9]"
_SMALL_NEV: Final = re.compile(rf"{_PREFIX}([A-HJ-NP-Z]){_ANY}[0-9]{{4}}")
_LARGE_NEV: Final = re.compile(rf"{_PREFIX}[0-9]{{5}}([A-HJ-NP-Z])")
_ORDINARY: Final = re.compile(rf"{_PREFIX}{_ANY}{{4}}([A-HJ-NP-Z0-9挂学警港澳])")
# Embassies and consulates (GA 36): the mission's number and the vehicle's, digits only.
_EMBASSY: Final = re.compile("使[0-9]{6}|[0-9]{6}使")
_CONSULATE: Final = re.compile(rf"[{PROVINCES}][0-9]{{4,6}}领")
_NEV_SERIES: Final = frozenset("ABCDEFGHJK")


class PlateColor(IntEnum):
    """Plate colour codes of wlhy and JT/T 809, with JT/T 808's 0 for unplated."""

    UNPLATED = 0
    BLUE = 1
    YELLOW = 2
    BLACK = 3
    WHITE = 4
    GREEN = 5
    OTHER = 9
    FARM_YELLOW = 91
    FARM_GREEN = 92
    YELLOW_GREEN = 93
    GRADIENT_GREEN = 94


PLATE_COLOR_NAMES: Final[dict[PlateColor, tuple[str, str]]] = {
    PlateColor.UNPLATED: ("未上牌", "unplated"),
    PlateColor.BLUE: ("蓝色", "blue"),
    PlateColor.YELLOW: ("黄色", "yellow"),
    PlateColor.BLACK: ("黑色", "black"),
    PlateColor.WHITE: ("白色", "white"),
    PlateColor.GREEN: ("绿色", "green"),
    PlateColor.OTHER: ("其他", "other"),
    PlateColor.FARM_YELLOW: ("农黄色", "farm yellow"),
    PlateColor.FARM_GREEN: ("农绿色", "farm green"),
    PlateColor.YELLOW_GREEN: ("黄绿色", "yellow-green"),
    PlateColor.GRADIENT_GREEN: ("渐变绿色", "gradient green"),
}
"""Chinese and English name of each colour."""


class PlateKind(StrEnum):
    """Class of a plate, read from its text alone."""

    ORDINARY = "ordinary"
    SMALL_NEV = "small_nev"
    LARGE_NEV = "large_nev"
    TRAILER = "trailer"
    LEARNER = "learner"
    POLICE = "police"
    HONG_KONG = "hong_kong"
    MACAU = "macau"
    EMBASSY = "embassy"
    CONSULATE = "consulate"


PLATE_KIND_NAMES: Final[dict[PlateKind, tuple[str, str]]] = {
    PlateKind.ORDINARY: ("普通号牌", "ordinary"),
    PlateKind.SMALL_NEV: ("小型新能源汽车号牌", "small new-energy vehicle"),
    PlateKind.LARGE_NEV: ("大型新能源汽车号牌", "large new-energy vehicle"),
    PlateKind.TRAILER: ("挂车号牌", "trailer"),
    PlateKind.LEARNER: ("教练汽车号牌", "learner vehicle"),
    PlateKind.POLICE: ("警用汽车号牌", "police vehicle"),
    PlateKind.HONG_KONG: ("香港入出境车号牌", "Hong Kong cross-border vehicle"),
    PlateKind.MACAU: ("澳门入出境车号牌", "Macau cross-border vehicle"),
    PlateKind.EMBASSY: ("使馆汽车号牌", "embassy vehicle"),
    PlateKind.CONSULATE: ("领馆汽车号牌", "consulate vehicle"),
}
"""Chinese and English name of each class."""


_SUFFIX_KINDS: Final = {
    "挂": PlateKind.TRAILER,
    "学": PlateKind.LEARNER,
    "警": PlateKind.POLICE,
    "港": PlateKind.HONG_KONG,
    "澳": PlateKind.MACAU,
}
_FORMAT: Final = Reason("plate.format", "号牌号码格式不正确", "not a number plate")
_NEV_LETTER: Final = Reason(
    "plate.nev_letter",
    "新能源号牌字母不在已知序列（A–H、J、K）中",
    "the new-energy letter is outside the known series A-H, J, K",
)
_COLOR_UNKNOWN: Final = Reason("plate.color_unknown", "未知的号牌颜色代码", "unknown plate colour code")
_COLOR_NOT_NEV: Final = Reason(
    "plate.color_mismatch",
    "8位新能源号牌的颜色应为93（黄绿）或94（渐变绿）",
    "an 8-character new-energy plate has colour 93 or 94",
)
_COLOR_NEV: Final = Reason(
    "plate.color_mismatch",
    "颜色93、94只用于8位新能源号牌",
    "colours 93 and 94 belong to 8-character new-energy plates",
)
_COLOR_SIZE: Final = Reason(
    "plate.color_mismatch",
    "小型新能源号牌为94（渐变绿），大型为93（黄绿）",
    "a small new-energy plate has colour 94, a large one 93",
)
_COLOR_UNPLATED: Final = Reason(
    "plate.color_mismatch",
    "颜色0表示未上牌，但填写了号牌号码",
    "colour 0 means unplated, yet a plate is given",
)


_CHARACTERS: Final = re.compile(f"[{PROVINCES}挂学警港澳使领A-Z0-9]+")


def is_in_plates(fragment: str) -> bool:
    """Tell whether a canonical text holds only characters that occur in plates."""
    return _CHARACTERS.fullmatch(fragment) is not None


def normalise_plate(text: str) -> str | None:
    """Fold a written plate to its canonical text (no dot, space or hyphen); None when it is too long."""
    return fold(text, also_drop=_DOTS)


def classify_plate(text: str) -> PlateKind | None:
    """Tell the class of a plate, or None when the text is not a plate."""
    plate = normalise_plate(text)
    if plate is None:
        return None
    if _SMALL_NEV.fullmatch(plate):
        return PlateKind.SMALL_NEV
    if _LARGE_NEV.fullmatch(plate):
        return PlateKind.LARGE_NEV
    ordinary = _ORDINARY.fullmatch(plate)
    if ordinary:
        return _SUFFIX_KINDS.get(ordinary[1], PlateKind.ORDINARY)
    if _EMBASSY.fullmatch(plate):
        return PlateKind.EMBASSY
    return PlateKind.CONSULATE if _CONSULATE.fullmatch(plate) else None


def check_plate(text: str, color: int | None = None) -> Check:
    """Check a plate, and against its colour where one is given (a mismatch only warns)."""
    plate = normalise_plate(text)
    if plate is None:
        return reject(TOO_LONG)
    kind = classify_plate(plate)
    if kind is None:
        return reject(_FORMAT)
    if color is not None and not is_plate_color(color):
        return reject(_COLOR_UNKNOWN)
    nev = _SMALL_NEV.fullmatch(plate) or _LARGE_NEV.fullmatch(plate)
    letter = (_NEV_LETTER,) if nev and nev[1] not in _NEV_SERIES else ()
    return accept(plate, *letter, *(() if color is None else color_warnings(kind, PlateColor(color))))


def is_plate_color(code: int) -> bool:
    """Tell whether the number is a plate colour code."""
    return code in PLATE_COLOR_NAMES


def color_warnings(kind: PlateKind, color: PlateColor) -> tuple[Reason, ...]:
    """Cross-check class and colour: 8 characters if and only if 93 or 94 (`domain.md` §3.2)."""
    if color is PlateColor.UNPLATED:
        return (_COLOR_UNPLATED,)
    is_nev_color = color in {PlateColor.YELLOW_GREEN, PlateColor.GRADIENT_GREEN}
    if kind not in {PlateKind.SMALL_NEV, PlateKind.LARGE_NEV}:
        return (_COLOR_NEV,) if is_nev_color else ()
    if not is_nev_color:
        return (_COLOR_NOT_NEV,)
    is_small = kind is PlateKind.SMALL_NEV
    return () if is_small == (color is PlateColor.GRADIENT_GREEN) else (_COLOR_SIZE,)
