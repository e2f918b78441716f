"""`make down`: ends every process, keeps the data; no process is left."""

import sys

from deploy.local import installation
from deploy.local.progress import DeployError, fail, say


def main() -> int:
    """Runs the command."""
    try:
        current = installation.load()
    except DeployError as error:
        return fail(error)
    was_up = current.supervision.pid() is not None
    current.supervision.shut_down()
    say(
        "down; the data stays in " + str(current.place.run)
        if was_up
        else "was not up; nothing is left running"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
