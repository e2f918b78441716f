"""What the integrators' tools are told about the platform; by default the one `make up` has started."""

import argparse
import os
import resource
from pathlib import Path

SOCKETS_BESIDE = 1000
"""File descriptors a tool needs beside those of its terminals, with room to spare."""


def add_platform(parser: argparse.ArgumentParser) -> None:
    """Add where the platform is and who signs in."""
    base = int(os.environ.get("PORT_BASE", "18700"))
    parser.add_argument("--url", default=f"http://127.0.0.1:{base}", help="public address of the platform")
    parser.add_argument("--mqtt-host", default="127.0.0.1")
    parser.add_argument("--mqtt-port", type=int, default=base + 2)
    parser.add_argument("--username", help="official's user name; default: the generated administrator")
    parser.add_argument("--password-file", type=Path, help="file with the official's password alone")


def credential_of(options: argparse.Namespace) -> tuple[str, str]:
    """Give user name and password of the official.

    Raises:
        OSError, KeyError: the file is not there, or is none of its kind.
    """
    if options.password_file is not None:
        return options.username, options.password_file.read_text(encoding="utf-8").strip()
    admin = Path(os.environ.get("FREIGHT_RUN", ".run")) / "secrets" / "admin.txt"
    lines = admin.read_text(encoding="utf-8").splitlines()
    found = dict(line.split(": ", 1) for line in lines if ": " in line)
    return found["username"], found["password"]


def allow_sockets(count: int) -> int:
    """Raise this process's limit of open files so far as it may; give how many terminals that allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SOCKETS_BESIDE
    allowed = max(soft, wanted if hard == resource.RLIM_INFINITY else min(hard, wanted))
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed - SOCKETS_BESIDE
