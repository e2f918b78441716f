"""Ingest that notes when each position was committed; at its end it writes "terminal seq seconds" lines.

`python -m bench.ingest.timed FILE`, otherwise as `services.telemetry.consumers.ingest`.
"""

import sys
import time
from pathlib import Path
from typing import Any

from services.telemetry.consumers import ingest
from services.telemetry.consumers.intake import Intake
from services.telemetry.domain.receipts import Finished
from services.telemetry.operations.batch import Batch

_committed: list[tuple[float, Finished]] = []


class TimedIntake(Intake):
    """Notes the time of day at which the commit was known."""

    def _acknowledge(self, taken: list[Any], batch: Batch, finished: Finished) -> None:
        _committed.append((time.time(), finished))
        super()._acknowledge(taken, batch, finished)


def main() -> None:
    """Run the process."""
    setattr(ingest, "Intake", TimedIntake)  # noqa: B010  only here, and no export
    ingest.main()
    lines = [
        f"{number} {seq} {at:.6f}\n"
        for at, finished in _committed
        for number, _, seqs in finished.runs()
        for seq in seqs
    ]
    Path(sys.argv[1]).write_text("".join(lines))


if __name__ == "__main__":
    main()
