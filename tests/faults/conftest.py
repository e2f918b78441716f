"""The probe's databases, for the faults of the feed."""

from tests.support.probe_fixtures import keys, mirror, probe, probe_databases, urls

__all__ = ["keys", "mirror", "probe", "probe_databases", "urls"]
