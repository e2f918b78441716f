"""Ports: which are taken, and by whom.

Standard library only; reads /proc, so a process of another user is named in full only to root.
"""

import contextlib
import pwd
from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"


@dataclass(frozen=True)
class Holder:
    """Who listens on a port."""

    port: int
    pid: int | None
    command: str
    user: str

    def __str__(self) -> str:
        """As the message of `make up` has it."""
        if self.pid is None:
            return f"port {self.port} is in use by a process of {self.user} (root can see which)"
        return f"port {self.port} is in use by process {self.pid} ({self.command}) of {self.user}"


def holders(ports: set[int]) -> list[Holder]:
    """The listeners on any address of this machine among the given ports."""
    sockets = _listening(ports)
    owners = _owners({inode for _, inode, _ in sockets})
    found: dict[int, Holder] = {}
    for port, inode, uid in sockets:
        pid = owners.get(inode)
        found[port] = Holder(port, pid, command_of(pid) if pid is not None else "", _user(uid))
    return [found[port] for port in sorted(found)]


def _listening(ports: set[int]) -> list[tuple[int, str, int]]:
    rows = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            port = int(fields[1].rpartition(":")[2], 16)
            if fields[3] == LISTEN and port in ports:
                rows.append((port, fields[9], int(fields[7])))
    return rows


def _owners(inodes: set[str]) -> dict[str, int]:
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, int] = {}
    if not wanted:
        return found
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        for name in _open_files(entry):
            if name in wanted:
                found.setdefault(wanted[name], int(entry.name))
    return found


def _open_files(process: Path) -> list[str]:
    names = []
    with contextlib.suppress(OSError):
        for fd in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                names.append(str(fd.readlink()))
    return names


def command_of(pid: int) -> str:
    """The command line of a process, cut to a readable length; its short name where there is none."""
    try:
        words = (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        )
        return words[:100] if words else Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "gone"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
