"""Bounds how many bytes are under way at once."""

from __future__ import annotations

import asyncio


class ByteBudget:
    """First come, first served. What is larger than the whole budget is let through alone."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._taken_bytes = 0
        self._turn = asyncio.Lock()
        self._room = asyncio.Event()

    async def take(self, size_bytes: int) -> None:
        """Wait until there is room, then take it."""
        async with self._turn:
            while self._taken_bytes and self._taken_bytes + size_bytes > self._limit_bytes:
                self._room.clear()
                await self._room.wait()
            self._taken_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Make room again."""
        self._taken_bytes -= size_bytes
        self._room.set()
