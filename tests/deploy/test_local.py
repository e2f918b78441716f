"""What `make up` does around the processes: ports, secrets, places, packages, probes."""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deploy.local import (
    bootstrap,
    choices,
    credentials,
    doctor,
    identity,
    installation,
    packages,
    places,
    ports,
    processes,
    rotate_keys,
)
from deploy.local.broker import MOSQUITTO
from deploy.local.progress import DeployError
from services.registry.settings import RegistryApiSettings
from services.shared.personal.keys import next_ring
from tests.support.broker import RunningBroker
from tests.support.scheduling import CITY, scope_of


def test_a_port_in_use_is_named_with_its_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        monkeypatch.setenv("PORT_BASE", str(port - processes.POSTGRES))
        with pytest.raises(DeployError) as refused:
            choices.free_the_ports(tmp_path)
    message = str(refused.value)
    assert f"port {port} is in use by process {os.getpid()}" in message
    assert ports.command_of(os.getpid())[:40] in message
    assert f"PORT_BASE={port - 1 + 1000}" in message


def test_free_ports_are_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    monkeypatch.setenv("PORT_BASE", str(unused_port))
    assert str(unused_port) not in {str(holder.port) for holder in ports.holders({unused_port})}
    with socket.socket() as outgoing:
        outgoing.bind(("127.0.0.1", unused_port))
        choices.free_the_ports(tmp_path)  # bound, but nobody listens


@pytest.mark.parametrize("given", ["0", "80", "70000", "-1", "eighteen"])
def test_a_port_base_out_of_range_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("PORT_BASE", given)
    with pytest.raises(DeployError, match="PORT_BASE"):
        choices.port_base(tmp_path)


def test_choices_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT_BASE", raising=False)
    monkeypatch.delenv("DEMO", raising=False)
    assert (choices.port_base(tmp_path), choices.demo(tmp_path)) == (processes.DEFAULT_PORT_BASE, True)
    choices.remember(tmp_path, 20000, with_demo=False)
    assert (choices.port_base(tmp_path), choices.demo(tmp_path)) == (20000, False)


def test_no_two_processes_share_a_port_or_a_name() -> None:
    offsets = [port for process in processes.PROCESSES for port in process.ports]
    names = [process.name for process in processes.PROCESSES]
    assert len(set(offsets)) == len(offsets)
    assert len(set(names)) == len(names)


def test_secrets_are_private_kept_and_only_what_each_process_may_know(tmp_path: Path) -> None:
    deployment = credentials.load_or_generate(tmp_path / "secrets")
    credentials.distribute(tmp_path, deployment, port=1111)
    again = credentials.load_or_generate(tmp_path / "secrets")
    assert again == deployment
    for path in (tmp_path / "secrets").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    api = {path.name for path in (tmp_path / "secrets" / "permits-api").iterdir()}
    assert api == {"permits_database_url", "permits_service_key"}
    everywhere = list((tmp_path / "secrets").rglob("registry_signing_key"))
    assert [path.parent.name for path in everywhere] == ["registry-api"]
    url = (tmp_path / "secrets" / "permits-worker" / "permits_database_url").read_text()
    assert url.startswith("postgresql://permits_worker:")
    assert '"d"' not in (tmp_path / "service_keys.json").read_text()


def test_a_moved_port_changes_the_urls_and_nothing_else(tmp_path: Path) -> None:
    deployment = credentials.load_or_generate(tmp_path / "secrets")
    credentials.distribute(tmp_path, deployment, port=1111)
    before = {path: path.read_text() for path in (tmp_path / "secrets").rglob("*") if path.is_file()}
    credentials.distribute(tmp_path, deployment, port=2222)
    changed = [path for path, text in before.items() if path.read_text() != text]
    assert changed
    assert {path.name.split("_", 1)[1] for path in changed} == {"database_url"}


