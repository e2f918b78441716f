"""A private PostgreSQL cluster: made, started, stopped, bootstrapped, migrated, cloned.

`make up` keeps its own under the run directory; each test run has one of its own. PostgreSQL refuses to
run as root, so a root caller's cluster belongs to the unprivileged account of `places.choose_account`.

    cluster = Cluster(data=run / "postgres", port=18701, password=secret)
    cluster.create()                      # initdb, once; then either let supervisor run `cluster.command`
    cluster.start()                       # or start it here (pg_ctl, waits until it answers)
    passwords = {role: token for role in ROLES}
    cluster.create_database("cityfreight", passwords)       # harmless when it exists
    urls = cluster.urls("cityfreight", passwords)   # {"registry_api": "postgresql://…", …, "superuser": …}
    migrate(urls)                         # every section that has a revision, in this process
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.places import Account, choose_account, groups_of
from deploy.local.processes import SERVICES
from deploy.local.progress import DeployError

PROJECT = Path(__file__).resolve().parents[2]
SUPERUSER = "postgres"
ROLES = tuple(f"{service}_{part}" for service in SERVICES for part in ("owner", "api", "worker"))
SOCKET_PATH_LIMIT = 90

_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_FAST = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off"}


def binaries() -> Path:
    """The directory of the newest PostgreSQL server (15 or newer) of the distribution.

    Raises:
        DeployError: There is none.
    """
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    recent = [path for path in found if path.parent.name.isdigit() and int(path.parent.name) >= 15]  # noqa: PLR2004 - PostgreSQL 15
    if not recent:
        raise DeployError("PostgreSQL 15 or newer is not installed (package postgresql with its postgis)")
    return max(recent, key=lambda path: int(path.parent.name))


@dataclass(frozen=True)
class Cluster:
    """One cluster in one directory, on loopback and a Unix socket."""

    data: Path
    port: int
    password: str
    """Of the superuser `postgres`."""
    fast: bool = False
    """Without fsync: for tests whose subject is not durability."""
    settings: tuple[tuple[str, str], ...] = ()
    """Further lines of the configuration."""

    @property
    def sockets(self) -> Path:
        """Directory of the Unix socket; elsewhere where the path would be too long for one."""
        near = self.data.parent / "sockets"
        if len(str(near)) <= SOCKET_PATH_LIMIT:
            return near
        return Path(tempfile.gettempdir()) / f"cityfreight-{self.port}"

    @property
    def command(self) -> tuple[str, ...]:
        """The server in the foreground, for a supervisor."""
        return (str(binaries() / "postgres"), "-D", str(self.data))

    def create(self) -> None:
        """Run initdb when there is no cluster yet; write the configuration (the port may have moved)."""
        account = choose_account()
        for directory in (self.data, self.sockets):
            _own(directory, account)
        if not (self.data / "PG_VERSION").exists():
            self._initdb()
        lines = [f"{key} = '{value}'" for key, value in self._configuration().items()]
        target = self.data / "freight.conf"
        target.write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            os.chown(target, account.uid, account.gid)

    def _initdb(self) -> None:
        given = self.data.parent / f".{self.data.name}.password"
        given.touch(mode=0o600)
        try:
            given.write_text(self.password)
            if os.geteuid() == 0:
                account = choose_account()
                os.chown(given, account.uid, account.gid)
            _run(
                [
                    *(
                        str(binaries() / "initdb"),
                        "-D",
                        str(self.data),
                        "-U",
                        SUPERUSER,
                        "-A",
                        "scram-sha-256",
                    ),
                    *("--pwfile", str(given), "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8"),
                    *(["--no-sync"] if self.fast else []),
                ]
            )
        finally:
            given.unlink()
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.write("\ninclude = 'freight.conf'\n")

    def _configuration(self) -> dict[str, str]:
        return {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "max_connections": "300",
            "shared_buffers": "256MB",
            "max_wal_size": "2GB",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_min_duration_statement": "2000",
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
            **(_FAST if self.fast else _DURABLE),
            **dict(self.settings),
        }

    def start(self) -> None:
        """Start in the background and wait until it answers.

        Raises:
            DeployError: It did not start; the text has the end of its log.
        """
        log = self.data / "server.log"
        try:
            _run([*self._control("start"), "-l", str(log), "-s"])
        except DeployError as error:
            tail = log.read_text(errors="replace").splitlines()[-10:] if log.exists() else []
            raise DeployError("\n".join([str(error), *tail])) from error

    def stop(self, mode: str = "fast") -> None:
        """Stop it (`smart`, `fast` or `immediate`); nothing happens when it does not run."""
        if self.pid() is not None:
            _run([*self._control("stop"), "-m", mode, "-s"])

    def pid(self) -> int | None:
        """Pid of the running postmaster of this very directory, or None."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid = int(lines[0])
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):
            return None
        return pid if str(self.data).encode() in words else None

    def _control(self, action: str) -> list[str]:
        return [str(binaries() / "pg_ctl"), action, "-D", str(self.data), "-w", "-t", "60"]

    def remove(self) -> None:
        """Stop it at once and delete everything."""
        self.stop("immediate")
        for directory in (self.data, self.sockets):
            shutil.rmtree(directory, ignore_errors=True)

    def url(self, database: str, role: str = SUPERUSER, password: str | None = None) -> str:
        """`postgresql://` URL of one role."""
        return f"postgresql://{role}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def urls(self, database: str, passwords: Mapping[str, str]) -> dict[str, str]:
        """URLs by role (`registry_api`, …) and for `superuser`."""
        roles = {role: self.url(database, role, password) for role, password in passwords.items()}
        return {**roles, "superuser": self.url(database)}

    def sql(self, statements: str, database: str = "postgres", variables: Sequence[str] = ()) -> str:
        """Run SQL with psql as the superuser; its unaligned output.

        Raises:
            DeployError: A statement failed.
        """
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        env = {
            **os.environ,
            "PGPASSWORD": self.password,
            "PGOPTIONS": " ".join(["-c client_min_messages=warning", *variables]),
        }
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER, "-d", database]
        done = subprocess.run(
            [str(binaries() / "psql"), *options, *where],
            input=statements,
            text=True,
            capture_output=True,
            check=False,
            env=env,
        )
        if done.returncode != 0:
            raise DeployError(f"psql on {database}: {done.stderr.strip()}")
        return done.stdout.strip()

    def create_database(
        self, name: str, passwords: Mapping[str, str], services: Sequence[str] = SERVICES
    ) -> None:
        """Create the database when missing, run `migrations/bootstrap.sql`, set the roles' passwords."""
        if not self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):  # noqa: S608 - names of our own
            self.sql(f'CREATE DATABASE "{name}"')
        bootstrap = (PROJECT / "migrations" / "bootstrap.sql").read_text()
        self.sql(bootstrap, name, [f"-c freight.services={','.join(services)}"])
        self.sql(
            "".join(f"ALTER ROLE {role} PASSWORD '{password}';\n" for role, password in passwords.items())
        )

    def clone_database(self, template: str, name: str) -> None:
        """Copy a database nobody is connected to, replacing an older copy."""
        self.drop_database(name)
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def drop_database(self, name: str) -> None:
        """Drop a database, ending its sessions."""
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def migrated_services() -> list[str]:
    """The services that have a first revision."""
    return [name for name in SERVICES if any((PROJECT / "migrations" / name).glob("[0-9]*.py"))]


