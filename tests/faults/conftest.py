"""The probe's databases, for the faults of the feed; telemetry's real processes, for those of positions."""

from collections.abc import Iterator

import pytest

from tests.support.probe_fixtures import keys, mirror, probe, probe_databases, urls
from tests.support.telemetry_stage import Stage, running_stage

__all__ = ["keys", "mirror", "probe", "probe_databases", "urls"]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Telemetry of this module's own, any part of which may be killed."""
    with running_stage(receipt_period_s=0.5) as found:
        yield found