def test_a_process_reads_its_settings_from_its_own_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials.distribute(tmp_path, credentials.load_or_generate(tmp_path / "secrets"), port=1111)
    process = processes.by_name("registry-api")
    for name, value in processes.settings_environment(
        process, port_base=20000, run=str(tmp_path), demo=True
    ).items():
        monkeypatch.setenv(name, value)
    settings = RegistryApiSettings()
    assert settings.port == 20010
    assert settings.environment == "demo"
    assert json.loads(settings.signing_key.get_secret_value())["crv"] == "Ed25519"


def test_no_secret_stands_in_an_environment(tmp_path: Path) -> None:
    deployment = credentials.load_or_generate(tmp_path / "secrets")
    values = {deployment.superuser_password, deployment.admin_password, *deployment.role_passwords.values()}
    for process in processes.PROCESSES:
        shown = processes.settings_environment(process, port_base=1, run=str(tmp_path), demo=True)
        assert not [
            value for value in values if value in json.dumps(shown) or value in " ".join(process.command)
        ]


def test_sample_and_short_secrets_are_found() -> None:
    good = credentials.generate()
    assert doctor.weak_secrets(good) == []
    assert doctor.weak_secrets({**good, "mqtt_password": "changeme"}) == ["mqtt_password"]
    roles = {**good["role_passwords"], "permits_api": "short"}
    assert doctor.weak_secrets({**good, "role_passwords": roles}) == ["role_passwords.permits_api"]


def test_the_shipped_broker_refuses_the_anonymous(broker: RunningBroker) -> None:
    assert doctor.anonymous_refused(broker.host, broker.port).good


def test_an_open_broker_is_found_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        accepting = subprocess.Popen([sys.executable, "-c", f"""
import socket
with socket.socket(fileno={server.fileno()}) as s:
    c, _ = s.accept(); c.recv(100); c.sendall(bytes([0x20, 3, 0, 0, 0]))
"""], pass_fds=[server.fileno()])  # fmt: skip
        found = doctor.anonymous_refused("127.0.0.1", port)
        accepting.wait(timeout=10)
    assert not found.good


@pytest.mark.parametrize(
    "line",
    ["allow_anonymous false", "use_username_as_clientid true", "max_inflight_messages 1000",
     "set_tcp_nodelay false", "max_packet_size 65536", "connection_messages true", "autosave_interval 300",
     "persistence true"],
)  # fmt: skip
def test_the_broker_is_configured_as_measured(line: str) -> None:
    assert line in MOSQUITTO.splitlines()


def test_the_broker_queue_is_a_very_large_number_and_not_unlimited() -> None:
    limit = next(line for line in MOSQUITTO.splitlines() if line.startswith("max_queued_messages "))
    assert int(limit.split()[1]) >= 100_000_000


def test_packages_are_asked_for_by_name_when_nobody_can_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name, **_: None if name == "sudo" else f"/usr/bin/{name}")
    with pytest.raises(DeployError, match="nginx") as refused:
        packages.install(["nginx"], tmp_path / "log")
    assert "sudo" in str(refused.value)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(DeployError, match="Debian"):
        packages.install(["nginx"], tmp_path / "log")


def test_root_never_is_the_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FREIGHT_USER", "SUDO_USER"):
        monkeypatch.delenv(name, raising=False)
    assert places.choose_account(tmp_path).uid != 0


def _elsewhere(checkout: Path, home: Path) -> places.Places:
    return places.Places(home / "source", home / "run", home / "venv", places.choose_account(checkout))


def test_a_run_directory_elsewhere_is_found_in_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, checkout = tmp_path / "home", tmp_path / "checkout"
    (home / "run").mkdir(parents=True)
    checkout.mkdir()
    monkeypatch.setattr(places, "fallback_home", lambda *_: home)
    monkeypatch.delenv(places.RUN_VARIABLE, raising=False)
    for _ in range(2):
        places.link(_elsewhere(checkout, home), checkout)
        assert (checkout / ".run").resolve() == home / "run"
    monkeypatch.setattr(places, "can", lambda *_: True)  # the account may read the checkout from now on
    assert places.find(checkout).run == home / "run"
    places.unlink(_elsewhere(checkout, home), checkout)
    assert places.find(checkout).run == checkout / ".run"


