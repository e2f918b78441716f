"""First step of every `make` target: packages, venv, account; then the target itself in the venv.

Runs with the system's python3 (from 3.11) and the standard library only:
`python3 -m deploy.local.bootstrap up`.
"""

import contextlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from deploy.local import choices, environment, packages, places
from deploy.local.progress import DeployError, fail, say

PLATFORM = {
    "up": "deploy.local.up",
    "down": "deploy.local.down",
    "status": "deploy.local.status",
    "logs": "deploy.local.logs",
    "reset": "deploy.local.reset",
    "doctor": "deploy.local.doctor",
    "rotate-keys": "deploy.local.rotate_keys",
    "replay": "services.telemetry.consumers.replay",
    "simulate": "services.telemetry.consumers.simulate",
}
"""Targets run as the unprivileged account with the run directory at hand."""
TOOLS = {"decode-jt808": "services.telemetry.consumers.decode_jt808"}
"""Targets run as the caller; standard output is the tool's alone."""
DEVELOPMENT = ("test", "check", "routes", "bench", "fuzz", "venv")
"""Targets run as the caller in the checkout with the development venv."""


def main(arguments: list[str]) -> int:
    """Runs one target; the exit code is the target's."""
    if sys.version_info < environment.OLDEST:
        return fail(
            DeployError("python3 is too old: 3.11 or newer is needed (set PYTHON=… to choose another)")
        )
    if not arguments or arguments[0] not in {*PLATFORM, *TOOLS, *DEVELOPMENT}:
        return fail(DeployError(f"unknown target; one of: {', '.join([*PLATFORM, *TOOLS, *DEVELOPMENT])}"))
    try:
        return _run(arguments[0], arguments[1:])
    except DeployError as error:
        return fail(error)
    except KeyboardInterrupt:
        say("\ninterrupted")
        return 130


def _run(target: str, arguments: list[str]) -> int:
    if target in PLATFORM:
        return _platform(target, arguments)
    if target in TOOLS:
        return _tool(TOOLS[target], arguments)
    return _development(target, arguments)


def _log(name: str) -> Path:
    directory = Path(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 - a log of the caller's own
    return directory / f"cityfreight-{os.geteuid()}-{name}.log"


def _packages(*, compiler: bool = False) -> None:
    missing = packages.missing_packages(compiler=compiler)
    if missing:
        say(f"missing distribution packages: {' '.join(missing)}")
        packages.install(missing, _log("packages"))


def _place() -> places.Places:
    """The places, with the venv that was named or, where the account cannot run the checkout's, another."""
    place = places.find()
    given = os.environ.get(places.VENV_VARIABLE)
    if given:
        return replace(place, venv=Path(given))
    if place.source != places.CHECKOUT or environment.usable(place.venv, place.account):
        return place
    home = places.fallback_home()
    home.mkdir(mode=0o755, exist_ok=True)
    if home.stat().st_uid != os.geteuid():
        raise DeployError(f"{home} belongs to somebody else")
    return replace(place, venv=home / "venv")


def _platform(target: str, arguments: list[str]) -> int:
    place = _place()
    if target in {"up", "doctor"}:
        _packages()
    if target == "up":
        places.prepare(place)
        places.link(place)
        choices.free_the_ports(place.run)
    if target in {"up", "replay", "simulate"} or not place.python.exists():
        environment.ensure_venv(place.venv, place.account, "run", _log("venv"))
    if target != "up" and not place.run.exists():
        if target in {"down", "reset", "status"}:
            say("nothing here: `make up` has not been run in this checkout")
            return 0
        places.prepare(place)
    if target == "up" and os.geteuid() == 0:
        _compile(place)
    if target == "reset" and places.linked(place):
        return _reset(place, arguments)
    return _enter(place, PLATFORM[target], arguments)


def _reset(place: places.Places, arguments: list[str]) -> int:
    """The account cannot remove the checkout's link, so root waits and does it."""
    child = os.fork()
    if child == 0:
        try:
            _enter(place, PLATFORM["reset"], arguments)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        places.unlink(place)
    return code


def _compile(place: places.Places) -> None:
    """The account cannot write bytecode beside a source that root owns, so root does."""
    roots = [str(place.source / name) for name in ("services", "gateway", "deploy", "migrations")]
    subprocess.run([str(place.python), "-m", "compileall", "-q", *roots], capture_output=True, check=False)


def _enter(place: places.Places, module: str, arguments: list[str]) -> int:
    """Becomes the target: the venv's python, as the account, with a clean environment."""
    passed = {name: os.environ[name] for name in ("DEMO", "FORCE") if os.environ.get(name)}
    extra = {
        **passed,
        "PORT_BASE": str(choices.port_base(place.run)),
        places.RUN_VARIABLE: str(place.run),
        places.VENV_VARIABLE: str(place.venv),
        "PYTHONPATH": str(place.source),
        "HOME": str(place.run),
    }
    absolute = [str(Path(word).resolve()) if Path(word).exists() else word for word in arguments]
    sys.stdout.flush()
    places.drop(place.account)
    os.chdir(place.source)
    os.umask(0o077)
    python = str(place.python)
    os.execve(python, [python, "-m", module, *absolute], environment.clean_environment(extra))  # noqa: S606
    return 1


def _tool(module: str, arguments: list[str]) -> int:
    """Becomes a tool that needs nothing but the venv."""
    place = _place()
    with contextlib.redirect_stdout(sys.stderr):
        environment.ensure_venv(place.venv, place.account, "run", _log("venv"))
    env = environment.clean_environment({"PYTHONPATH": str(places.CHECKOUT), "PYTHONUTF8": "1"})
    os.execve(place.python, [str(place.python), "-m", module, *arguments], env)  # noqa: S606
    return 1


def _development(target: str, arguments: list[str]) -> int:
    if target in {"test", "bench"}:
        _packages(compiler=target == "bench")
    me = places.Account("me", os.geteuid(), os.getegid())
    venv = places.CHECKOUT / ".venv"
    account = places.choose_account() if not (venv / "bin" / "python").exists() else me
    environment.ensure_venv(venv, account, "dev", _log("venv"))
    env = {**os.environ, "PYTHONPATH": str(places.CHECKOUT), "PATH": f"{venv / 'bin'}:{os.environ['PATH']}"}
    for command in commands(target, arguments, str(venv / "bin" / "python")):
        say(f"$ {' '.join(command[2:] if command[1:2] == ['-m'] else command)}")
        code = subprocess.run(command, check=False, cwd=places.CHECKOUT, env=env).returncode
        if code != 0:
            return code
    return 0


def commands(target: str, arguments: list[str], python: str) -> list[list[str]]:
    """What a development target runs, in order; it stops at the first that fails."""
    module = [python, "-m"]
    if target == "test":
        workers = ["-n", os.environ.get("WORKERS") or "2", "--no-loadscope-reorder"]
        return [[*module, "pytest", *workers, *arguments]]
    if target == "routes":
        return [[*module, "deploy.local.routes"], [*module, "deploy.local.container_files"]]
    if target == "bench":
        return [[*module, f"bench.{arguments[0] if arguments else 'ingest'}", *arguments[1:]]]
    if target == "fuzz":
        return [[*module, "bench.fuzz_jt808", *arguments]]
    if target == "check":
        return [
            [*module, "ruff", "check", "."],
            [*module, "ruff", "format", "--check", "."],
            [*module, "mypy", "."],
            [str(Path(python).parent / "lint-imports")],
            [*module, "deploy.local.routes", "--check"],
            [*module, "deploy.local.container_files", "--check"],
        ]
    return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
