"""Alert rules name the kinds of areas that the registry has."""

from typing import get_args

from services.registry.domain.areas import AreaKind
from services.telemetry.schemas.alerts import AreaKind as Ruled


def test_alert_rules_may_name_every_kind_of_area() -> None:
    assert set(get_args(Ruled)) == {kind.value for kind in AreaKind}
