"""`make logs [PROCESS=name]`: follows the logs of all processes, or of one."""

import os
import sys

from deploy.local import places
from deploy.local.progress import DeployError, fail


def main(arguments: list[str]) -> int:
    """Becomes `tail -F`."""
    directory = places.find().logs
    files = sorted(directory.glob(f"{arguments[0] if arguments else '*'}.log"))
    if not files:
        return fail(DeployError(f"no such log below {directory}"))
    os.execvp("tail", ["tail", "-n", "20", "-F", *map(str, files)])  # noqa: S606
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
