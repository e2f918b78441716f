"""What containers run at first start, run here for real against the test cluster."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import container_migrate, container_secrets
from deploy.local.cluster import migrated_services
from deploy.local.processes import PROCESSES
from tests.support.run_cluster import RunCluster


@pytest.fixture
def laid_out(tmp_path: Path) -> Path:
    target = tmp_path / "secrets"
    target.mkdir()
    container_secrets.lay_out(target, "postgres")
    return target


def test_each_process_finds_its_own_database_role_and_no_other(laid_out: Path) -> None:
    for process in PROCESSES:
        if process.service is None or process.demo_only:
            continue
        files = {path.name: path for path in (laid_out / process.name).iterdir()}
        url = files[f"{process.service}_database_url"].read_text("utf-8")
        assert url.startswith(f"postgresql://{process.service}_{process.role}:")
        assert url.endswith("@postgres:5432/cityfreight")
        assert all(path.stat().st_mode & 0o077 == 0 for path in files.values())


def test_secrets_are_kept_when_run_again(laid_out: Path) -> None:
    before = {path: path.read_bytes() for path in laid_out.rglob("*") if path.is_file()}
    container_secrets.lay_out(laid_out, "postgres")
    assert {path: path.read_bytes() for path in laid_out.rglob("*") if path.is_file()} == before


def test_compose_mounts_a_directory_that_is_made(laid_out: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "docker-compose.yml").read_text("utf-8")
    mounted = {line.split("secrets-")[1].split(":")[0] for line in text.splitlines() if "- secrets-" in line}
    assert mounted - {path.name for path in laid_out.iterdir()} == set()


def test_migration_brings_an_empty_database_to_head(test_cluster: RunCluster, tmp_path: Path) -> None:
    test_cluster.clone(f"container_first_{os.getpid()}")
    passwords = json.loads((test_cluster.directory / "template.json").read_text("utf-8"))["passwords"]
    name = f"container_{os.getpid()}"
    test_cluster.cluster.sql(f'CREATE DATABASE "{name}"')
    what = {"superuser_url": test_cluster.cluster.url(name), "role_passwords": passwords}
    (tmp_path / container_secrets.MIGRATION).write_text(json.dumps(what), encoding="utf-8")
    command = [sys.executable, "-m", container_migrate.__name__]
    environment = {**os.environ, "FREIGHT_SECRETS_DIR": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    for _ in range(2):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    for service in migrated_services():
        assert test_cluster.cluster.sql(f"SELECT count(*) FROM {service}.alembic_version", name) == "1"  # noqa: S608 - names of our own
    test_cluster.cluster.drop_database(name)
