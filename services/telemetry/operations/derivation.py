"""Drawing vehicles' conclusions anew where their fixes, bindings, areas or rules have changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.logs import get_log
from services.telemetry.domain.alerts import RuleBook
from services.telemetry.domain.crossings import AreaIndex
from services.telemetry.domain.walking import WalkConfig
from services.telemetry.operations.concluding import conclude
from services.telemetry.operations.place_keeping import keep_place
from services.telemetry.operations.storing import REFUSALS
from services.telemetry.operations.unplaced import conclude_unplaced
from services.telemetry.operations.work import take_work, walk_all
from services.telemetry.queries import derivation as queries

IN_ORDER_AT_ONCE, LATE_AT_ONCE = 400, 20
"""Vehicles derived in one transaction: with newer fixes only, and those walked from a checkpoint."""
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('telemetry.derive', 0))")
"""Who needs to see all that derivation writes waits for it, and keeps it waiting."""
TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('telemetry.derive', 0))")

ASIDE = timedelta(minutes=10)
"""A vehicle whose derivation fails is tried again so much later."""
_OUTAGES = (DBAPIError, OSError, TimeoutError)
log = get_log(__name__)


class Circumstances:
    """The areas and rules as derivation uses them, read again only when one has changed.

    Beside them the vehicles set aside, and until when.
    """

    def __init__(self) -> None:
        self._areas_key: tuple[str | None, str | None] | None = None
        self._rules_key: tuple[int, int] | None = None
        self.areas = AreaIndex([])
        self.rules = RuleBook([], {})
        self.aside: dict[UUID, datetime] = {}

    def aside_at(self, now: datetime) -> list[UUID]:
        """Give the vehicles still set aside."""
        self.aside = {vehicle_id: until for vehicle_id, until in self.aside.items() if until > now}
        return list(self.aside)

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
    so a kill at any instant leaves either all of it or none. One process derives at a time. A vehicle that
    cannot be derived holds up no other.
    """
    if not await session.scalar(TRY_LOCK):
        return 0
    but = circumstances.aside_at(now)
    vehicles = await queries.find_pending_vehicles(session, IN_ORDER_AT_ONCE, LATE_AT_ONCE, but)
    if not vehicles:
        return 0
    await circumstances.refresh(session)
    try:
        async with session.begin_nested():
            await _derive(session, vehicles, circumstances, config, now)
    except Exception as error:  # one vehicle must not stop the others
        if _is_outage(error):
            raise
        log.warning("derivation_failed", error=type(error).__name__, vehicles=len(vehicles))
        await _derive_each(session, vehicles, circumstances, config, now)
    return len(vehicles)


async def _derive_each(
    session: AsyncSession,
    vehicles: Sequence[UUID],
    circumstances: Circumstances,
    config: WalkConfig,
    now: datetime,
) -> None:
    """Derive vehicles one by one; those that cannot be stay on the work list, set aside for a while."""
    for vehicle_id in vehicles:
        try:
            async with session.begin_nested():
                await _derive(session, [vehicle_id], circumstances, config, now)
        except Exception as error:
            if _is_outage(error):
                raise
            log.exception("vehicle_not_derived", vehicle_id=str(vehicle_id))
            circumstances.aside[vehicle_id] = now + ASIDE


def _is_outage(error: Exception) -> bool:
    """Whether a fault is of the database's state; not so what it says, and would say again, of a value."""
    said = getattr(getattr(error, "orig", None), "__cause__", None)
    return isinstance(error, _OUTAGES) and not isinstance(said, REFUSALS)


async def _derive(
    session: AsyncSession,
    vehicles: Sequence[UUID],
    circumstances: Circumstances,
    config: WalkConfig,
    now: datetime,
) -> None:
    works = await take_work(session, vehicles, circumstances.areas, circumstances.rules, config, now)
    if not works:  # nothing was ever fitted to any of them
        return
    await walk_all(session, works)
    await conclude(session, works)
    await conclude_unplaced(session, works, config.episodes)
    await keep_place(session, works)
