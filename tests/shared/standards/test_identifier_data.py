"""Every published example that states an expectation, minus those its README says must not decide."""

from collections.abc import Callable

import pytest
from stdnum.cn import uscc as oracle

from services.shared.standards.check import Check
from services.shared.standards.id_number import check_id_number
from services.shared.standards.phone import check_mobile
from services.shared.standards.plates import PlateKind, check_plate, classify_plate
from services.shared.standards.uscc import check_uscc
from services.shared.standards.vin import check_vin
from tests.shared.standards.vectors import rows

# A plate row with a note is the source's loose rule or a style (armed forces) that is not a civil plate.
CASES: list[tuple[str, Callable[[str], Check], int]] = [
    ("identifiers/uscc.jsonl", check_uscc, 135),
    ("identifiers/id_number.jsonl", check_id_number, 37),
    ("identifiers/mobile_phone.jsonl", check_mobile, 33),
    ("identifiers/plate.jsonl", check_plate, 20),
]


@pytest.mark.parametrize(("file", "check", "count"), CASES)
def test_each_row_gets_the_verdict_of_its_source(
    file: str, check: Callable[[str], Check], count: int
) -> None:
    decided = [
        row
        for row in rows(file)
        if row["valid"] is not None and not ("note" in row and row["kind"] == "plate")
    ]
    wrong = [row for row in decided if check(row["value"]).valid is not row["valid"]]

    assert wrong == []
    assert len(decided) == count


def test_a_pilot_code_without_the_standards_check_character_is_refused() -> None:
    assert [reason.code for reason in check_uscc("91350211M00013FA1N").reasons] == ["uscc.check_character"]


def test_uscc_agrees_with_the_second_opinion_on_every_row() -> None:
    for row in rows("identifiers/uscc.jsonl"):
        assert check_uscc(row["value"]).valid is oracle.is_valid(row["value"]), row


def test_new_energy_plates_are_recognised() -> None:
    for row in rows("identifiers/plate.jsonl"):
        if row.get("plate_class") == "new_energy":
            assert classify_plate(row["value"]) in {PlateKind.SMALL_NEV, PlateKind.LARGE_NEV}


def test_vin_judged_by_maker_agrees_with_every_row() -> None:
    decided = rows("identifiers/vin.jsonl")
    assert [row for row in decided if check_vin(row["value"], by_maker=True).valid is not row["valid"]] == []
    assert len(decided) == 27


def test_vin_form_decides_and_the_check_digit_warns() -> None:
    for row in rows("identifiers/vin.jsonl"):
        result = check_vin(row["value"])
        if result.valid:
            assert (result.warnings == ()) is row["check_digit_ok"], row
            assert result.normalized == row.get("normalised", row["value"])
        form_only = row["source_repo"] in {"ApelSYN/node-vin-lite", "chinabugotech/hutool"}
        if row["valid"]:
            assert result.valid, row
            assert form_only or not result.warnings, row
        else:
            assert not result.valid or result.warnings, row


def test_old_identity_numbers_are_upgraded_as_the_source_does() -> None:
    for row in rows("identifiers/id_number.jsonl"):
        if "upgraded" in row:
            assert check_id_number(row["value"]).normalized == row["upgraded"]


def test_birth_dates_stand_where_the_source_reads_them() -> None:
    for row in rows("identifiers/id_number.jsonl"):
        if "birth" in row:
            normalized = check_id_number(row["value"]).normalized
            assert normalized is not None
            assert normalized[6:14] == row["birth"].replace("-", "")
