"""The probe's databases, for the tests of the feed, the follower and their faults."""

from tests.support.probe_fixtures import keys, mirror, probe, probe_databases, urls

__all__ = ["keys", "mirror", "probe", "probe_databases", "urls"]
