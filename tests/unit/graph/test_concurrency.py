"""Bounded concurrency."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest

from shared_code.errors import SourceUnavailableError
from shared_code.graph.byte_budget import ByteBudget
from shared_code.graph.concurrency import all_of, as_they_come, together
from shared_code.graph.failure_run import FailureRun


class Gauge:
    """Jobs that count how many of them run at once."""

    def __init__(self) -> None:
        self.now = self.most = self.started = self.cancelled = 0

    def job(self, number: int, *, fails: bool = False) -> Callable[[], Awaitable[int]]:
        async def run() -> int:
            self.started += 1
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                for _ in range(3):
                    await asyncio.sleep(0)
                if fails:
                    raise ValueError(str(number))
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            finally:
                self.now -= 1
            return number

        return run


async def test_never_more_than_allowed_and_every_result_once() -> None:
    gauge = Gauge()
    assert sorted(await all_of([gauge.job(number) for number in range(50)], 4)) == list(range(50))
    assert gauge.most == 4


async def test_a_consumer_that_does_not_take_holds_the_rest_back() -> None:
    gauge = Gauge()
    async with aclosing(as_they_come([gauge.job(number) for number in range(50)], 4)) as results:
        await anext(results)
        for _ in range(50):
            await asyncio.sleep(0)
        assert gauge.started <= 5
    assert gauge.now == 0


async def test_a_failure_stops_the_others() -> None:
    gauge = Gauge()
    jobs = [gauge.job(0, fails=True), *(gauge.job(number) for number in range(1, 50))]
    with pytest.raises(ValueError, match="0"):
        await all_of(jobs, 4)
    assert gauge.now == 0
    assert gauge.started < 10


async def test_together_returns_both_or_cancels_the_other() -> None:
    gauge = Gauge()

    async def forever() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            gauge.cancelled += 1
            raise
        return 1

    async def one() -> int:
        return await gauge.job(1)()

    async def failing() -> int:
        return await gauge.job(2, fails=True)()

    assert await together(one(), one()) == (1, 1)
    with pytest.raises(ValueError, match="2"):
        await together(forever(), failing())
    assert gauge.cancelled == 1


async def test_the_byte_budget_lets_a_giant_through_alone() -> None:
    budget = ByteBudget(10)
    await budget.take(6)
    giant = asyncio.ensure_future(budget.take(100))
    small = asyncio.ensure_future(budget.take(1))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not giant.done()
    assert not small.done()
    budget.give_back(6)
    await giant
    for _ in range(5):
        await asyncio.sleep(0)
    assert not small.done()
    budget.give_back(100)
    await small


def test_a_run_of_failures_is_raised_and_a_success_ends_it() -> None:
    error = SourceUnavailableError("down")
    run = FailureRun(2)
    assert [run.failure(error), run.failure(error)] == ["down", "down"]
    run.success()
    assert [run.failure(error), run.failure(error)] == ["down", "down"]
    with pytest.raises(SourceUnavailableError):
        run.failure(error)
