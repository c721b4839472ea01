"""Bounded concurrency for sources: a few jobs at a time, their results as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import Any, TypeVar

T = TypeVar("T")
U = TypeVar("U")
Job = Callable[[], Awaitable[T]]


async def as_they_come(jobs: Iterable[Job[T]], at_once: int) -> AsyncGenerator[T, None]:
    """Run jobs, at most ``at_once`` at a time, and yield results in the order in which they are ready.

    The next job starts only when a result has been taken, so what a slow consumer has not taken yet is
    bounded too. The first exception ends it; whatever still runs is cancelled and waited for, also when the
    consumer stops early (close the iterator).
    """
    waiting = iter(jobs)
    running: set[asyncio.Future[T]] = set()
    finished: asyncio.Queue[asyncio.Future[T]] = asyncio.Queue()

    def start_next() -> None:
        job = next(waiting, None)
        if job is not None:
            future = asyncio.ensure_future(job())
            running.add(future)
            future.add_done_callback(finished.put_nowait)

    try:
        for _ in range(at_once):
            start_next()
        while running:
            future = await finished.get()
            running.discard(future)
            yield future.result()
            # Only now: a result that was not taken yet holds its memory, so it counts.
            start_next()
    finally:
        for future in running:
            future.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def all_of(jobs: Iterable[Job[T]], at_once: int) -> list[T]:
    """Run jobs, at most ``at_once`` at a time; results in any order."""
    async with aclosing(as_they_come(jobs, at_once)) as results:
        return [result async for result in results]


async def together(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """Run both at once. When one fails the other is cancelled and waited for, and the failure is raised."""
    one, other = asyncio.ensure_future(first), asyncio.ensure_future(second)
    try:
        await asyncio.gather(one, other)
    finally:
        one.cancel()
        other.cancel()
        await asyncio.gather(one, other, return_exceptions=True)
    return one.result(), other.result()
