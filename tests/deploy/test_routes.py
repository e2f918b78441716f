"""The committed routing table and descriptions are what the services say."""

import pytest

from deploy.local import edge, routes
from deploy.local.processes import SERVICES


def test_committed_files_are_generated_ones() -> None:
    stale = [
        path.name for path, text in routes.generate().items() if not path.exists() or path.read_text() != text
    ]
    assert stale == [], "run `make routes`"


def test_every_collection_has_one_service() -> None:
    table = edge.load_routes()
    assert set(table.values()) <= set(SERVICES)
    assert table["vehicles"] == "registry"
    assert table["terminals"] == "telemetry"
    assert table["checks"] == "permits"
    assert "internal" not in table


def test_two_services_cannot_claim_one_collection() -> None:
    apps = dict(routes.service_apps())
    with pytest.raises(ValueError, match="claimed"):
        routes.collections({"registry": apps["registry"], "permits": apps["registry"]})
