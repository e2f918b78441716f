"""`make rotate-keys`: a new ring key for the registry's personal values; goes on where it was interrupted.

Three states of the ring (`next_ring`), each in the hands of both processes before the next: the new key
beside the current one; the new one current, until the worker has brought everything under it; the new one
alone. Values stay readable and findable all the while; the API is away for the moment of its restarts.
"""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from deploy.local import credentials, identity, installation, processes
from deploy.local.installation import Installation, await_health
from deploy.local.progress import DeployError, fail, say, step
from services.shared.personal.keys import next_ring

SERVICE = "registry"
HOLDERS = ("registry-worker", "registry-api")
PATIENCE_SECONDS = 3600.0
LOOK_SECONDS = 1.0


def main() -> int:
    """Runs the command."""
    try:
        rotate(installation.load())
    except DeployError as error:
        return fail(error)
    say("done: everything is under the new key, and the old one is gone from this installation")
    return 0


def rotate(current: Installation) -> None:
    """Takes the ring through its states, or through those that are left.

    Raises:
        DeployError: nothing runs, a process did not come back, or the worker did not finish in time.
    """
    if current.supervision.pid() is None:
        raise DeployError("the platform is not up: `make up` first")
    ring = credentials.load_or_generate(current.place.secrets).personal_keys[SERVICE]
    if len(ring["keys"]) > 1:
        step("an earlier rotation was interrupted: going on with it")
        _give(current, ring)
    while True:
        if _is_promoted(ring):
            _await_rewrapped(current, ring["current"])
        ring = next_ring(ring)
        step(_SAYS[len(ring["keys"]), _is_promoted(ring)])
        _give(current, ring)
        if len(ring["keys"]) == 1:
            return


_SAYS = {
    (2, False): "giving out a new key beside the current one",
    (2, True): "making the new key the current one",
    (1, False): "dropping the old key",
}


def _is_promoted(ring: Mapping[str, Any]) -> bool:
    """Whether the newest of several keys is the current one."""
    return len(ring["keys"]) > 1 and next(reversed(ring["keys"])) == ring["current"]


def _give(current: Installation, ring: Mapping[str, Any]) -> None:
    """Writes a ring into the masters, then into the processes' directories; restarts them one by one."""
    deployment = credentials.keep_ring(current.place.secrets, SERVICE, ring)
    credentials.distribute(current.place.run, deployment, port=current.port(processes.POSTGRES))
    for name in HOLDERS:
        current.supervision.restart(name)
        await_health(current, [processes.by_name(name)])


def _await_rewrapped(current: Installation, ring_key: str) -> None:
    deployment = credentials.load_or_generate(current.place.secrets)
    cluster = current.cluster(deployment.superuser_password)
    count = f"SELECT count(*) FROM registry.personal_subjects WHERE ring_key <> {_literal(ring_key)}"  # noqa: S608 - quoted below
    deadline, left = time.monotonic() + PATIENCE_SECONDS, -1
    while left != 0:
        now = int(cluster.sql(count, credentials.DATABASE))
        if now != left:
            step(f"{now} subjects are under another key")
        left = now
        if left and time.monotonic() > deadline:
            raise DeployError(
                f"{left} subjects are still under another key; the worker's log names those it cannot open."
                " The old key is kept; run it again when they are mended"
            )
        identity.pause(LOOK_SECONDS if left else 0.0)


def _literal(text: str) -> str:
    """A name of a ring key as SQL has it; it is ours, and no other character can be in it."""
    if not text.replace("-", "").isalnum():
        raise DeployError(f"not the name of a key: {json.dumps(text)}")
    return f"'{text}'"


if __name__ == "__main__":
    sys.exit(main())
