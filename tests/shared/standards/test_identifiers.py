"""Vectors of `domain.md` §3 and properties of the identifier checks."""

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric
from stdnum.cn import uscc as uscc_oracle

from services.shared.standards.check import Check
from services.shared.standards.division_codes import check_division
from services.shared.standards.energy import Powertrain, check_energy_code, is_clean, is_nev
from services.shared.standards.id_number import check_id_number, mask_id_number
from services.shared.standards.phone import check_mobile, check_phone, mask_phone
from services.shared.standards.plates import check_plate
from services.shared.standards.uscc import ALPHABET, check_uscc
from services.shared.standards.vehicle_types import (
    BOX_TYPES,
    VEHICLE_TYPES,
    SizeClass,
    check_vehicle_type,
    size_class,
)
from services.shared.standards.vin import check_vin

CHECKS: list[Callable[[str], Check]] = [
    check_plate,
    check_uscc,
    check_vin,
    check_id_number,
    check_mobile,
    check_phone,
    check_vehicle_type,
    check_energy_code,
    check_division,
    lambda text: check_vin(text, by_maker=True),
]
ANY_TEXT = st.text(st.characters(), max_size=40) | st.from_regex(r"[京A-Z0-9０-９Ａ-Ｚ挂 ·-]{0,24}")
USCCS = ["91110000600037341L", "91211103MA0PJ00110", "91211100123456788X", "92211104MA0PJ002X3"]
ID_NUMBERS = ["360426199101010071", "11010519491231002X"]


def codes(result: Check) -> list[str]:
    return [reason.code for reason in result.reasons + result.warnings]


@pytest.mark.parametrize("check", CHECKS)
@given(text=ANY_TEXT)
def test_no_text_raises_and_the_canonical_form_is_stable(check: Callable[[str], Check], text: str) -> None:
    result = check(text)
    assert result.valid is (result.normalized is not None)
    assert result.valid is (result.reasons == ())
    if result.normalized is not None:
        again = check(result.normalized)
        assert again.normalized == result.normalized
        assert result.normalized.isprintable()


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "text", ["", "\0", "\ud800", pytest.param("A" * 10_000_000, id="huge"), "１" * 65, "²" * 18, "ſ", "١٢٣"]
)
def test_hostile_texts_are_refused(check: Callable[[str], Check], text: str) -> None:
    result = check(text)
    assert not result.valid
    assert all(reason.zh and reason.en for reason in result.reasons)


def test_digits_of_other_scripts_and_trailing_newlines_do_not_pass() -> None:
    assert not check_mobile("1390022143٢").valid
    assert not check_mobile("13900221432\n").valid
    assert not check_plate("辽L1234५").valid
    assert not check_vin("1M8GDM9AXKP04278\u0668").valid


@pytest.mark.parametrize("value", USCCS)
def test_valid_uscc(value: str) -> None:
    assert check_uscc(value.lower()).normalized == value
    assert check_uscc(f" {value[:8]} {value[8:]}").normalized == value


@pytest.mark.parametrize("value", USCCS)
@given(position=st.integers(0, 17), char=st.sampled_from(ALPHABET))
def test_any_changed_character_breaks_a_uscc(value: str, position: int, char: str) -> None:
    changed = value[:position] + char + value[position + 1 :]
    assert check_uscc(changed).valid is (changed == value)


@given(st.from_regex(r"[1-9][1-9][0-9]{6}[0-9A-Z]{10}", fullmatch=True))
def test_uscc_agrees_with_an_independent_check(value: str) -> None:
    assert check_uscc(value).valid is uscc_oracle.is_valid(value)


def test_uscc_department_letters_and_refused_letters() -> None:
    assert codes(check_uscc("A1110000600037341L")) == ["uscc.format"]
    for letter in "IOSVZ":
        assert codes(check_uscc(f"91110000600037341{letter}")) == ["uscc.format"]


def test_organisation_code_only_warns() -> None:
    assert codes(check_uscc("91110000600037341L")) == []
    body = "91110000600037342"
    code = body + uscc_oracle.calc_check_digit(body)
    assert check_uscc(code).valid
    assert codes(check_uscc(code)) == ["uscc.organisation_code"]


def test_a_region_nobody_knows_warns() -> None:
    assert codes(check_id_number("410001910101123")) == ["id_number.old_form", "id_number.unknown_region"]
    assert codes(check_id_number("830000199201300022")) == []
    assert codes(check_id_number("932682198501010017")) == []


@pytest.mark.parametrize("value", ID_NUMBERS)
def test_valid_id_number(value: str) -> None:
    assert codes(check_id_number(value)) == []
    assert ric.is_valid(value)
    assert mask_id_number(value) == value[:3] + "*" * 13 + value[-2:]


