"""Vehicle types of GA 24.4, three characters (`domain.md` §3.4)."""

import re
from enum import StrEnum
from typing import Final

from services.shared.standards.check import TOO_LONG, Check, Reason, accept, fold, reject

_FORM: Final = re.compile("[HQBGKMNZ][0-9]{2}|X99")
_SIZES: Final = {"1": ("重型", "heavy"), "2": ("中型", "medium"), "3": ("轻型", "light")}
_BODIES: Final = {
    "1": ("普通货车", "flatbed truck with sides"),
    "2": ("厢式货车", "box truck"),
    "3": ("封闭货车", "closed van"),
    "4": ("罐式货车", "tanker"),
    "5": ("平板货车", "flatbed truck"),
    "6": ("集装厢车", "container truck"),
    "7": ("自卸货车", "tipper"),
    "8": ("特殊结构货车", "truck of special structure"),
    "9": ("仓栅式货车", "stake truck"),
}
# H36 does not occur in the lists derived from wlhy.
_REGULAR: Final = {
    f"H{size}{body}": (sizes[0] + bodies[0], f"{sizes[1]} {bodies[1]}")
    for size, sizes in _SIZES.items()
    for body, bodies in _BODIES.items()
    if f"H{size}{body}" != "H36"
}
VEHICLE_TYPES: Final[dict[str, tuple[str, str]]] = _REGULAR | {
    "H41": ("微型普通货车", "mini truck with sides"),
    "H42": ("微型厢式货车", "mini box truck"),
    "H43": ("微型封闭货车", "mini closed van"),
    "H44": ("微型罐式货车", "mini tanker"),
    "H45": ("微型自卸货车", "mini tipper"),
    "H46": ("微型特殊结构货车", "mini truck of special structure"),
    "H47": ("微型仓栅式货车", "mini stake truck"),
    **{f"H5{number}": ("低速货车", "low-speed truck") for number in range(1, 6)},
    "Q11": ("重型半挂牵引车", "heavy semi-trailer tractor"),
    "Q21": ("中型半挂牵引车", "medium semi-trailer tractor"),
    "Q31": ("轻型半挂牵引车", "light semi-trailer tractor"),
    "N11": ("三轮汽车", "three-wheeled vehicle"),
    "Z71": ("轻型专项作业车", "light special work vehicle"),
    "Z72": ("轻型载货专项作业车", "light load-carrying special work vehicle"),
}
"""The freight set: code to Chinese and English name."""

BOX_TYPES: Final = frozenset({"H12", "H13", "H22", "H23", "H32", "H33", "H42", "H43"})
"""The box and closed family that rules of easier access name (便利通行)."""


class SizeClass(StrEnum):
    """Size class of a truck, from the second character of its type."""

    HEAVY = "heavy"
    MEDIUM = "medium"
    LIGHT = "light"
    MINI = "mini"
    LOW_SPEED = "low_speed"


_SIZE_CLASSES: Final = dict(zip("12345", SizeClass, strict=True))
_BAD_FORM: Final = Reason(
    "vehicle_type.format", "车辆类型代码格式不正确（GA 24.4）", "not a vehicle type of GA 24.4"
)
_NOT_FREIGHT: Final = Reason(
    "vehicle_type.not_freight", "不在已知的货运车辆类型表中", "not in the known list of freight vehicle types"
)


def check_vehicle_type(text: str) -> Check:
    """Check the form of a type code; one outside the freight set warns."""
    code = fold(text)
    if code is None:
        return reject(TOO_LONG)
    if not _FORM.fullmatch(code):
        return reject(_BAD_FORM)
    return accept(code) if code in VEHICLE_TYPES else accept(code, _NOT_FREIGHT)


def size_class(code: str) -> SizeClass | None:
    """Size class of an H (truck) or Q (tractor) type; None for every other text."""
    return _SIZE_CLASSES.get(code[1]) if _FORM.fullmatch(code) and code[0] in "HQ" else None
