"""Retention as a task of `telemetry-worker`: looks every ten minutes whether a day is to go."""

import asyncio
import contextlib
from typing import Final

import asyncpg
from prometheus_client import Counter
from sqlalchemy.exc import DBAPIError

from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.logs import get_log
from services.telemetry.domain.retention import RetentionRules
from services.telemetry.operations.forgetting import forget_old
from services.telemetry.operations.retention import Step, retain_some
from services.telemetry.queries.retention import find_clock

PAUSES_S: Final = {Step.DONE: 0.0, Step.WAITING: 30.0, Step.NOTHING: 600.0}
FAILURE_S: Final = 10.0
FORGET_PERIOD_S: Final = 86_400.0
DATABASE_ERRORS: Final = (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

STEPS = Counter("telemetry_retention_steps_total", "Steps of retention by what came of them", ["outcome"])
FORGOTTEN = Counter("telemetry_forgotten_rows_total", "Rows deleted because of their age", ["table"])
log = get_log(__name__)


async def retain(database: Database, rules: RetentionRules, stop: asyncio.Event) -> None:
    """Drop what is due, a day a step, and once a day forget what else is older than it is kept."""
    loop, forgot_at = asyncio.get_running_loop(), -FORGET_PERIOD_S
    while not stop.is_set():
        try:
            step = await retain_some(database, rules, utc_now())
            STEPS.labels(step.name.lower()).inc()
            pause = PAUSES_S[step]
            if step is Step.NOTHING and loop.time() - forgot_at >= FORGET_PERIOD_S:
                await forget(database, rules)
                forgot_at = loop.time()
        except DATABASE_ERRORS as error:
            pause = FAILURE_S
            log.warning("retention_failed", error=type(error).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)


async def forget(database: Database, rules: RetentionRules) -> None:
    """Forget what is older than it is kept, as the clocks agree."""
    async with database.transaction(readonly=True) as session:
        clock = await find_clock(session, utc_now())
    if clock is not None:
        for table, count in (await forget_old(database, rules, clock)).items():
            FORGOTTEN.labels(table).inc(count)
