"""First start in containers: makes every secret and lays it out one directory per process.

`python -m deploy.local.container_secrets /secrets` writes `/secrets/<process>/…` (each its own volume or
Kubernetes Secret), `/secrets/keys/service_keys.json`, and what PostgreSQL and the migration need. Harmless
when run again: values are kept. With `--host` PostgreSQL's host is another than `postgres`.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from deploy.local import credentials

ACCOUNT = 10001
"""User and group of the platform's images."""
POSTGRES_ACCOUNT = 999
"""User and group of the PostGIS image."""
POSTGRES_PORT = 5432
MIGRATION = "migration.json"


def lay_out(target: Path, host: str) -> None:
    """Write all directories below `target`, which must be called `secrets`."""
    deployment = credentials.load_or_generate(target)
    credentials.distribute(target.parent, deployment, host=host, port=POSTGRES_PORT)
    keys = target / "keys"
    keys.mkdir(mode=0o755, exist_ok=True)
    shutil.move(target.parent / "service_keys.json", keys / "service_keys.json")
    postgres, migrate = target / "postgres", target / "migrate"
    credentials.private_directory(postgres)
    credentials.write_private(postgres / "superuser_password", deployment.superuser_password)
    credentials.private_directory(migrate)
    superuser = (
        f"postgresql://postgres:{deployment.superuser_password}@{host}:{POSTGRES_PORT}/{credentials.DATABASE}"
    )
    what = {"superuser_url": superuser, "role_passwords": dict(deployment.role_passwords)}
    credentials.write_private(migrate / MIGRATION, json.dumps(what))


def hand_over(target: Path) -> None:
    """Give each directory to the account that reads it (only root can)."""
    if os.geteuid() != 0:
        return
    for directory in target.iterdir():
        owner = POSTGRES_ACCOUNT if directory.name == "postgres" else ACCOUNT
        for path in (directory, *directory.rglob("*")):
            os.chown(path, owner, owner)


def main(arguments: list[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="container_secrets", description="Make and lay out the secrets.")
    parser.add_argument("directory", type=Path, help="a directory called `secrets`")
    parser.add_argument("--host", default="postgres", help="PostgreSQL's host as the containers see it")
    options = parser.parse_args(arguments)
    if options.directory.name != "secrets":
        parser.error("the directory must be called `secrets`")
    lay_out(options.directory, options.host)
    hand_over(options.directory)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