def migrate(urls: Mapping[str, str], services: Sequence[str] | None = None) -> list[str]:
    """Bring every service's schema to head, in this process; the services that have revisions.

    Args:
        urls: As `Cluster.urls` gives them; the `<service>_owner` ones are used.
        services: Only these.
    """
    from alembic import command  # noqa: PLC0415 - the rest of this module runs without the venv

    names = migrated_services() if services is None else list(services)

    def upgrade() -> None:
        for name in names:
            command.upgrade(alembic_config(name, urls[f"{name}_owner"]), "head")

    with ThreadPoolExecutor(1) as apart:  # alembic's asyncio.run must not meet a caller's loop
        apart.submit(upgrade).result()
    return names


def alembic_config(service: str, url: str) -> Any:
    """Alembic's configuration of one service, with the URL of its owner role."""
    from alembic.config import Config  # noqa: PLC0415 - as in `migrate`

    return Config(str(PROJECT / "alembic.ini"), ini_section=service, attributes={"url": url})


def _own(directory: Path, account: Account) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(directory, account.uid, account.gid)


def _run(command: list[str]) -> None:
    """Run one of PostgreSQL's programs as the unprivileged account."""
    account = choose_account()
    as_account: dict[str, Any] = {}
    if not account.is_me:
        as_account = {"user": account.uid, "group": account.gid, "extra_groups": groups_of(account)}
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"}
    done = subprocess.run(
        command, check=False, cwd="/", env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **as_account,
    )  # fmt: skip
    if done.returncode != 0:
        raise DeployError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")
