"""`make reset`: ends everything and deletes the run directory: database, secrets, logs. Asks first."""

import os
import shutil
import sys

from deploy.local import installation
from deploy.local.progress import DeployError, fail, say


def main() -> int:
    """Runs the command; FORCE=1 does not ask."""
    try:
        current = installation.load()
    except DeployError as error:
        return fail(error)
    run = current.place.run
    if os.environ.get("FORCE") != "1":
        if not sys.stdin.isatty():
            return fail(DeployError(f"this deletes {run}: database, secrets and logs. FORCE=1 makes it so"))
        if input(f"Delete {run} with its database, secrets and logs? [yes/no] ").strip() != "yes":
            say("nothing was changed")
            return 1
    current.supervision.shut_down()
    for path in run.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    say(f"emptied {run}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
