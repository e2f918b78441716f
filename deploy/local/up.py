"""`make up`: brings the platform to life and returns when all of it is healthy; harmless when run again."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from deploy.local import broker, choices, credentials, edge, installation, processes, seed
from deploy.local.cluster import ROLES, migrate
from deploy.local.environment import clean_environment
from deploy.local.installation import HOST, Installation, await_health
from deploy.local.progress import DeployError, fail, say, step

OPEN_FILES = 65536
QUICK_LOOK_SECONDS = 10.0
"""A busy machine answers late; that alone is no reason to restart what runs."""


def main() -> int:
    """Runs the command."""
    began = time.monotonic()
    try:
        wanted = installation.load()
        before = _running(wanted)
        if before is not None and _is_up(before, wanted):
            say(f"already up since {_since(before)}")
        else:
            if before is not None:
                step("restarting what runs with other settings or is not healthy")
                before.supervision.shut_down()
            bring_up(wanted)
            say(f"up in {time.monotonic() - began:.0f} s")
    except DeployError as error:
        return fail(error)
    _announce(wanted)
    return 0


def _running(wanted: Installation) -> Installation | None:
    """The installation whose supervisord answers, with the choices it was started with."""
    if wanted.supervision.pid() is None:
        return None
    kept = {name: os.environ.pop(name, None) for name in ("PORT_BASE", "DEMO")}
    before = installation.load()
    os.environ.update({name: value for name, value in kept.items() if value is not None})
    return before


def _is_up(before: Installation, wanted: Installation) -> bool:
    if replace(before, place=wanted.place) != wanted:
        return False
    supervision = wanted.supervision
    if not supervision.config.exists() or supervision.config.read_text() != supervision.render(
        wanted.programs()
    ):
        return False
    try:
        await_health(wanted, processes.selected(demo=wanted.demo), QUICK_LOOK_SECONDS)
    except DeployError:
        return False
    return True


def _since(before: Installation) -> str:
    return str(before.supervision.states()["edge"]["description"])


def bring_up(wanted: Installation) -> None:
    """First start or start after `make down`.

    Raises:
        DeployError: a port is taken, or a step failed.
    """
    choices.free_the_ports(wanted.place.run)
    _raise_open_files()
    for directory in (wanted.place.secrets, wanted.place.logs, wanted.place.pids):
        credentials.private_directory(directory)
    deployment = credentials.load_or_generate(wanted.place.secrets)
    credentials.distribute(wanted.place.run, deployment, port=wanted.port(processes.POSTGRES))
    _configure(wanted)
    cluster = wanted.cluster(deployment.superuser_password)
    step("preparing the database cluster")
    cluster.create()
    choices.remember(wanted.place.run, wanted.port_base, with_demo=wanted.demo)
    supervision = wanted.supervision
    supervision.launch(wanted.programs())
    _start(wanted, 1)
    step("migrating")
    _migrate(cluster, deployment)
    _once(wanted, processes.FIRST_ADMIN)
    seeded = (wanted.place.secrets / "fleet" / "telemetry_fleet").exists()
    _start(wanted, *((2, 4) if seeded else (2,)))
    step("seeding the city profile" + (" and the demo tenants" if wanted.demo else ""))
    seed.run(seed.Target(wanted.address, wanted.place.secrets, wanted.demo), deployment.admin_password)
    _start(wanted, 4)


def _raise_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _configure(wanted: Installation) -> None:
    run = wanted.place.run
    lines = (wanted.place.secrets / "broker-agent" / "telemetry_broker_passwords").read_text().split()
    broker.configure(run / "broker", port=wanted.port(processes.BROKER), platform_lines=lines)
    upstreams = {service: f"{HOST}:{wanted.port(offset)}" for service, offset in processes.API_OFFSET.items()}
    settings = edge.EdgeSettings(listen=f"{HOST}:{wanted.port(processes.EDGE)}", upstreams=upstreams)
    edge.configure(run / "edge", settings, edge.load_routes())


def _start(wanted: Installation, *stages: int) -> None:
    members = [process for process in processes.selected(demo=wanted.demo) if process.stage in stages]
    if not members:
        return
    step(f"starting {_names(members)}")
    for process in members:
        wanted.supervision.start(process.name)
    await_health(wanted, members)


def _names(members: Iterable[processes.Process]) -> str:
    return ", ".join(process.name for process in members)


def _migrate(cluster: Any, deployment: credentials.Deployment) -> None:
    passwords = {role: deployment.role_passwords[role] for role in ROLES}
    cluster.create_database(credentials.DATABASE, passwords)
    migrate(cluster.urls(credentials.DATABASE, passwords))


def _once(wanted: Installation, task: processes.Process) -> None:
    """Runs a task of the process table to its end."""
    environment = clean_environment({**wanted.environment(task), "PYTHONPATH": str(wanted.place.source)})
    done = subprocess.run(
        wanted.command(task),
        cwd=wanted.place.source,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    (wanted.place.logs / f"{task.name}.log").write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        raise DeployError(f"{task.name} failed:\n  {(done.stderr or done.stdout).strip()[-1500:]}")


def _announce(wanted: Installation) -> None:
    place = wanted.place
    demo = (
        "30 simulated vans of demo tenants are driving (DEMO=0 leaves them out)"
        if wanted.demo
        else "no demo tenants"
    )
    say(
        f"""
The platform is up: {wanted.address}
  documentation   {wanted.address}/docs
  broker (MQTT)   {HOST}:{wanted.port(processes.BROKER)}
  JT/T 808 (TCP)  {HOST}:{wanted.port(processes.JT808)}
  administrator   user name and password in {place.admin_file} (mode 0600)
  logs            {place.logs}
  {demo}

Try next:
  make status                     what runs, since when, how healthy
  make doctor                     probes from outside
  curl -s {wanted.address}/healthz
  curl -s {wanted.address}/v1/staff-sessions -H 'Content-Type: application/json' \\
    -d '{{"username": "admin", "password": "…"}}'      a token; the README walks on from here
  make down                       ends everything, keeps the data"""
    )


if __name__ == "__main__":
    sys.exit(main())
