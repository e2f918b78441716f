"""Which papers a person needs, what is masked of whom, and that no reason repeats a value."""

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from services.registry.domain.people import (
    PERSONAL_FIELDS,
    Papers,
    PersonKind,
    check_papers,
    check_values,
    days_of,
    mask,
)
from services.registry.domain.standing import Days

TODAY = date(2026, 5, 1)
HEAVY = Papers(
    drives_over_4500_kg=True,
    licence_class="B2",
    licence_issuer=None,
    licence_valid_from=date(2021, 1, 1),
    licence_valid_to=date(2031, 1, 1),
    qualification_valid_from=None,
    qualification_valid_to=date(2029, 1, 1),
    trained_on=None,
)
LIGHT = replace(HEAVY, drives_over_4500_kg=False, licence_class="C1", qualification_valid_to=None)


def _wrong(kind: PersonKind, papers: Papers, *, number: bool = True) -> set[str]:
    return {fault.field for fault in check_papers(kind, papers, has_qualification=number, today=TODAY)}


def test_the_4500_kg_rule() -> None:
    """Up to it neither certificate nor class of heavy trucks; above it both (domain.md §3.6)."""
    assert _wrong(PersonKind.DRIVER, LIGHT, number=False) == set()
    assert _wrong(PersonKind.DRIVER, HEAVY) == set()
    assert _wrong(PersonKind.DRIVER, HEAVY, number=False) == {"qualification_number"}
    assert _wrong(PersonKind.DRIVER, replace(LIGHT, drives_over_4500_kg=True), number=False) == {
        "licence_class",
        "qualification_number",
        "qualification_valid_to",
    }
    assert days_of(LIGHT) == [Days("driving_licence", date(2021, 1, 1), date(2031, 1, 1))]
    assert [each.kind for each in days_of(HEAVY)] == ["driving_licence", "qualification"]


def test_a_rider_needs_no_licence_and_drives_no_truck() -> None:
    nothing = replace(LIGHT, licence_class=None, licence_valid_from=None, licence_valid_to=None)
    assert _wrong(PersonKind.RIDER, nothing, number=False) == set()
    assert days_of(nothing) == []
    assert _wrong(PersonKind.RIDER, HEAVY) == {"drives_over_4500_kg"}
    assert _wrong(PersonKind.DRIVER, nothing, number=False) == {"licence_class", "licence_valid_from"}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"licence_valid_to": date(2020, 12, 31)}, "licence_valid_to"),
        ({"qualification_valid_from": date(2029, 1, 2)}, "qualification_valid_to"),
        ({"trained_on": date(2026, 5, 2)}, "trained_on"),
    ],
)
def test_days_run_forward(values: dict[str, Any], field: str) -> None:
    assert _wrong(PersonKind.DRIVER, replace(HEAVY, **values)) == {field}


def test_papers_are_taken_from_whatever_has_them() -> None:
    assert Papers.of(HEAVY) == HEAVY
    assert {field.name for field in fields(Papers)} >= {"licence_class", "drives_over_4500_kg"}


def test_a_citizens_licence_bears_a_valid_identity_number() -> None:
    body = "21110319900307123"
    number = body + ric.calc_check_digit(body + "0")
    assert check_values({"licence_number": number.lower()}, TODAY).values == {"licence_number": number}
    broken = number[:-1] + ("0" if number[-1] != "0" else "1")
    assert check_values({"licence_number": broken}, TODAY).faults[0].field == "licence_number"
    assert check_values({"licence_number": "E 1234-5678"}, TODAY).values == {"licence_number": "E12345678"}


@given(st.sampled_from(PERSONAL_FIELDS), st.text(min_size=1, max_size=40))
def test_no_reason_repeats_a_value(field: str, text: str) -> None:
    checked = check_values({field: text}, TODAY)
    for fault in (*checked.faults, *checked.warnings):
        assert fault.field == field
        assert len(text) < 6 or text not in fault.reason.zh + fault.reason.en + fault.reason.code
    assert bool(checked.faults) is (checked.values[field] is None)


def test_what_a_person_must_have_cannot_be_removed() -> None:
    removed = check_values(dict.fromkeys(PERSONAL_FIELDS), TODAY)
    assert {fault.field for fault in removed.faults} == {"name", "id_number", "mobile_phone"}


@given(
    st.sampled_from(PERSONAL_FIELDS[1:]),
    st.text("0123456789ABCDEFGHX", min_size=11, max_size=19),
)
def test_a_mask_keeps_five_characters_at_most(field: str, value: str) -> None:
    shown = mask(field, value)
    assert len(shown) == len(value)
    assert sum(char != "*" for char in shown) <= 5
    assert value not in shown


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=20))
def test_a_masked_name_is_its_first_character(name: str) -> None:
    assert mask("name", name) == name[0] + "*" * max(len(name) - 1, 1)
