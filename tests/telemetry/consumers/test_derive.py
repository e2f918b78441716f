"""The city's own figures for visits."""

from pathlib import Path

from deploy.local.cluster import PROJECT
from services.telemetry.consumers.derive import read_visit_config
from services.telemetry.domain.visits import VisitConfig


def test_the_profile_decides_what_it_takes_to_have_left(tmp_path: Path) -> None:
    text = "[visits]\noutside_fixes = 5\noutside_seconds = 90\ngap_minutes = 7.5\n"
    (tmp_path / "profile.toml").write_text(text)
    assert read_visit_config(tmp_path) == VisitConfig(max_gap_ms=450_000, outside_fixes=5, outside_ms=90_000)
    assert read_visit_config(PROJECT / "city" / "panjin") == VisitConfig(600_000, 2, 120_000)
