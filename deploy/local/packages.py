"""Distribution packages: what is missing is installed without starting or configuring anything global.

Standard library only: this runs with the system's python3 before any venv exists.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from deploy.local.progress import DeployError, run_logged

OLDEST_POSTGRESQL = 15
NEWEST_POSTGRESQL = 30
SBIN = ("/usr/sbin", "/usr/local/sbin", "/sbin")
PROGRAMS = {"mosquitto": "mosquitto", "nginx": "nginx", "mosquitto_pub": "mosquitto-clients", "curl": "curl"}
"""Program → package; the last two are what the README walks with."""
C_HEADER = Path("/usr/include/stdio.h")
"""Of libc6-dev. Benchmarks compile what they compare with."""
POLICY = Path("/usr/sbin/policy-rc.d")
CREATECLUSTER = Path("/etc/postgresql-common/createcluster.d/cityfreight-install.conf")


def find_program(name: str) -> str | None:
    """Absolute path of a program, looked for in the sbin directories too (users often lack them in PATH)."""
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(SBIN))


def postgresql_versions() -> list[int]:
    """Major versions installed with PostGIS, newest first."""
    found = []
    for server in Path("/usr/lib/postgresql").glob("*/bin/postgres"):
        major = server.parent.parent.name
        control = Path("/usr/share/postgresql") / major / "extension" / "postgis.control"
        if major.isdigit() and int(major) >= OLDEST_POSTGRESQL and control.exists():
            found.append(int(major))
    return sorted(found, reverse=True)


def missing_packages(*, compiler: bool = False) -> list[str]:
    """Distribution packages that are needed and not there; asks apt only when something is missing."""
    wanted = []
    if not postgresql_versions():
        wanted += _postgis_packages()
    wanted += [package for program, package in PROGRAMS.items() if find_program(program) is None]
    if compiler:
        wanted += [] if find_program("gcc") else ["gcc"]
        wanted += [] if C_HEADER.exists() else ["libc6-dev"]
    return wanted


def _postgis_packages() -> list[str]:
    installed = sorted((int(p.name) for p in Path("/usr/lib/postgresql").glob("[0-9]*")), reverse=True)
    for major in [m for m in installed if m >= OLDEST_POSTGRESQL] + list(
        range(NEWEST_POSTGRESQL, OLDEST_POSTGRESQL - 1, -1)
    ):
        if _has_candidate(f"postgresql-{major}-postgis-3"):
            return [f"postgresql-{major}", f"postgresql-{major}-postgis-3"]
    return [f"postgresql-{OLDEST_POSTGRESQL}", f"postgresql-{OLDEST_POSTGRESQL}-postgis-3"]


def _has_candidate(package: str) -> bool:
    if shutil.which("apt-cache") is None:
        return False
    answer = subprocess.run(
        ["apt-cache", "policy", package],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    return "Candidate:" in answer.stdout and "Candidate: (none)" not in answer.stdout


def privilege() -> list[str]:
    """The words before a command that needs root: none as root, `sudo` otherwise.

    Raises:
        DeployError: neither root nor a usable sudo.
    """
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        raise DeployError("not root, and there is no sudo on this machine")
    quiet = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False)
    if quiet.returncode == 0:
        return [sudo, "-n"]
    if os.isatty(0) and subprocess.run([sudo, "-v"], check=False).returncode == 0:
        return [sudo]
    raise DeployError("not root, and sudo does not let this user in")


def install(packages: list[str], log: Path) -> None:
    """Installs packages with apt-get, suppressing service start and the distribution's default cluster.

    Raises:
        DeployError: no apt-get, no way to become root, or the installation failed.
    """
    by_hand = f"Install these packages by hand and run the command again: {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise DeployError(f"This is not a Debian or Ubuntu system (no apt-get). {by_hand}")
    try:
        root = privilege()
    except DeployError as error:
        raise DeployError(f"Distribution packages are missing, but {error}. {by_hand}") from error
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "apt-get", "-y", "-q"]
    with _nothing_started(root):
        if not all(_has_candidate(name) for name in packages):
            run_logged("refreshing the package lists", [*apt, "update"], log)
            packages = _renew(packages)
        command = [
            *apt,
            "--no-install-recommends",
            "-o",
            "Dpkg::Options::=--force-confold",
            "install",
            *packages,
        ]
        try:
            run_logged(f"installing {' '.join(packages)}", command, log)
        except DeployError:
            run_logged("refreshing the package lists", [*apt, "update"], log)
            run_logged(f"installing {' '.join(packages)}", command, log)
    _keep_quiet_at_boot(root, packages)


def _renew(packages: list[str]) -> list[str]:
    others = [name for name in packages if not name.startswith("postgresql-")]
    return others if len(others) == len(packages) else _postgis_packages() + others


def _keep_quiet_at_boot(root: list[str], packages: list[str]) -> None:
    """The daemons of freshly installed packages shall not come up at the next boot either."""
    if shutil.which("systemctl") is None:
        return
    for unit in {"mosquitto", "nginx"} & set(packages):
        subprocess.run([*root, "systemctl", "disable", unit], capture_output=True, check=False)


@contextlib.contextmanager
def _nothing_started(root: list[str]) -> Iterator[None]:
    """While installing: no service starts (policy-rc.d says 101), no default cluster is made."""
    kept = POLICY.read_bytes() if POLICY.exists() else None
    kept_mode = POLICY.stat().st_mode & 0o777 if kept is not None else 0o755
    _write(root, POLICY, b"#!/bin/sh\nexit 101\n", 0o755)
    _write(root, CREATECLUSTER, b"create_main_cluster = false\n", 0o644)
    try:
        yield
    finally:
        if kept is None:
            subprocess.run([*root, "rm", "-f", str(POLICY)], check=False)
        else:
            _write(root, POLICY, kept, kept_mode)
        subprocess.run([*root, "rm", "-f", str(CREATECLUSTER)], check=False)


def _write(root: list[str], path: Path, content: bytes, mode: int) -> None:
    subprocess.run([*root, "mkdir", "-p", str(path.parent)], check=True)
    subprocess.run([*root, "tee", str(path)], input=content, stdout=subprocess.DEVNULL, check=True)
    subprocess.run([*root, "chmod", f"{mode:o}", str(path)], check=True)
