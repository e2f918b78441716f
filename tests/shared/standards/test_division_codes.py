"""Division codes of every length, in the city by its own table and elsewhere by the national one."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.standards.check import Check
from services.shared.standards.division_codes import check_division
from services.shared.standards.divisions import PROVINCES, DivisionTable, parse_divisions
from services.shared.standards.national import NationalDivision, find_division
from tests.shared.standards.vectors import DATA, ROOT

PUBLISHED = DATA / "division_codes"


@pytest.fixture(name="panjin", scope="module")
def _panjin() -> DivisionTable:
    with (ROOT / "city" / "panjin" / "divisions.csv").open(encoding="utf-8") as file:
        return DivisionTable(parse_divisions(csv.DictReader(file)))


def published(name: str) -> list[dict[str, str]]:
    path: Path = PUBLISHED / name
    if not path.exists():
        pytest.skip(f"division_codes is not under FREIGHT_TEST_DATA ({DATA})")
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def verdict(check: Check) -> tuple[bool, list[str]]:
    return check.valid, [reason.code for reason in check.reasons + check.warnings]


@pytest.mark.parametrize(
    ("text", "valid", "codes"),
    [
        ("21", True, []),
        ("2111", True, []),
        ("211104", True, []),
        ("２１１１０４", True, []),
        ("211104109", True, []),
        ("211103400", True, []),
        ("211104109201", True, []),
        ("211121", True, ["division.historic"]),
        ("211121101", True, ["division.historic"]),
        ("211111", True, ["division.historic"]),
        ("110103", True, ["division.historic"]),
        ("110101", True, []),
        ("130171", True, ["division.unknown"]),
        ("2199", True, ["division.unknown"]),
        ("211199", False, ["division.unknown_in_city"]),
        ("211105001", False, ["division.unknown_in_city"]),
        ("830000", False, ["division.province"]),
        ("99", False, ["division.province"]),
        ("2", False, ["division.format"]),
        ("211", False, ["division.format"]),
        ("21110", False, ["division.format"]),
        ("2111041", False, ["division.format"]),
        ("2111041090", False, ["division.format"]),
        ("2111041092011", False, ["division.format"]),
        ("21110A", False, ["division.format"]),
        ("021110", False, ["division.format"]),
        ("21110٤", False, ["division.format"]),
        ("", False, ["division.format"]),
        ("盘锦市", False, ["division.format"]),
        ("2" * 65, False, ["too_long"]),
    ],
)
def test_a_code_by_form_province_and_table(
    panjin: DivisionTable, text: str, *, valid: bool, codes: list[str]
) -> None:
    assert verdict(check_division(text, panjin)) == (valid, codes)


def test_a_historic_code_names_its_successor(panjin: DivisionTable) -> None:
    (warning,) = check_division("211121", panjin).warnings
    assert "211104" in warning.zh
    assert "211104" in warning.en
    assert "大洼区" in warning.zh


def test_without_a_city_the_national_table_speaks() -> None:
    assert verdict(check_division("211121")) == (True, ["division.historic"])
    assert verdict(check_division("211199")) == (True, ["division.unknown"])


def test_the_national_table_gives_the_latest_name() -> None:
    assert find_division("320311") == NationalDivision("泉山区", in_force=True)
    assert find_division("211121") == NationalDivision("大洼县", in_force=False)
    assert find_division("990000") is None


@given(st.sampled_from(sorted(PROVINCES)))
def test_every_province_is_known_in_the_national_table(province: str) -> None:
    assert verdict(check_division(province)) == (True, [])


@pytest.mark.parametrize(
    ("file", "rows"), [("provinces.csv", 31), ("cities.csv", 342), ("panjin_towns.csv", 50)]
)
def test_published_codes_are_valid_and_known(panjin: DivisionTable, file: str, rows: int) -> None:
    codes = [row["code"] for row in published(file)]
    assert len(codes) == rows
    for code in codes:
        assert verdict(check_division(code, panjin)) == (True, []), code
        assert check_division(code, panjin).normalized == code


# In the statistics of 2023 and not in the national table: divided or merged since, or the statistics' own.
_STRAGGLERS = {"330113", "330114", "460321", "460322", "460323", "500105", "500112", "620201", "632857"}


def test_published_counties_are_valid_and_only_statistical_areas_are_unknown(panjin: DivisionTable) -> None:
    checks = {row["code"]: check_division(row["code"], panjin) for row in published("counties.csv")}
    assert all(check.valid for check in checks.values())
    # The statistics number development zones and the like from 71 on.
    odd = {code for code, check in checks.items() if check.warnings and code[4] != "7"}
    assert odd == _STRAGGLERS


def test_published_history_of_the_city_is_valid(panjin: DivisionTable) -> None:
    for row in published("panjin_historical_codes.csv"):
        check = check_division(row["code"], panjin)
        ended = all(
            r["to_year"] for r in published("panjin_historical_codes.csv") if r["code"] == row["code"]
        )
        assert check.valid, row
        assert [warning.code for warning in check.warnings] == ["division.historic"] * ended, row
