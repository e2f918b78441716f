"""Drawing vehicles' conclusions anew where their fixes, bindings, areas or rules have changed."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.domain.alerts import RuleBook
from services.telemetry.domain.crossings import AreaIndex
from services.telemetry.domain.walking import WalkConfig
from services.telemetry.operations.concluding import conclude
from services.telemetry.operations.place_keeping import keep_place
from services.telemetry.operations.unplaced import conclude_unplaced
from services.telemetry.operations.work import take_work, walk_all
from services.telemetry.queries import derivation as queries

IN_ORDER_AT_ONCE, LATE_AT_ONCE = 400, 20
"""Vehicles derived in one transaction: with newer fixes only, and those walked from a checkpoint."""
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('telemetry.derive', 0))")
"""Who needs to see all that derivation writes waits for it, and keeps it waiting."""
TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('telemetry.derive', 0))")


class Circumstances:
    """The areas and rules as derivation uses them, read again only when one has changed."""

    def __init__(self) -> None:
        self._areas_key: tuple[str | None, str | None] | None = None
        self._rules_key: tuple[int, int] | None = None
        self.areas = AreaIndex([])
        self.rules = RuleBook([], {})

    async def refresh(self, session: AsyncSession) -> None:
        """Make them what this transaction sees."""
        areas_key, rules_key = await queries.get_areas_key(session), await queries.get_rules_key(session)
        if areas_key != self._areas_key:
            self.areas = AreaIndex(await queries.find_area_versions(session))
        if areas_key != self._areas_key or rules_key != self._rules_key:
            rules, kinds = await queries.find_alert_rules(session), await queries.find_area_kinds(session)
            self.rules = RuleBook(rules, kinds)
        self._areas_key, self._rules_key = areas_key, rules_key


async def derive_pending(
    session: AsyncSession, circumstances: Circumstances, config: WalkConfig, now: datetime
) -> int:
    """Derive anew the vehicles that have waited longest; give how many.

    The work list, the conclusions, what is published of them and the checkpoints change in one transaction,
    so a kill at any instant leaves either all of it or none. One process derives at a time.
    """
    if not await session.scalar(TRY_LOCK):
        return 0
    vehicles = await queries.find_pending_vehicles(session, IN_ORDER_AT_ONCE, LATE_AT_ONCE)
    if not vehicles:
        return 0
    await circumstances.refresh(session)
    works = await take_work(session, vehicles, circumstances.areas, circumstances.rules, config, now)
    if not works:  # nothing was ever fitted to any of them
        return len(vehicles)
    await walk_all(session, works)
    await conclude(session, works)
    await conclude_unplaced(session, works, config.episodes)
    await keep_place(session, works)
    return len(vehicles)
