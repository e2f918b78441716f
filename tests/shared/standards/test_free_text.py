"""Texts that stay on record hold no number of a person; classes of driving licences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from services.shared.standards.free_text import holds_personal_number
from services.shared.standards.licence_classes import (
    LICENCE_CLASSES,
    check_licence_class,
    permits_heavy_trucks,
)
from services.shared.standards.names import mask_name


def _numbers() -> st.SearchStrategy[str]:
    mobile = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
    bodies = st.from_regex(
        r"211103(19[5-9][0-9])(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[0-9]{3}", fullmatch=True
    )
    return mobile | bodies.map(lambda body: body + ric.calc_check_digit(body + "0"))


_WORDS = st.text("联系人驾驶员核实：，。 (abc", max_size=12)


@given(_WORDS, _numbers(), _WORDS)
def test_a_number_among_words_is_found(before: str, number: str, after: str) -> None:
    assert holds_personal_number(f"{before}{number}{after}")


@given(_numbers(), st.sampled_from([" ", "-", "　", "–"]), st.integers(3, 6))
def test_a_number_in_groups_is_found(number: str, divider: str, size: int) -> None:
    grouped = divider.join(number[at : at + size] for at in range(0, len(number), size))
    assert holds_personal_number(f"请联系 {grouped} 谢谢")


@pytest.mark.parametrize(
    "text",
    [
        "核实2026年5月1日12时30分交通事故",
        "案号 20260501-00017",
        "辽L12345 与 辽LD55555",
        "91211103MA0PJ00110",
        "电话 0427-2821234",
        "2026-05-01 至 2026-06-30 共 61 天",
        "工单 1234567890",
        "",
    ],
)
def test_dates_plates_and_case_numbers_are_none(text: str) -> None:
    assert not holds_personal_number(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [("手机１３９１２３４５６７８", True), ("+8613912345678", True), ("2026-05-01 13912345678", True)],
)
def test_full_width_country_code_and_neighbours(text: str, found: bool) -> None:
    assert holds_personal_number(text) is found


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("c1", "C1"), ("A2D", "A2D"), ("D、A2", "A2D"), ("Ｂ２ E", "B2E"), ("A1A2", "A1A2")],
)
def test_classes_come_out_in_the_order_of_the_annex(text: str, canonical: str) -> None:
    assert check_licence_class(text).normalized == canonical


@pytest.mark.parametrize("text", ["", "A4", "B3", "C7", "C", "AB", "C1C1", "准驾", "A2" * 40, "G"])
def test_what_is_no_class_is_refused(text: str) -> None:
    assert not check_licence_class(text).valid


@given(st.sets(st.sampled_from(sorted(LICENCE_CLASSES)), min_size=1, max_size=8))
def test_any_classes_read_back(codes: set[str]) -> None:
    canonical = check_licence_class("/".join(sorted(codes, reverse=True))).normalized
    assert canonical is not None
    assert check_licence_class(canonical).normalized == canonical
    assert permits_heavy_trucks(canonical) is bool(codes & {"A1", "A2", "B2"})


@pytest.mark.parametrize(
    ("name", "shown"), [("张三", "张*"), ("欧阳娜娜", "欧***"), ("李", "李*"), ("Ali", "A**")]
)
def test_names_are_masked(name: str, shown: str) -> None:
    assert mask_name(name) == shown