def test_id_number_reasons_name_every_cause() -> None:
    assert codes(check_id_number("990105194913310021")) == [
        "id_number.region",
        "id_number.birth_date",
        "id_number.check_character",
    ]
    assert codes(check_id_number("11010519490230002X"))[0] == "id_number.birth_date"
    assert check_id_number("360426199101010071", today=date(1991, 1, 1)).valid
    assert codes(check_id_number("360426199101010071", today=date(1990, 12, 31))) == ["id_number.birth_date"]


def test_old_form_is_stated() -> None:
    assert codes(check_id_number("150102880730303")) == ["id_number.old_form"]


@pytest.mark.parametrize("value", ["1M8GDM9AXKP042788", "1" * 17, "1G1BL52P7TR115520", "LNBSCCAH4PJ000001"])
def test_valid_vin(value: str) -> None:
    assert check_vin(value.lower()) == Check(valid=True, normalized=value)


def test_wrong_vin_check_digit_warns() -> None:
    assert check_vin("LNBSCCAH0PJ000001").valid
    assert codes(check_vin("LNBSCCAH0PJ000001")) == ["vin.check_digit"]


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("1XPTD40X0JD456115", False),  # vin_checker: a truck of the USA, corrected to …X6JD…
        ("5J6HYJ8V45L009357", False),  # vin-js
        ("90WGDM9111P042788", False),  # node-vin-lite: 90 is no country's
        ("LNBSCCAH0PJ000001", True),
        ("WVWZZZ3CZEE140287", True),
        ("VF3WC5FS9AW055905", True),
    ],
)
def test_a_wrong_check_digit_refuses_where_it_is_part_of_the_number(value: str, *, valid: bool) -> None:
    judged = check_vin(value, by_maker=True)
    assert judged.valid is valid
    assert codes(judged) == ["vin.check_digit"]
    assert check_vin(value).valid


@given(st.from_regex("[1-5][A-HJ-NPR-Z0-9]{16}", fullmatch=True))
def test_in_north_america_exactly_one_check_digit_is_right(value: str) -> None:
    judged = [check_vin(value[:8] + digit + value[9:], by_maker=True).valid for digit in "0123456789X"]
    assert judged.count(True) == 1


@pytest.mark.parametrize(
    "written",
    [
        "15100221432",
        "015100221432",
        "+8615100221432",
        "008615100221432",
        "8615100221432",
        "１５１００２２１４３２",
        "151 0022 1432",
    ],
)
def test_a_mobile_number_however_it_is_written(written: str) -> None:
    assert check_mobile(written).normalized == "15100221432"


@pytest.mark.parametrize(
    "written",
    ["12038389438", "08613811211114", "+08613811211114", "+008613811211114", "010-38238383", "10000000000"],
)
def test_what_is_no_mobile_number(written: str) -> None:
    assert codes(check_mobile(written)) == ["phone.mobile"]


def test_phone_forms() -> None:
    assert check_mobile("+86 138-3838-9438").normalized == "13838389438"
    assert check_phone("0427-2825114").normalized == "04272825114"
    assert check_phone("+86 427 2825114").normalized == "04272825114"
    assert check_phone("(010) 12345678").valid is False
    assert check_phone("400-810-0000").normalized == "4008100000"
    assert check_phone("12328").normalized == "12328"
    assert not check_mobile("0427-2825114").valid
    assert mask_phone("13838389438") == "138******38"


def test_vehicle_types_follow_the_pattern_of_the_standard() -> None:
    assert VEHICLE_TYPES["H26"][0] == "中型集装厢车"
    assert "H36" not in VEHICLE_TYPES
    assert VEHICLE_TYPES["H43"][0] == "微型封闭货车"
    assert set(VEHICLE_TYPES) >= BOX_TYPES
    assert len(VEHICLE_TYPES) == 26 + 7 + 5 + 3 + 1 + 2
    assert codes(check_vehicle_type("h32")) == []
    assert codes(check_vehicle_type("K11")) == ["vehicle_type.not_freight"]
    assert codes(check_vehicle_type("C11")) == ["vehicle_type.format"]
    assert size_class("H12") is SizeClass.HEAVY
    assert size_class("Q31") is SizeClass.LIGHT
    assert size_class("Z71") is None
    assert size_class("H") is None


def test_energy_and_powertrain() -> None:
    assert codes(check_energy_code("c", Powertrain.BEV)) == []
    assert codes(check_energy_code("C", Powertrain.ICE)) == ["energy.mismatch"]
    assert codes(check_energy_code("Z", Powertrain.FCEV)) == []
    assert not check_energy_code("G").valid
    assert [p for p in Powertrain if is_nev(p)] == [
        Powertrain.PHEV,
        Powertrain.REEV,
        Powertrain.BEV,
        Powertrain.FCEV,
    ]
    assert is_clean(Powertrain.ICE, "E")
    assert not is_clean(Powertrain.PHEV, "E")
    assert not is_clean(Powertrain.ICE, "B")
