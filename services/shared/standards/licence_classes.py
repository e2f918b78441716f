"""Classes a driving licence permits 准驾车型 (机动车驾驶证申领和使用规定, 公安部令第162号, annex 1).

A licence shows one or several codes written together: `A2D`, `C1`, `B2E`.
"""

import re
from typing import Final

from services.shared.standards.check import TOO_LONG, Check, Reason, accept, fold, reject

LICENCE_CLASSES: Final[dict[str, tuple[str, str]]] = {
    "A1": ("大型客车", "large bus"),
    "A2": ("重型牵引挂车", "heavy articulated vehicle"),
    "A3": ("城市公交车", "city bus"),
    "B1": ("中型客车", "medium bus"),
    "B2": ("大型货车", "heavy and medium truck"),
    "C1": ("小型汽车", "small vehicle, light truck"),
    "C2": ("小型自动挡汽车", "small vehicle, automatic"),
    "C3": ("低速载货汽车", "low-speed truck"),
    "C4": ("三轮汽车", "three-wheeled vehicle"),
    "C5": ("残疾人专用小型自动挡载客汽车", "small automatic car for the disabled"),
    "C6": ("轻型牵引挂车", "light articulated vehicle"),
    "D": ("普通三轮摩托车", "three-wheeled motorcycle"),
    "E": ("普通二轮摩托车", "motorcycle"),
    "F": ("轻便摩托车", "moped"),
    "M": ("轮式专用机械车", "wheeled special machine"),
    "N": ("无轨电车", "trolleybus"),
    "P": ("有轨电车", "tram"),
}
"""Code → Chinese and English names."""

_HEAVY: Final = frozenset({"A1", "A2", "B2"})
_WRITTEN: Final = re.compile("(?:A[1-3]|B[12]|C[1-6]|[DEFMNP])+")
_ONE: Final = re.compile("[ABC][1-6]|[DEFMNP]")
_DIVIDERS: Final = ",，、/;+"

_UNKNOWN: Final = Reason(
    "licence_class.unknown",
    "准驾车型代号不正确（如 A2、B2、C1、A2D）",
    "not a class of driving licence (such as A2, B2, C1, A2D)",
)
_TWICE: Final = Reason("licence_class.repeated", "准驾车型代号重复", "a class is named twice")


def check_licence_class(text: str) -> Check:
    """Check what a licence permits; the canonical form has the codes together in the order of the annex."""
    written = fold(text, also_drop=_DIVIDERS)
    if written is None:
        return reject(TOO_LONG)
    if not _WRITTEN.fullmatch(written):
        return reject(_UNKNOWN)
    codes = _ONE.findall(written)
    if len(codes) != len(set(codes)):
        return reject(_TWICE)
    return accept("".join(code for code in LICENCE_CLASSES if code in codes))


def permits_heavy_trucks(licence_class: str) -> bool:
    """Tell whether a checked class permits goods vehicles above 4,500 kg (heavy and medium, not light).

    A1 and A2 permit what B2 does; C1 and below permit light trucks only.
    """
    return not _HEAVY.isdisjoint(_ONE.findall(licence_class))
