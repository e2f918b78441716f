"""The private cluster of one test run, shared by its xdist workers and gone at its end.

The controller names a directory in the environment; the first worker that needs a database makes the
cluster and the migrated template under a file lock; the controller stops it, by the pid of that very
data directory. A run that was killed is cleaned up by the next one.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local.cluster import PROJECT, ROLES, Cluster, migrate, migrated_services
from tests.support.ports import unused_port

VARIABLE = "FREIGHT_TEST_RUN"
SERVICES_VARIABLE = "FREIGHT_TEST_SERVICES"
"""Migrate only these services (comma-separated), while another one's migration is being written."""
PREFIX = "cityfreight-test-"
_SETTINGS = (("idle_in_transaction_session_timeout", "60s"),)
"""A fixture that empties tables blocks the loop whose own transaction it may be waiting for."""


@dataclass(frozen=True)
class RunCluster:
    """The running cluster; its template is migrated when the first database is cloned."""

    directory: Path
    cluster: Cluster

    def clone(self, name: str) -> dict[str, str]:
        """Make a database from the migrated template; its URLs by role."""
        with _locked(self.directory / "lock"):
            state = self.directory / "template.json"
            if not state.exists():
                state.write_text(json.dumps(_make_template(self.cluster)))
            known = json.loads(state.read_text())
            self.cluster.clone_database(known["template"], name)
        return self.cluster.urls(name, known["passwords"])


def open_run() -> None:
    """Name the directory of this run (controller only) and remove those of dead runs."""
    for old in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, ValueError):
            owner = int(old.name.removeprefix(PREFIX).split("-")[0])
            if not Path(f"/proc/{owner}").exists():
                _remove(old)
    directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    directory.chmod(0o755)
    os.environ[VARIABLE] = str(directory)


def close_run() -> None:
    """Stop and delete what this run made (controller only)."""
    _remove(Path(os.environ.pop(VARIABLE)))


def run_cluster() -> RunCluster:
    """Return the cluster of this run, made by whoever asks first."""
    directory = Path(os.environ[VARIABLE])
    with _locked(directory / "lock"):
        state = directory / "cluster.json"
        if not state.exists():
            port, password = unused_port(), secrets.token_hex(16)
            cluster = Cluster(directory / "postgres", port, password, fast=True, settings=_SETTINGS)
            cluster.create()
            cluster.start()
            state.write_text(json.dumps({"port": port, "password": password}))
        known = json.loads(state.read_text())
    return RunCluster(directory, Cluster(directory / "postgres", known["port"], known["password"], fast=True))


def _make_template(cluster: Cluster) -> dict[str, object]:
    passwords = {role: secrets.token_hex(16) for role in ROLES}
    template = f"template_{_migrations_hash()}"
    cluster.create_database(template, passwords)
    named = os.environ.get(SERVICES_VARIABLE)
    migrate(cluster.urls(template, passwords), named.split(",") if named else None)
    return {"passwords": passwords, "template": template}


def _migrations_hash() -> str:
    digest = hashlib.sha256()
    for name in migrated_services():
        for path in sorted((PROJECT / "migrations" / name).glob("*.py")):
            digest.update(path.read_bytes())
    digest.update((PROJECT / "migrations" / "bootstrap.sql").read_bytes())
    return digest.hexdigest()[:12]


def _remove(directory: Path) -> None:
    Cluster(directory / "postgres", 0, "").remove()
    shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
