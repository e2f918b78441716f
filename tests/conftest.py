"""Fixtures every test may use: a database of its own kind, ports, the data from outside.

`database_urls` gives one migrated database per xdist worker: {"registry_api": "postgresql://…",
"registry_worker": …, "registry_owner": …, …, "superuser": …}. A module that needs clean tables says

    pytestmark = pytest.mark.usefixtures("clean_database")

and finds every service's tables empty at its start (all but `KEPT`; rows a migration inserted go too).
`fresh_database_urls` gives one test a database of its own, as migrated.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from deploy.local.cluster import PROJECT, migrated_services
from services.shared.logs import configure_logs
from tests.support import run_cluster
from tests.support.measured import PREFIX
from tests.support.ports import unused_port as find_unused_port
from tests.support.scheduling import Scheduling, in_order, make_scheduler
from tests.support.turns import turn

KEPT = ("alembic_version",)

# A machine at work on two things at once is slow, and that is no fault of what is tested.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Name the run's directory before xdist starts its workers, which inherit it."""
    if not hasattr(config, "workerinput"):
        run_cluster.open_run()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest groups; leave the long forms to `make test-long`."""
    items[:] = in_order(items)
    if os.environ.get("FREIGHT_LONG"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            # Its short form runs always; the whole suite has 25 minutes on two cores.
            item.add_marker(pytest.mark.skip(reason="long form: make test-long"))


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Let a test marked `alone` run while no other worker runs one; waiting is not its time."""
    alone = item.get_closest_marker("alone") is not None
    with turn(Path(os.environ[run_cluster.VARIABLE]), alone=alone):
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Keep files, and the groups of `tests.support.scheduling`, on one worker each."""
    return make_scheduler(config, log)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what was measured by tests that passed; the output of the others is shown anyway."""
    told = [
        f"{report.nodeid}: {line.removeprefix(PREFIX)}"
        for report in terminalreporter.stats.get("passed", [])
        for line in report.capstdout.splitlines()
        if line.startswith(PREFIX)
    ]
    if told:
        terminalreporter.section("measured")
        terminalreporter.write("\n".join([*told, ""]))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind: the controller ends after its workers."""
    if not hasattr(config, "workerinput"):
        run_cluster.close_run()


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """Log as the processes do; structlog's own default draws a failure with all its locals for seconds."""
    configure_logs("tests")


@pytest.fixture(scope="session")
def test_cluster() -> run_cluster.RunCluster:
    """The run's PostgreSQL cluster with its migrated template."""
    return run_cluster.run_cluster()


@pytest.fixture(scope="session")
def worker_name() -> str:
    """Name of this xdist worker, `main` without xdist."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def database_urls(test_cluster: run_cluster.RunCluster, worker_name: str) -> dict[str, str]:
    """URLs by role of this worker's database."""
    return test_cluster.clone(f"test_{worker_name}")


@pytest.fixture
def fresh_database_urls(
    test_cluster: run_cluster.RunCluster, worker_name: str, request: pytest.FixtureRequest
) -> Iterator[dict[str, str]]:
    """URLs by role of a database of this test alone, dropped after it."""
    name = f"fresh_{worker_name}_{abs(hash(request.node.nodeid)) % 10**9}"
    yield test_cluster.clone(name)
    test_cluster.cluster.drop_database(name)


@pytest.fixture(scope="session")
def truncate(test_cluster: run_cluster.RunCluster, database_urls: dict[str, str]) -> Callable[..., None]:
    """`truncate("registry", …)`: empty every table of those services in this worker's database."""
    database = database_urls["superuser"].rpartition("/")[2]

    def empty(*services: str) -> None:
        schemas = ", ".join(f"'{name}'" for name in ("", *services))
        kept = ", ".join(f"'{name}'" for name in KEPT)
        tables = test_cluster.cluster.sql(
            "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables"  # noqa: S608 - names of our own
            f" WHERE schemaname IN ({schemas}) AND tablename NOT IN ({kept})",
            database,
        )
        if tables:
            test_cluster.cluster.sql(f"TRUNCATE {tables} RESTART IDENTITY CASCADE", database)

    return empty


@pytest.fixture(scope="module")
def clean_database(truncate: Callable[..., None]) -> None:
    """Every service's tables are empty when the module starts."""
    truncate(*migrated_services())


@pytest.fixture
def unused_port() -> int:
    """A loopback port nobody listens on now."""
    return find_unused_port()


@pytest.fixture(scope="session")
def test_data() -> Path | None:
    """The folder of data from outside (`FREIGHT_TEST_DATA`, default `../shared/data`), or None.

    A test that has no use without it skips with the reason printed; its essential behaviour is also
    tested on generated data.
    """
    folder = Path(os.environ.get("FREIGHT_TEST_DATA") or PROJECT.parent / "shared" / "data")
    return folder if folder.is_dir() else None
