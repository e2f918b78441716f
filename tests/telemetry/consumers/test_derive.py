"""The city's own figures for what is derived."""

from pathlib import Path

from deploy.local.cluster import PROJECT
from services.telemetry.consumers.derive import read_walk_config
from services.telemetry.domain.episodes import EpisodeConfig
from services.telemetry.domain.trips import TripConfig
from services.telemetry.domain.visits import VisitConfig
from services.telemetry.domain.walking import WalkConfig

TEXT = """
[visits]
outside_fixes = 5
outside_seconds = 90
gap_minutes = 7.5
[trips]
radius_m = 80
stop_minutes = 2
end_minutes = 20
min_km = 0.3
jump_kmh = 150
[cold_chain]
minutes = 4
classes.refrigerated = { min_c = 0, max_c = 4 }
[alerts]
overspeed_kmh = 70
overspeed_seconds = 30
silence_minutes = 12
"""


def test_the_profile_decides(tmp_path: Path) -> None:
    (tmp_path / "profile.toml").write_text(TEXT)
    assert read_walk_config(tmp_path) == WalkConfig(
        VisitConfig(max_gap_ms=450_000, outside_fixes=5, outside_ms=90_000),
        TripConfig(80, 120_000, 1_200_000, 300_000, 150),
        EpisodeConfig(
            {"refrigerated": (0.0, 4.0)}, 240_000,
            overspeed_kmh=70, overspeed_ms=30_000, silence_ms=720_000, max_gap_ms=450_000,
        ),
        jump_kmh=150,
    )  # fmt: skip


def test_what_the_profile_leaves_out_is_as_in_the_code(tmp_path: Path) -> None:
    (tmp_path / "profile.toml").write_text("")
    assert read_walk_config(tmp_path) == WalkConfig()


def test_the_citys_own_profile_can_be_read() -> None:
    found = read_walk_config(PROJECT / "city" / "panjin")
    assert found.visits == VisitConfig(600_000, 2, 120_000)
    assert found.episodes.temperatures_c["refrigerated"] == (-30.0, 8.0)
