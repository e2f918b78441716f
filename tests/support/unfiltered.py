"""Ownership taken out of every statement, so that only row-level security is left to answer.

Ownership is written in the services as `column == <the caller's enterprise>`, as the parameter
`enterprise` of a `text()`, or, over asyncpg, as the argument that `DbScope.own` gives. All three go;
what went is counted, so that a test can say that there was a filter and that it was off.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import BinaryExpression, BindParameter, event, true
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.sql import operators, visitors

from services.shared import db
from services.shared.errors import Conflict


@dataclass
class Stripped:
    """How many conditions were taken out."""

    conditions: int = 0


@contextmanager
def without_ownership(enterprise_id: UUID) -> Iterator[Stripped]:
    """Take every comparison with this enterprise out of what the services ask in this process."""
    stripped = Stripped()

    def free(element: Any, **_: Any) -> Any:
        if not isinstance(element, BinaryExpression) or element.operator is not operators.eq:
            return None
        if not isinstance(element.right, BindParameter) or element.right.value != enterprise_id:
            return None
        stripped.conditions += 1
        return true()

    def rewrite(state: ORMExecuteState) -> None:
        if isinstance(state.parameters, dict) and state.parameters.get("enterprise") == enterprise_id:
            stripped.conditions += 1
            state.parameters["enterprise"] = None
        statement: Any = state.statement
        state.statement = visitors.replacement_traverse(statement, {}, free)

    def nobodys(_scope: db.DbScope) -> None:
        stripped.conditions += 1

    event.listen(Session, "do_orm_execute", rewrite)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(db.DbScope, "own", nobodys)
            yield stripped
    finally:
        event.remove(Session, "do_orm_execute", rewrite)


@contextmanager
def rows_of(enterprise_id: UUID) -> Iterator[None]:
    """Let row-level security show this enterprise's rows, whoever asks."""
    given = db._scope_values

    def values(scope: db.DbScope, *, readonly: bool) -> dict[str, Any]:
        return given(db.DbScope("enterprise", str(enterprise_id), scope.subject), readonly=readonly)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "_scope_values", values)
        yield


class NotKept(Conflict):
    """A transaction would have been committed."""

    slug = "not-kept"


@contextmanager
def nothing_kept() -> Iterator[None]:
    """Refuse every commit of a session: what a request does is undone, and its answer is a 409."""

    def refuse(_session: Session) -> None:
        raise NotKept

    event.listen(Session, "before_commit", refuse)
    try:
        yield
    finally:
        event.remove(Session, "before_commit", refuse)
