"""Energy types of wlhy, and the powertrain the indicators need beside them (`domain.md` §3.5)."""

from enum import StrEnum
from typing import Final

from services.shared.standards.check import TOO_LONG, Check, Reason, accept, fold, reject


class Powertrain(StrEnum):
    """How the vehicle is driven; tells plug-in hybrids and hydrogen apart, which wlhy's codes do not."""

    ICE = "ICE"
    HEV = "HEV"
    PHEV = "PHEV"
    REEV = "REEV"
    BEV = "BEV"
    FCEV = "FCEV"


ENERGY_CODES: Final[dict[str, tuple[str, str]]] = {
    "A": ("汽油", "petrol"),
    "B": ("柴油", "diesel"),
    "C": ("电", "electricity"),
    "D": ("混合油", "mixed oil"),
    "E": ("天然气", "natural gas"),
    "F": ("液化石油气", "liquefied petroleum gas"),
    "L": ("甲醇", "methanol"),
    "M": ("乙醇", "ethanol"),
    "N": ("太阳能", "solar energy"),
    "O": ("混合动力", "hybrid"),
    "Y": ("无", "none (trailers)"),
    "Z": ("其他", "other"),
}
"""wlhy energy codes: Chinese and English name."""

NEV_POWERTRAINS: Final = frozenset({Powertrain.BEV, Powertrain.PHEV, Powertrain.REEV, Powertrain.FCEV})
"""New-energy vehicles ([DEF] in `domain.md`)."""

CLEAN_ENERGY_CODES: Final = frozenset({"E", "F", "L", "M"})
"""Clean fuels ([DEF] in `domain.md`)."""

_HYBRIDS: Final = frozenset({Powertrain.HEV, Powertrain.PHEV, Powertrain.REEV})
_COMPATIBLE: Final[dict[str, frozenset[Powertrain]]] = {
    **{code: frozenset({Powertrain.ICE}) | _HYBRIDS for code in "ABDEFLM"},
    "C": frozenset({Powertrain.BEV, Powertrain.FCEV, Powertrain.REEV}),
    "N": frozenset({Powertrain.BEV}),
    "O": _HYBRIDS,
}
_BAD_CODE: Final = Reason("energy.code", "未知的能源类型代码", "unknown energy code")
_MISMATCH: Final = Reason(
    "energy.mismatch", "能源类型与动力类型不一致", "energy code and powertrain do not agree"
)


def check_energy_code(text: str, powertrain: Powertrain | None = None) -> Check:
    """Check a wlhy energy code; one that contradicts the powertrain warns."""
    code = fold(text)
    if code is None:
        return reject(TOO_LONG)
    if code not in ENERGY_CODES:
        return reject(_BAD_CODE)
    agrees = powertrain is None or powertrain in _COMPATIBLE.get(code, frozenset(Powertrain))
    return accept(code) if agrees else accept(code, _MISMATCH)


def is_nev(powertrain: Powertrain) -> bool:
    """Tell whether the powertrain counts as new energy."""
    return powertrain in NEV_POWERTRAINS


def is_clean(powertrain: Powertrain, energy_code: str | None) -> bool:
    """Tell whether a vehicle that is not new-energy burns a clean fuel."""
    return powertrain not in NEV_POWERTRAINS and energy_code in CLEAN_ENERGY_CODES
