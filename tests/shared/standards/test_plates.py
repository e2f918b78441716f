"""Plates and their colours (`domain.md` §3.2, §3.3)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.standards.plates import (
    PLATE_COLOR_NAMES,
    PlateColor,
    PlateKind,
    check_plate,
    classify_plate,
    is_plate_color,
    normalise_plate,
)

PROVINCE = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
SMALL = re.compile(rf"{PROVINCE}[A-HJ-NP-Z][A-HJK][A-HJ-NP-Z0-9][0-9]{{4}}")
LARGE = re.compile(rf"{PROVINCE}[A-HJ-NP-Z][0-9]{{5}}[A-HJK]")
ORDINARY = re.compile(rf"{PROVINCE}[A-HJ-NP-Z][A-HJ-NP-Z0-9]{{4}}[A-HJ-NP-Z0-9挂学警港澳]")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("辽L12345", PlateKind.ORDINARY),
        ("辽L·D12345", PlateKind.SMALL_NEV),
        ("辽LF12345", PlateKind.SMALL_NEV),
        ("辽L12345D", PlateKind.LARGE_NEV),
        ("辽L1234挂", PlateKind.TRAILER),
        ("辽L1234学", PlateKind.LEARNER),
        ("辽L1234警", PlateKind.POLICE),
        ("粤Z1234港", PlateKind.HONG_KONG),
        ("粤Z1234澳", PlateKind.MACAU),
        ("闽20401领", PlateKind.CONSULATE),
        ("014578使", PlateKind.EMBASSY),
        ("使014578", PlateKind.EMBASSY),
        ("辽L1234领", None),
        ("闽A2040领", None),
        ("12345使", None),
        ("辽I12345", None),
        ("辽LI2345", None),
        ("辽LO1234D", None),
        ("辽L123456", None),
        ("辽L1234", None),
    ],
)
def test_classification(text: str, kind: PlateKind | None) -> None:
    assert classify_plate(text) is kind
    assert check_plate(text).valid is (kind is not None)


@given(st.from_regex(SMALL, fullmatch=True))
def test_small_new_energy(text: str) -> None:
    assert classify_plate(text) is PlateKind.SMALL_NEV
    assert check_plate(text, 94).warnings == ()
    assert [reason.code for reason in check_plate(text, 93).warnings] == ["plate.color_mismatch"]


@given(st.from_regex(LARGE, fullmatch=True))
def test_large_new_energy(text: str) -> None:
    assert classify_plate(text) is PlateKind.LARGE_NEV
    assert check_plate(text, 93).warnings == ()
    assert [reason.code for reason in check_plate(text, 94).warnings] == ["plate.color_mismatch"]


@given(st.from_regex(ORDINARY, fullmatch=True), st.sampled_from([1, 2, 3, 4, 5, 9, 91, 92]))
def test_ordinary_plates_take_every_colour_but_those_of_new_energy(text: str, color: int) -> None:
    assert check_plate(text, color).warnings == ()
    assert check_plate(text, 93).warnings
    assert check_plate(text, 94).warnings


def test_normalisation() -> None:
    for written in ["辽l·d12345", "辽Ｌ Ｄ１２３４５", "辽L-D12345", "辽L•D12345", "辽L.D12345"]:
        assert normalise_plate(written) == "辽LD12345"
    assert normalise_plate("辽" * 65) is None


def test_a_letter_outside_the_series_warns() -> None:
    assert [reason.code for reason in check_plate("粤AP30000", 94).warnings] == ["plate.nev_letter"]


def test_colours() -> None:
    assert {int(color) for color in PlateColor} == {0, 1, 2, 3, 4, 5, 9, 91, 92, 93, 94}
    assert set(PLATE_COLOR_NAMES) == set(PlateColor)
    assert is_plate_color(94)
    assert not is_plate_color(6)
    assert [reason.code for reason in check_plate("辽L12345", 6).reasons] == ["plate.color_unknown"]
    assert [reason.code for reason in check_plate("辽L12345", 0).warnings] == ["plate.color_mismatch"]
