"""The venv, made from the locked requirements with hashes; nothing is done while its stamp is current.

Standard library only.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local import packages
from deploy.local.places import CHECKOUT, Account, can
from deploy.local.progress import DeployError, run_logged

OLDEST = (3, 11)
STAMP = "requirements.sha256"
PROBE = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"


def ensure_venv(venv: Path, account: Account, lock_name: str, log: Path) -> None:
    """Makes `venv` hold what `requirements/<lock_name>.lock` says, usable by the account.

    `dev.lock` holds everything of `run.lock`, so a venv made for development serves to run as well.

    Raises:
        DeployError: no suitable python3, or the installation failed.
    """
    digests = {name: _digest(name) for name in ("run", "dev")}
    accepted = [digests["dev"]] if lock_name == "dev" else [digests["run"], digests["dev"]]
    stamp = venv / STAMP
    if stamp.exists() and stamp.read_text().strip() in accepted:
        return
    python = venv / "bin" / "python"
    if not python.exists():
        base = base_python(account, log)
        run_logged(f"making {venv}", [base, "-m", "venv", str(venv)], log)
    if stamp.exists():
        stamp.unlink()
    lock = CHECKOUT / "requirements" / f"{lock_name}.lock"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    run_logged(f"installing {lock_name}.lock", [*pip, "--require-hashes", "-r", str(lock)], log)
    stamp.write_text(digests[lock_name] + "\n")


def _digest(lock_name: str) -> str:
    lock = CHECKOUT / "requirements" / f"{lock_name}.lock"
    return f"{lock_name} {hashlib.sha256(lock.read_bytes()).hexdigest()}"


def usable(venv: Path, account: Account) -> bool:
    """Whether the account can run the venv's interpreter; true of a venv that is not there yet."""
    python = venv / "bin" / "python"
    return not os.path.lexists(python) or can(account, str(python), "-c", "import sys")


def base_python(account: Account, log: Path) -> str:
    """An interpreter from 3.11 with venv and ensurepip that the account can run.

    Installs the distribution's python3-venv when that is all that is missing.

    Raises:
        DeployError: there is none.
    """
    found = _candidates(account)
    if found is None and any(_version_ok(path) for path in _interpreters()):
        packages.install(_venv_packages(), log)
        found = _candidates(account)
    if found is None:
        raise DeployError(
            f"no python3 from {OLDEST[0]}.{OLDEST[1]} with venv that {account.name} can run was found"
        )
    return found


def _interpreters() -> list[str]:
    names = [sys.executable, shutil.which("python3"), "/usr/bin/python3", "/usr/local/bin/python3"]
    return list(dict.fromkeys(os.path.realpath(name) for name in names if name and Path(name).exists()))


def _candidates(account: Account) -> str | None:
    for path in _interpreters():
        if can(account, path, "-c", PROBE):
            return path
    return None


def _version_ok(path: str) -> bool:
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([path, "-c", check], capture_output=True, check=False).returncode == 0


def _venv_packages() -> list[str]:
    answer = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print('python%d.%d-venv' % sys.version_info[:2])"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    specific = answer.stdout.strip()
    return ["python3-venv", specific] if specific else ["python3-venv"]


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of the platform's own processes: only locale and time zone of the caller's shell."""
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ", "TERM") if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", **kept, **extra}
