"""An nginx of the test's own in front of given upstreams."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.local import edge, packages, places
from tests.support.ports import unused_port, wait_for_listener


@contextlib.contextmanager
def running_edge(
    directory: Path, upstreams: Mapping[str, str], routes: Mapping[str, str], **figures: int
) -> Iterator[str]:
    """Runs nginx with the real template; gives its `address:port`.

    Args:
        directory: Readable by the unprivileged account; taken over by it.
        upstreams: Service name → `address:port`.
        routes: Collection → service.
        **figures: Fields of `EdgeSettings` to change.
    """
    nginx = packages.find_program("nginx")
    assert nginx is not None, "nginx is not installed: run `make test`, which installs it"
    port = unused_port()
    settings = edge.EdgeSettings(
        listen=f"127.0.0.1:{port}",
        upstreams=upstreams,
        access_log=f"{directory}/access.log",
        workers="1",
        **figures,
    )
    config = edge.configure(directory, settings, routes)
    account = places.choose_account()
    places.give(directory, account)
    with (directory / "stderr.log").open("wb") as errors:
        child = subprocess.Popen(
            [nginx, "-e", "stderr", "-p", str(directory), "-c", str(config)],
            stderr=errors, stdout=errors, **places.as_account(account),
        )  # fmt: skip
    try:
        wait_for_listener(port, child.pid)
        yield f"127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait(timeout=10)
