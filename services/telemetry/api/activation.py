"""Waiting, after the commit and before the answer, until the broker has loaded a credential."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from services.shared.auth import Principal
from services.telemetry.errors import BrokerNotReady
from services.telemetry.queries.terminals import is_any_unloaded

POLL_S = 0.05


class Activation:
    """The terminals whose credential this request has changed."""

    def __init__(self) -> None:
        self.terminal_ids: list[UUID] = []

    def expect(self, terminal_ids: Sequence[UUID]) -> None:
        """Let the answer wait for these terminals."""
        self.terminal_ids.extend(terminal_ids)


async def _activation(request: Request) -> AsyncIterator[Activation]:
    activation = Activation()
    yield activation
    if not activation.terminal_ids:
        return
    principal: Principal = request.state.principal
    database = request.app.state.database
    deadline = asyncio.get_running_loop().time() + request.app.state.settings.activation_timeout_s
    while True:
        async with database.transaction(principal.db_scope, readonly=True) as session:
            if not await is_any_unloaded(session, activation.terminal_ids):
                return
        if asyncio.get_running_loop().time() > deadline:
            raise BrokerNotReady(
                "凭据已保存但代理未加载，稍后请重置凭据 / stored, not loaded: rotate it for a new secret",
                headers={"Retry-After": "5"},
            )
        await asyncio.sleep(POLL_S)


WhenActive = Annotated[Activation, Depends(_activation, scope="function")]
"""Declare it before the request's transaction: dependencies end in reverse, so it waits after the commit."""
