"""Where things lie: the checkout, the run directory, the venv; and which account the processes run as.

A checkout started by root still runs unprivileged. Where that account cannot read the checkout (root's
home, say), the run directory, the venv and a copy of the source move to a place below `/var/tmp`.
Standard library only.
"""

import grp
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deploy.local.progress import DeployError

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = (
    "alembic.ini",
    "city",
    "deploy",
    "docs",
    "gateway",
    "migrations",
    "pyproject.toml",
    "requirements",
    "services",
)
RUN_VARIABLE, VENV_VARIABLE = "FREIGHT_RUN", "FREIGHT_VENV"


@dataclass(frozen=True)
class Account:
    """The unprivileged account of every process."""

    name: str
    uid: int
    gid: int

    @property
    def is_me(self) -> bool:
        """Whether this process already runs as it."""
        return os.geteuid() == self.uid


@dataclass(frozen=True)
class Places:
    """The directories of one installation."""

    source: Path
    run: Path
    venv: Path
    account: Account

    @property
    def python(self) -> Path:
        """The interpreter of the venv."""
        return self.venv / "bin" / "python"

    @property
    def secrets(self) -> Path:
        """One directory per process, mode 0700; files 0600."""
        return self.run / "secrets"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.run / "logs"

    @property
    def pids(self) -> Path:
        """`<process>.pid` and the identity beside it."""
        return self.run / "pids"

    @property
    def admin_file(self) -> Path:
        """The generated credential of the first administrator."""
        return self.secrets / "admin.txt"


def _account(uid: int) -> Account:
    entry = pwd.getpwuid(uid)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def choose_account(checkout: Path = CHECKOUT) -> Account:
    """The account to run as: this user.

    For root: the owner of the run directory or of the checkout, `FREIGHT_USER`, the sudo user, or nobody.

    Raises:
        DeployError: `FREIGHT_USER` names nobody known.
    """
    if os.geteuid() != 0:
        return _account(os.geteuid())
    named = os.environ.get("FREIGHT_USER") or os.environ.get("SUDO_USER")
    for candidate in (checkout / ".run", checkout):
        if candidate.exists() and candidate.stat().st_uid != 0:
            return _account(candidate.stat().st_uid)
    if named and named != "root":
        try:
            return _account(pwd.getpwnam(named).pw_uid)
        except KeyError as error:
            raise DeployError(f"FREIGHT_USER/SUDO_USER names an unknown account: {named}") from error
    return _account(pwd.getpwnam("nobody").pw_uid)


def can(account: Account, *command: str) -> bool:
    """Whether a command succeeds when run as the account (this user, or any when root)."""
    try:
        done = subprocess.run(
            list(command),
            capture_output=True,
            check=False,
            cwd="/",
            env={"PATH": "/usr/bin:/bin"},
            **as_account(account),
        )
    except OSError:
        return False
    return done.returncode == 0


def as_account(account: Account) -> dict[str, Any]:
    """Arguments of `subprocess` that make a child run as the account."""
    if account.is_me:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": groups_of(account)}


def groups_of(account: Account) -> list[int]:
    """Supplementary groups of the account."""
    return [entry.gr_gid for entry in grp.getgrall() if account.name in entry.gr_mem]


def find(checkout: Path = CHECKOUT) -> Places:
    """The places of this checkout, as they would be made by `prepare`; changes nothing.

    A command that has become the account is told run directory and venv by its environment; a caller may
    name another run directory by `FREIGHT_RUN` alone.
    """
    given, venv = os.environ.get(RUN_VARIABLE), os.environ.get(VENV_VARIABLE)
    if given and venv and os.geteuid() != 0:
        return Places(checkout, Path(given), Path(venv), _account(os.geteuid()))
    account = choose_account(checkout)
    if can(account, "test", "-r", str(checkout / "Makefile"), "-a", "-x", str(checkout)):
        run = fallback_home(checkout) / "run" if _leads_home(checkout) else checkout / ".run"
        found = Places(checkout, run, checkout / ".venv", account)
    else:
        home = fallback_home(checkout)
        found = Places(home / "source", home / "run", home / "venv", account)
    return replace(found, run=Path(given)) if given else found


def fallback_home(checkout: Path = CHECKOUT) -> Path:
    """Root's own directory for a checkout that the unprivileged account cannot read."""
    return Path("/var/tmp") / f"cityfreight-{hashlib.sha256(bytes(checkout)).hexdigest()[:12]}"  # noqa: S108 - owner checked


def _leads_home(checkout: Path) -> bool:
    """Whether `.run` is the link made when the account could not read the checkout: the data lies there."""
    here, home = checkout / ".run", fallback_home(checkout)
    is_ours = here.is_symlink() and here.readlink() == home / "run"
    return is_ours and home.is_dir() and home.stat().st_uid == os.geteuid()


def linked(places: Places, checkout: Path = CHECKOUT) -> bool:
    """Whether the checkout's `.run` is a link to this run directory."""
    here = checkout / ".run"
    return here.is_symlink() and here.readlink() == places.run


def link(places: Places, checkout: Path = CHECKOUT) -> None:
    """Leaves `.run` in the checkout as a link to a run directory that had to lie elsewhere.

    So that what is documented to lie in `.run` is found there. Touches nothing else of that name.
    """
    here = checkout / ".run"
    if places.run == fallback_home(checkout) / "run" and not os.path.lexists(here):
        here.symlink_to(places.run)


def unlink(places: Places, checkout: Path = CHECKOUT) -> None:
    """Removes what `link` left."""
    if linked(places, checkout):
        (checkout / ".run").unlink()


def prepare(places: Places) -> None:
    """Makes the run directory (owned by the account) and, where it is a copy, brings the source up to date.

    Raises:
        DeployError: a directory cannot be made or belongs to somebody else.
    """
    try:
        if places.source != CHECKOUT:
            _make(places.source.parent, os.geteuid(), os.getegid(), 0o755)
            _copy_source(places.source)
        _make(places.run, places.account.uid, places.account.gid, 0o755)
    except OSError as error:
        raise DeployError(f"cannot prepare {places.run}: {error}") from error


def _make(path: Path, uid: int, gid: int, mode: int) -> None:
    path.mkdir(mode=mode, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise DeployError(f"{path} is not a directory")
    if found.st_uid != uid:
        if os.geteuid() != 0 or found.st_uid != 0:
            raise DeployError(
                f"{path} belongs to uid {found.st_uid}, not to {uid}; remove it or start as its owner"
            )
        os.chown(path, uid, gid)
    path.chmod(mode)


def _copy_source(target: Path) -> None:
    """Mirrors what the processes read; root owns the copy, the account only reads it."""
    target.mkdir(mode=0o755, exist_ok=True)
    for name in SOURCE_ROOTS:
        here, there = CHECKOUT / name, target / name
        if here.is_dir():
            shutil.rmtree(there, ignore_errors=True)
            shutil.copytree(here, there, ignore=shutil.ignore_patterns("__pycache__"))
        elif here.exists():
            shutil.copy2(here, there)
    subprocess.run(["chmod", "-R", "u=rwX,go=rX", str(target)], check=True)


def give(directory: Path, account: Account) -> None:
    """Makes a directory and all in it the account's own (root only; nothing to do otherwise)."""
    if account.is_me:
        return
    for path in [directory, *directory.rglob("*")]:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def drop(account: Account) -> None:
    """Gives up root for good; does nothing when this process already runs as the account."""
    if account.is_me:
        return
    os.setgroups(groups_of(account))
    os.setgid(account.gid)
    os.setuid(account.uid)
