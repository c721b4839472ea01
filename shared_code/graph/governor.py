"""Keeps one tenant's client below the limits: carries the decisions of ``pace.py`` out.

Every request passes ``turn`` before it is sent and its answer passes ``heard``. Pauses that concern the whole tenant
are shared with all other instances through ``SharedPace``; trouble with that never keeps a request from being sent.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from shared_code.errors import BackupError, ThrottledError
from shared_code.graph.pace import (
    Bucket,
    Charge,
    Speed,
    charges_of,
    factor_at,
    hinted_pause_s,
    pause_after,
    scope_of,
    slowed,
    take,
)
from shared_code.graph.places import Places
from shared_code.graph.retry_policy import is_throttling, retry_after_s
from shared_code.graph.tolls import Service, Toll, widths_of
from shared_code.model.graph_limits import MAILBOX_AT_ONCE
from shared_code.model.pace import TenantPace

_log = logging.getLogger(__name__)

_READ_EVERY_S = 3.0
_FORGET_BUCKETS_ABOVE = 20_000


class SharedPace(Protocol):
    """What all instances know of one tenant's pace. Raises BackupError when it cannot be read or written."""

    async def read(self) -> TenantPace:
        """Pauses that are not over, and the number of licences."""
        ...

    async def pause(self, service: str, until: datetime) -> None:
        """Nobody asks the service anything before ``until``. Never shortens a pause."""
        ...

    async def note_licences(self, count: int) -> None:
        """How many licences the tenant has."""
        ...


