"""A database of a benchmark's own: a cluster with fsync that is gone afterwards."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local.cluster import ROLES, Cluster, migrate
from tests.support.ports import unused_port


@contextmanager
def database(directory: Path, services: Sequence[str]) -> Iterator[dict[str, str]]:
    """Start a cluster below a directory with the schemas of these services; addresses by role."""
    cluster = Cluster(directory / "postgres", unused_port(), secrets.token_hex(16))
    cluster.create()
    cluster.start()
    try:
        passwords = {role: secrets.token_hex(16) for role in ROLES}
        cluster.create_database("cityfreight", passwords)
        urls = cluster.urls("cityfreight", passwords)
        migrate(urls, services)
        yield urls
    finally:
        cluster.remove()
