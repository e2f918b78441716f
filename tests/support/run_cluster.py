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
PREFIX = "cityfreight-test-"


@dataclass(frozen=True)
class RunCluster:
    """A running cluster with a migrated template."""

    cluster: Cluster
    passwords: dict[str, str]
    template: str

    def clone(self, name: str) -> dict[str, str]:
        """Make a database from the template; its URLs by role."""
        self.cluster.clone_database(self.template, name)
        return self.cluster.urls(name, self.passwords)


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
        state = directory / "state.json"
        if not state.exists():
            state.write_text(json.dumps(_make(directory)))
        known = json.loads(state.read_text())
    cluster = Cluster(directory / "postgres", known["port"], known["password"], fast=True)
    return RunCluster(cluster, known["passwords"], known["template"])


def _make(directory: Path) -> dict[str, object]:
    cluster = Cluster(directory / "postgres", unused_port(), secrets.token_hex(16), fast=True)
    cluster.create()
    cluster.start()
    passwords = {role: secrets.token_hex(16) for role in ROLES}
    template = f"template_{_migrations_hash()}"
    cluster.create_database(template, passwords)
    migrate(cluster.urls(template, passwords))
    return {"port": cluster.port, "password": cluster.password, "passwords": passwords, "template": template}


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
