"""`make status`: what runs, since when, and how healthy."""

import sys
from concurrent.futures import ThreadPoolExecutor

from deploy.local import installation, processes
from deploy.local.progress import DeployError, fail, say


def main() -> int:
    """Prints one line per process; 0 when all are healthy, 3 when down or not."""
    try:
        current = installation.load()
    except DeployError as error:
        return fail(error)
    if current.supervision.pid() is None:
        say("down (`make up` starts it)")
        return 3
    states = current.supervision.states()
    wanted = list(processes.selected(demo=current.demo))
    with ThreadPoolExecutor(len(wanted)) as pool:
        reasons = list(pool.map(lambda process: installation.health(current, process), wanted))
    for process, why in zip(wanted, reasons, strict=True):
        state = states.get(process.name, {"statename": "UNKNOWN", "description": ""})
        port = current.port(process.port or 0)
        healthy = "healthy" if why is None else why
        say(f"{process.name:20} {port:6} {state['statename']:9} {healthy:10} {state['description']}")
    say(f"\n{current.address}")
    return 0 if not any(reasons) else 3


if __name__ == "__main__":
    sys.exit(main())