class Governor:
    """One tenant's. ``share`` is the part of each documented limit that may be used, the rest is left to others;
    ``most_wait_s`` how long a request waits for its turn before it is put off with ThrottledError."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        share: float = 0.8,
        shared: SharedPace | None = None,
        most_wait_s: float = 60.0,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._sleep = sleep
        self._share = share
        self._shared = shared
        self._most_wait_s = most_wait_s
        self._places = Places(MAILBOX_AT_ONCE)
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._speeds: dict[str, Speed] = {}
        self._pauses: dict[str, float] = {}
        self._owners: dict[str, str] = {}
        self._licences: int | None = None
        self._read_at = -math.inf

    def same_mailbox(self, mailbox_id: str, user_id: str) -> None:
        """Learn whose mailbox an id of the import/export API names, so that both ways to it share its four places."""
        if mailbox_id and mailbox_id != user_id:
            self._owners[mailbox_id] = user_id

    async def note_licences(self, count: int) -> None:
        """Take the tenant's number of licences for the limits that depend on it, here and in all instances."""
        self._licences = count
        if self._shared is not None:
            try:
                await self._shared.note_licences(count)
            except BackupError as error:
                _log.warning("the number of licences could not be shared: %s", error.message)

    @asynccontextmanager
    async def turn(self, tolls: Sequence[Toll]) -> AsyncIterator[None]:
        """Wait for the turn of one HTTP request (a batch has several tolls) and hold its places while it is under way.
        Raises ThrottledError when its turn is further away than ``most_wait_s``."""
        named = [self._named(toll) for toll in tolls]
        await self._read_shared()
        async with self._places.held(widths_of(named, MAILBOX_AT_ONCE)):
            await self._wait(named)
            yield

    async def heard(self, tolls: Sequence[Toll], status: int, headers: Mapping[str, str]) -> None:
        """Learn from an answer: slower and a pause after a refusal, a pause where a hint says that the share is used
        up."""
        wait_s = retry_after_s(headers)
        refused = is_throttling(status, wait_s)
        if not refused and "ratelimit-remaining" not in headers:
            return
        for toll in {(named.service, named.mailbox): named for named in map(self._named, tolls)}.values():
            scope, is_shared = scope_of(toll)
            if refused:
                pause_s = pause_after(wait_s)
                self._slow_down(scope)
                if self._pause(scope, pause_s) and is_shared:
                    await self._share_pause(scope, pause_s)
            elif toll.service is Service.FILES:
                self._pause(scope, hinted_pause_s(headers, self._share))

    def _named(self, toll: Toll) -> Toll:
        owner = self._owners.get(toll.mailbox)
        return replace(toll, mailbox=owner) if owner else toll

    async def _wait(self, tolls: Sequence[Toll]) -> None:
        scopes = {scope_of(toll)[0] for toll in tolls}
        await self._wait_for_pauses(scopes)
        wait_s = self._take(tolls)
        if wait_s > 0:
            await self._sleep(wait_s)
            await self._wait_for_pauses(scopes)

    async def _wait_for_pauses(self, scopes: set[str]) -> None:
        while (wait_s := self._paused_s(scopes)) > 0:
            if wait_s > self._most_wait_s:
                raise ThrottledError("Graph asked to slow down; this tenant is left alone until then.", wait_s)
            await self._sleep(min(wait_s, _READ_EVERY_S) if self._shared else wait_s)
            await self._read_shared()

    def _paused_s(self, scopes: set[str]) -> float:
        return max((self._pauses.get(scope, -math.inf) for scope in scopes), default=-math.inf) - self._monotonic()

    def _take(self, tolls: Sequence[Toll]) -> float:
        """Take every charge; returns the longest wait. Nothing is taken when that is too long."""
        now_s = self._monotonic()
        before: dict[tuple[str, str], Bucket | None] = {}
        longest_s = 0.0
        every = [(toll, charge) for toll in tolls for charge in charges_of(toll, self._licences)]
        for toll, charge in _summed(every):
            key = (charge.name, charge.key)
            before[key] = self._buckets.get(key)
            factor = factor_at(self._speeds.get(scope_of(toll)[0], Speed()), now_s)
            self._buckets[key], wait_s = take(before[key], charge, share=self._share, factor=factor, now_s=now_s)
            longest_s = max(longest_s, wait_s)
        if longest_s > self._most_wait_s:
            self._buckets |= {key: bucket for key, bucket in before.items() if bucket is not None}
            for key in [key for key, bucket in before.items() if bucket is None]:
                del self._buckets[key]
            raise ThrottledError("The share of Graph's limits for this tenant is used up for now.", longest_s)
        if len(self._buckets) > _FORGET_BUCKETS_ABOVE:
            self._forget(now_s)
        return longest_s

    def _forget(self, now_s: float) -> None:
        """Mailboxes and channels that nobody has asked for in an hour start with a full bucket again."""
        self._buckets = {
            key: bucket for key, bucket in self._buckets.items() if not key[1] or now_s - bucket.at_s < 3600
        }
        self._pauses = {scope: until for scope, until in self._pauses.items() if until > now_s}
        self._speeds = {scope: speed for scope, speed in self._speeds.items() if factor_at(speed, now_s) < 1.0}

    def _slow_down(self, scope: str) -> None:
        self._speeds[scope] = slowed(self._speeds.get(scope, Speed()), self._monotonic())

    def _pause(self, scope: str, pause_s: float) -> bool:
        """Whether this is longer than what was known already, by a second at least."""
        until = self._monotonic() + pause_s
        known = self._pauses.get(scope, -math.inf)
        self._pauses[scope] = max(known, until)
        return pause_s > 0 and until > known + 1.0

    async def _share_pause(self, scope: str, pause_s: float) -> None:
        if self._shared is None:
            return
        try:
            await self._shared.pause(scope, self._now() + timedelta(seconds=pause_s))
        except BackupError as error:
            _log.warning("a pause of %s could not be shared: %s", scope, error.message)

    async def _read_shared(self) -> None:
        now_s = self._monotonic()
        if self._shared is None or now_s - self._read_at < _READ_EVERY_S:
            return
        self._read_at = now_s  # first, so that of many requests only one reads
        try:
            known = await self._shared.read()
        except BackupError as error:
            _log.warning("the tenant's pauses could not be read: %s", error.message)
            return
        self._licences = self._licences if known.licences is None else known.licences
        for scope, until in known.pauses.items():
            left_s = (until - self._now()).total_seconds()
            if left_s > 0 and self._pause(scope, left_s):
                self._slow_down(scope)  # somebody else was refused: this tenant gets too much from all together


def _summed(charged: Sequence[tuple[Toll, Charge]]) -> list[tuple[Toll, Charge]]:
    """One charge for each bucket."""
    sums: dict[tuple[str, str], tuple[Toll, Charge]] = {}
    for toll, charge in charged:
        key = (charge.name, charge.key)
        known = sums.get(key)
        amount = charge.amount + (known[1].amount if known else 0.0)
        sums[key] = (toll, replace(charge, amount=amount))
    return list(sums.values())
