"""A bounded number of places at each key, taken several at a time, first come first served."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager


class Places:
    """``at_once`` places at each key."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._taken: dict[str, int] = {}
        self._waiting: dict[str, deque[tuple[int, asyncio.Future[None]]]] = {}

    @asynccontextmanager
    async def held(self, widths: Mapping[str, int]) -> AsyncIterator[None]:
        """Hold that many places at each key (at most ``at_once``). Keys are taken in one order by everybody, so that
        nobody waits in a circle."""
        held: list[str] = []
        try:
            for key in sorted(widths):
                await self._take(key, widths[key])
                held.append(key)
            yield
        finally:
            for key in held:
                self._give_back(key, widths[key])

    async def _take(self, key: str, width: int) -> None:
        queue = self._waiting.get(key)
        if not queue and self._taken.get(key, 0) + width <= self._at_once:
            self._taken[key] = self._taken.get(key, 0) + width
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (width, turn)
        self._waiting.setdefault(key, deque()).append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(key, width)  # its turn came while it was being cancelled
            else:
                queue = self._waiting.get(key, deque())
                if entry in queue:
                    queue.remove(entry)
                self._let_in(key)
            raise

    def _give_back(self, key: str, width: int) -> None:
        self._taken[key] -= width
        self._let_in(key)

    def _let_in(self, key: str) -> None:
        queue = self._waiting.get(key)
        while queue and (queue[0][1].done() or self._taken.get(key, 0) + queue[0][0] <= self._at_once):
            width, turn = queue.popleft()
            if not turn.done():
                self._taken[key] = self._taken.get(key, 0) + width
                turn.set_result(None)
        if not queue:
            self._waiting.pop(key, None)
            if not self._taken.get(key):
                self._taken.pop(key, None)
