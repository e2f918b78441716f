"""Kinds of identifiers that anyone may have checked, and which standard judges each."""

from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Final

from services.shared.standards.check import Check
from services.shared.standards.division_codes import check_division
from services.shared.standards.divisions import DivisionTable
from services.shared.standards.id_number import check_id_number
from services.shared.standards.phone import check_mobile
from services.shared.standards.plates import check_plate
from services.shared.standards.uscc import check_uscc
from services.shared.standards.vin import check_vin


class IdentifierKind(StrEnum):
    """What a value is said to be."""

    USCC = "uscc"
    VIN = "vin"
    ID_NUMBER = "id_number"
    PLATE = "plate"
    MOBILE_PHONE = "mobile_phone"
    DIVISION = "division"


IDENTIFIER_KIND_NAMES: Final[dict[IdentifierKind, tuple[str, str]]] = {
    IdentifierKind.USCC: ("统一社会信用代码（GB 32100）", "unified social credit code (GB 32100)"),
    IdentifierKind.VIN: ("车辆识别代号（GB 16735）", "vehicle identification number (GB 16735)"),
    IdentifierKind.ID_NUMBER: ("公民身份号码（GB 11643）", "citizen identity number (GB 11643)"),
    IdentifierKind.PLATE: ("机动车号牌（GA 36）", "number plate (GA 36)"),
    IdentifierKind.MOBILE_PHONE: ("移动电话号码", "mobile telephone number"),
    IdentifierKind.DIVISION: ("行政区划代码（GB/T 2260）", "division code (GB/T 2260)"),
}

Judge = Callable[[str], Check]


class IdentifierDesk:
    """Judges values by the standards, with the city's own divisions.

    Args:
        divisions: The city's, present and past.
    """

    def __init__(self, divisions: DivisionTable) -> None:
        self._divisions = divisions

    def check(self, kind: IdentifierKind, value: str, plate_color: int | None, today: date) -> Check:
        """Judge one value; nothing of it is kept.

        Args:
            kind: What it is said to be.
            value: As written.
            plate_color: Of a plate, for the cross-check.
            today: In the city's zone; nobody is born after it.
        """
        judges: dict[IdentifierKind, Judge] = {
            IdentifierKind.USCC: check_uscc,
            IdentifierKind.VIN: lambda text: check_vin(text, by_maker=True),
            IdentifierKind.ID_NUMBER: lambda text: check_id_number(
                text, today=today, divisions=self._divisions
            ),
            IdentifierKind.PLATE: lambda text: check_plate(text, plate_color),
            IdentifierKind.MOBILE_PHONE: check_mobile,
            IdentifierKind.DIVISION: lambda text: check_division(text, self._divisions),
        }
        return judges[kind](value)