def test_what_is_already_called_run_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "fallback_home", lambda *_: tmp_path / "home")
    monkeypatch.delenv(places.RUN_VARIABLE, raising=False)
    (tmp_path / ".run").symlink_to("/etc")
    for change in (places.link, places.unlink):
        change(_elsewhere(tmp_path, tmp_path / "home"), tmp_path)
        assert (tmp_path / ".run").readlink() == Path("/etc")


def test_a_benchmark_asks_for_a_compiler_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_program", lambda name: None if name == "gcc" else name)
    monkeypatch.setattr(packages, "C_HEADER", Path("/nowhere/stdio.h"))
    assert {"gcc", "libc6-dev"} <= set(packages.missing_packages(compiler=True))
    assert "gcc" not in packages.missing_packages()


def test_the_whole_platforms_of_tests_share_one_worker() -> None:
    (command,) = bootstrap.commands("test", ["-k", "x"], "python")
    files = ("deploy/test_make_up.py", "journeys/test_day.py", "journeys/test_cascade.py")
    assert {scope_of(f"tests/{file}::test_x") for file in files} == {CITY}
    assert scope_of("tests/shared/test_geo.py::test_x") == "tests/shared/test_geo.py"
    assert "-n" in command
    assert command[-2:] == ["-k", "x"]


def test_an_orphan_is_ended_with_its_group_and_nobody_else(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "import signal; signal.pause()"]
    orphan, bystander = (subprocess.Popen(program, start_new_session=True) for _ in range(2))
    identity.record(tmp_path, "orphan", orphan.pid)
    assert identity.end_all(tmp_path) == {"orphan": [orphan.pid]}
    assert orphan.wait(timeout=5) != 0
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait(timeout=5)


def test_a_ring_is_in_the_masters_before_a_process_has_it(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    deployment = credentials.load_or_generate(secrets)
    credentials.distribute(tmp_path, deployment, port=1111)
    before = {path: path.read_text() for path in secrets.rglob("*") if path.is_file()}
    ring = next_ring(deployment.personal_keys["registry"])
    kept = credentials.keep_ring(secrets, "registry", ring)
    assert credentials.load_or_generate(secrets) == kept
    assert kept.personal_keys == {"registry": ring}
    assert {path.name for path, text in before.items() if path.read_text() != text} == {"masters.json"}
    credentials.distribute(tmp_path, kept, port=1111)
    changed = {
        path.relative_to(secrets).as_posix() for path, text in before.items() if path.read_text() != text
    }
    assert changed == {
        "deployment/masters.json",
        "registry-api/registry_personal_keys",
        "registry-worker/registry_personal_keys",
    }
    assert stat.S_IMODE((secrets / "registry-api" / "registry_personal_keys").stat().st_mode) == 0o600


@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_rotation_goes_on_where_it_was_interrupted(
    done: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = credentials.load_or_generate(tmp_path).personal_keys["registry"]
    for _ in range(done):
        ring = next_ring(ring)
    credentials.keep_ring(tmp_path, "registry", ring)
    seen: list[tuple[int, bool]] = []

    def give(_current: object, given: Mapping[str, Any]) -> None:
        seen.append((len(given["keys"]), rotate_keys._is_promoted(given)))
        credentials.keep_ring(tmp_path, "registry", given)

    monkeypatch.setattr(rotate_keys, "_give", give)
    monkeypatch.setattr(rotate_keys, "_await_rewrapped", lambda *_: seen.append((0, True)))
    up = SimpleNamespace(supervision=SimpleNamespace(pid=lambda: 1), place=SimpleNamespace(secrets=tmp_path))
    rotate_keys.rotate(cast("installation.Installation", up))
    states = [(2, False), (2, True), (0, True), (1, False)]
    again = [] if done == 0 else [states[done - 1]]
    assert seen == again + states[done:]
    assert len(credentials.load_or_generate(tmp_path).personal_keys["registry"]["keys"]) == 1
