"""The city profile's rules and permit types are ones this service takes."""

import json
from pathlib import Path

import pytest

from services.permits.schemas.permits import PermitTypeCreate
from services.permits.schemas.rules import RestrictionRuleCreate
from services.shared.ids import new_id

PROFILES = [path.parent for path in Path("city").glob("*/profile.toml")]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.name)
def test_rules_and_types_of_the_profile_are_valid(profile: Path) -> None:
    types = json.loads((profile / "permit_types.json").read_text(encoding="utf-8"))
    codes = {PermitTypeCreate.model_validate(given).code for given in types}
    rules = json.loads((profile / "restriction_rules.json").read_text(encoding="utf-8"))
    assert types
    assert rules
    for given in rules:
        body = {name: value for name, value in given.items() if name != "areas"}
        rule = RestrictionRuleCreate.model_validate({**body, "area_ids": [new_id() for _ in given["areas"]]})
        assert set(rule.permit_types) <= codes


def test_there_is_a_profile() -> None:
    assert PROFILES
