"""Putting a changed rule or permit into the feed, in the transaction that changes it."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.permits.models import Permit, RestrictionRule, RuleBook, feed
from services.shared.events.permits import PermitState, RestrictionRuleState
from services.shared.ids import new_id


async def publish_rule(session: AsyncSession, rule: RestrictionRule) -> None:
    """Record a rule's new state and open a new edition of the rule book."""
    await session.flush()
    await new_edition(session)
    state = RestrictionRuleState.model_validate(rule)
    await feed.record(session, kind="restriction_rule", entity_id=rule.id, version=rule.version, state=state)


async def publish_permit(session: AsyncSession, permit: Permit) -> None:
    """Record a permit's new state."""
    await session.flush()
    state = PermitState.model_validate(permit)
    await feed.record(session, kind="permit", entity_id=permit.id, version=permit.version, state=state)


async def new_edition(session: AsyncSession) -> None:
    """Tell every process that rules or areas have changed; they see it with the change itself."""
    statement = insert(RuleBook).values(id=1, edition=new_id())
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[RuleBook.id], set_={"edition": statement.excluded.edition}
        )
    )
