"""The city profile's bounds and consequences are ones this service takes, and nothing else starts it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from services.registry.main import create_app
from services.registry.operations.city_profile import read_supervision
from tests.factories import registry as make

PROFILES = [path.parent for path in Path("city").glob("*/profile.toml")]
CHECKS, CONSEQUENCES = "statement_checks.json", "assessment_consequences.json"


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.name)
def test_every_profile_is_taken(profile: Path) -> None:
    found = read_supervision(profile)
    grades = found.consequences.grades
    quotas = [grade.permit_quota_pct for grade in (grades.A, grades.B, grades.C, grades.D)]
    assert quotas == sorted(quotas, reverse=True), "no better grade has less"
    assert found.statement_checks.version
    with pytest.raises(ValueError, match="frozen"):
        found.statement_checks.due_day = 1  # type: ignore[misc]


def test_there_is_a_profile() -> None:
    assert PROFILES


def _set(given: Any, path: str, value: object) -> None:
    *parents, last = path.split(".")
    for name in parents:
        given = given[name]
    if value is None:
        del given[last]
    else:
        given[last] = value


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        (CHECKS, "version", None),
        (CHECKS, "version", "二〇二六"),
        (CHECKS, "due_day", 0),
        (CHECKS, "due_day", 31),
        (CHECKS, "due_day", "15"),
        (CHECKS, "growth_factor", "1"),
        (CHECKS, "growth_factor", "NaN"),
        (CHECKS, "shrink_factor", "0"),
        (CHECKS, "daily_km_max", "Infinity"),
        (CHECKS, "daily_km_max", "-600"),
        (CHECKS, "per_100_km.diesel_l", None),
        (CHECKS, "per_100_km.diesel_l.low", "60"),
        (CHECKS, "per_100_km.coal_t", {"low": "1", "high": "2"}),
        (CHECKS, "bound", "1"),
        (CONSEQUENCES, "appeal_days", 0),
        (CONSEQUENCES, "grades.D", None),
        (CONSEQUENCES, "grades.E", {}),
        (CONSEQUENCES, "grades.A.permit_quota_pct", 101),
        (CONSEQUENCES, "grades.A.permit_quota_pct", 99.5),
        (CONSEQUENCES, "grades.A.advise_suspension", "no"),
        (CONSEQUENCES, "grades.A.en", ""),
    ],
)
def test_a_profile_that_is_not_exact_stops_the_start(
    database_urls: dict[str, str], tmp_path: Path, name: str, path: str, value: object
) -> None:
    folder = tmp_path / "profile"
    shutil.copytree("city/panjin", folder)
    given = json.loads((folder / name).read_text(encoding="utf-8"))
    _set(given, path, value)
    (folder / name).write_text(json.dumps(given), encoding="utf-8")
    with pytest.raises(ValueError, match="validation error"):
        create_app(make.api_settings(database_urls, tmp_path, city_profile=folder))


def test_a_profile_without_a_file_stops_the_start(database_urls: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        create_app(make.api_settings(database_urls, tmp_path, city_profile=tmp_path))
