"""Divisions: the city's table as data, and identity numbers judged by it."""

import csv
from collections.abc import Iterator

import pytest

from services.shared.standards.divisions import (
    PROVINCES,
    Division,
    DivisionTable,
    is_division_code,
    parse_divisions,
)
from services.shared.standards.id_number import check_id_number, id_check_character
from tests.shared.standards.vectors import DATA, ROOT


@pytest.fixture(name="panjin")
def _panjin() -> Iterator[DivisionTable]:
    with (ROOT / "city" / "panjin" / "divisions.csv").open(encoding="utf-8") as file:
        yield DivisionTable(parse_divisions(csv.DictReader(file)))


def test_panjin_of_the_domain_reference(panjin: DivisionTable) -> None:
    now = {d.code: d.name for d in panjin.divisions if d.to_year is None}
    assert now == {
        "211100": "盘锦市",
        "211101": "市辖区",
        "211102": "双台子区",
        "211103": "兴隆台区",
        "211104": "大洼区",
        "211122": "盘山县",
    }
    assert panjin.current("211121") == "211104"
    assert panjin.current("211111") is None
    assert panjin.ever("211111")
    assert panjin.name("211102") == "双台子区"
    assert panjin.name("211102", 1985) == "盘山区"
    assert panjin.name("211121", 2017) is None


def test_panjin_equals_the_published_history(panjin: DivisionTable) -> None:
    path = DATA / "division_codes" / "panjin_historical_codes.csv"
    if not path.exists():
        pytest.skip(f"division_codes is not under FREIGHT_TEST_DATA ({DATA})")
    with path.open(encoding="utf-8") as file:
        published = {(r["code"], r["name"], r["from_year"], r["to_year"]) for r in csv.DictReader(file)}
    ours = {(d.code, d.name, str(d.from_year), str(d.to_year or "")) for d in panjin.divisions}
    assert ours == published


def test_provinces_equal_the_published_list() -> None:
    path = DATA / "division_codes" / "provinces.csv"
    if not path.exists():
        pytest.skip(f"division_codes is not under FREIGHT_TEST_DATA ({DATA})")
    with path.open(encoding="utf-8") as file:
        published = {row["code"]: row["name"] for row in csv.DictReader(file)}
    assert published.items() <= PROVINCES.items()


@pytest.mark.parametrize(
    ("region", "warnings"),
    [
        ("211104", []),
        ("211121", ["id_number.historic_region"]),
        ("211111", ["id_number.historic_region"]),
        ("211199", ["id_number.unknown_region"]),
        ("360426", []),
    ],
)
def test_regions_of_identity_numbers(panjin: DivisionTable, region: str, warnings: list[str]) -> None:
    body = f"{region}19800101001"
    result = check_id_number(body + id_check_character(body), divisions=panjin)
    assert result.valid
    assert [reason.code for reason in result.warnings] == warnings


def test_form_of_codes_and_rows() -> None:
    assert is_division_code("211100")
    assert not is_division_code("991100")
    assert not is_division_code("21110")
    assert not is_division_code("21110٣")
    with pytest.raises(ValueError, match="not a division code"):
        parse_divisions([{"code": "9", "name": "x", "from_year": "1984"}])
    with pytest.raises(ValueError, match="from_year"):
        parse_divisions([{"code": "211100", "name": "x"}])


def test_a_ring_of_successors_ends() -> None:
    table = DivisionTable(
        [Division("211101", "a", 1984, 1990, "211102"), Division("211102", "b", 1984, 1990, "211101")]
    )
    assert table.current("211101") is None
