"""Batches: nobody waits for company, a crowd shares, a failure reaches everyone of its batch only."""

import asyncio
from collections.abc import Sequence

import pytest

from services.shared.batching import Batcher


async def test_a_crowd_shares_and_everyone_gets_his_own_reply() -> None:
    batches: list[int] = []

    async def run(asks: Sequence[int]) -> list[int]:
        batches.append(len(asks))
        await asyncio.sleep(0.001)
        return [ask * 10 for ask in asks]

    batcher = Batcher(run, limit=50)
    replies = await asyncio.gather(*(batcher.ask(n) for n in range(205)))
    assert replies == [n * 10 for n in range(205)]
    assert batches == [50, 50, 50, 50, 5]
    assert batcher.is_idle
    assert await batcher.ask(7) == 70


async def test_it_is_idle_for_whoever_leaves_last() -> None:
    async def run(asks: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        return list(asks)

    batcher = Batcher(run, limit=2, lanes=2)

    async def ask_and_look(ask: int) -> bool:
        await batcher.ask(ask)
        return batcher.is_idle

    seen = await asyncio.gather(*(ask_and_look(n) for n in range(5)))
    assert (sum(seen), batcher.is_idle) == (1, True)
    assert await ask_and_look(5)
    leaver = asyncio.create_task(batcher.ask(6))
    await asyncio.sleep(0)
    assert not batcher.is_idle
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    assert batcher.is_idle


async def test_a_failed_batch_fails_its_own_asks_only() -> None:
    async def run(asks: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        if 3 in asks:
            raise ValueError("three")
        return list(asks)

    batcher = Batcher(run, limit=2)
    results = await asyncio.gather(*(batcher.ask(n) for n in range(6)), return_exceptions=True)
    assert [r for r in results if isinstance(r, int)] == [0, 1, 4, 5]
    assert sum(isinstance(r, ValueError) for r in results) == 2


async def test_a_caller_who_leaves_does_not_stop_the_others() -> None:
    entered = asyncio.Event()
    go = asyncio.Event()

    async def run(asks: Sequence[int]) -> list[int]:
        entered.set()
        await go.wait()
        return list(asks)

    batcher = Batcher(run, limit=10)
    leaver = asyncio.create_task(batcher.ask(1))
    stayer = asyncio.create_task(batcher.ask(2))
    await entered.wait()
    leaver.cancel()
    go.set()
    assert await stayer == 2
    with pytest.raises(asyncio.CancelledError):
        await leaver
