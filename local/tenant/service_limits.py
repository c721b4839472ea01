"""Enforces the documented limits of one tenant, when its setting ``limits`` is on. Times are the tenant's.

Each limit is a count in windows that begin with the first request in them; a refused request counts too. Sources: the
pages named in ``request_costs.py`` (checked 2026-11). What Microsoft does not document (when exactly a window begins,
how long Retry-After is for too many requests at once) is an assumption.
"""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.tenant.answers import GraphError
from local.tenant.request_costs import FILES, IDENTITY, OUTLOOK, TEAMS, Cost, cost_of

if TYPE_CHECKING:
    from local.tenant.call import Call

_TIERS = (1_000, 5_000, 15_000, 50_000)
UNITS_A_MINUTE = (1_250, 2_500, 3_750, 5_000, 6_250)
UNITS_A_DAY = (1_200_000, 2_400_000, 3_600_000, 4_800_000, 6_000_000)
FILE_BYTES_AN_HOUR = 400_000_000_000
MAILBOX_REQUESTS = 10_000
MAILBOX_AT_ONCE = 4
MAILBOX_UPLOAD_BYTES = 150_000_000
# Tenants of fewer than 50 users, of fewer than 500, and all others.
_IDENTITY_TIERS = (50, 500)
IDENTITY_UNITS = (3_500, 5_000, 8_000)
_TOLD_FROM = 0.8
_BUSY_FROM = 1.5
_CONCURRENCY_WAIT_S = 2

_WORDS = {
    OUTLOOK: ("ApplicationThrottled", "Application is over its limit."),
    FILES: ("activityLimitReached", "The request has been throttled."),
    TEAMS: ("TooManyRequests", "The request has been throttled."),
    IDENTITY: ("TooManyRequests", "Too many requests."),
}


@dataclass(slots=True)
class _Window:
    ends_s: float
    used: float = 0.0


@dataclass(frozen=True, slots=True)
class _Limit:
    name: str
    key: str
    most: float
    window_s: float
    amount: float = 1.0


class ServiceLimits:
    """What one tenant's services have counted so far."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], _Window] = {}
        self._under_way: Counter[str] = Counter()
        self.counted = 0
        self.refused: Counter[str] = Counter()
        self.most_at_once = 0

    def to_json(self) -> dict[str, object]:
        """How many requests were counted, how many refused by which limit, and the most at once for one mailbox."""
        return {"counted": self.counted, "refused": dict(self.refused), "most_at_once": self.most_at_once}

    @asynccontextmanager
    async def admission(self, call: Call) -> AsyncIterator[dict[str, str]]:
        """Count a call and hold its place while it is answered; yields the headers for its answer. Raises GraphError
        429 or 503 with Retry-After."""
        settings = call.home.settings
        cost = cost_of(call)
        headers = self._count(call, cost)
        key = f"{_app(call)}/{cost.mailbox}"
        width = call.width if cost.mailbox else 0
        if cost.mailbox and self._under_way[key] + width > MAILBOX_AT_ONCE:
            self.refused["mailbox.concurrency"] += 1
            raise _refusal(OUTLOOK, 429, _CONCURRENCY_WAIT_S, "Application is over its MailboxConcurrency limit.")
        self._under_way[key] += width
        self.most_at_once = max(self.most_at_once, self._under_way[key])
        try:
            if settings.request_duration_s:
                await asyncio.sleep(settings.request_duration_s / call.width / call.home.clock.speed)
            yield headers
        finally:
            self._under_way[key] -= width

    def downloaded(self, call: Call, size_bytes: int) -> None:
        """Count what a download sends: known only once it is answered."""
        limit = _Limit("files.egress", _app(call), FILE_BYTES_AN_HOUR, 3600, size_bytes)
        self._window(limit, call.home.clock.epoch_s()).used += size_bytes

    def _count(self, call: Call, cost: Cost) -> dict[str, str]:
        self.counted += 1
        now_s = call.home.clock.epoch_s()
        headers: dict[str, str] = {}
        worst: tuple[float, _Limit, float] | None = None
        for limit in _limits(call, cost):
            window = self._window(limit, now_s)
            window.used += limit.amount
            left_s = window.ends_s - now_s
            if limit.name == "files.minute" and window.used >= _TOLD_FROM * limit.most:
                headers = {
                    "RateLimit-Limit": f"{limit.most:.0f}",
                    "RateLimit-Remaining": f"{max(0.0, limit.most - window.used):.0f}",
                    "RateLimit-Reset": f"{math.ceil(left_s)}",
                }
            if window.used > limit.most and (worst is None or left_s > worst[0]):
                worst = (left_s, limit, window.used / limit.most)
        if worst is not None:
            left_s, limit, share = worst
            self.refused[limit.name] += 1
            status = 503 if limit.name == "files.minute" and share > _BUSY_FROM else 429
            raise _refusal(cost.service, status, max(1, math.ceil(left_s)), None, headers)
        return headers

    def _window(self, limit: _Limit, now_s: float) -> _Window:
        key = (limit.name, limit.key)
        window = self._windows.get(key)
        if window is None or window.ends_s <= now_s:
            window = self._windows[key] = _Window(now_s + limit.window_s)
        return window


def _limits(call: Call, cost: Cost) -> list[_Limit]:
    app = _app(call)
    if cost.service == OUTLOOK:
        key = f"{app}/{cost.mailbox}"
        found = [_Limit("mailbox.requests", key, MAILBOX_REQUESTS, 600)] if cost.mailbox else []
        if cost.mailbox and call.method in ("POST", "PUT", "PATCH") and len(call.body) > 0 and not _reads(call):
            found.append(_Limit("mailbox.upload", key, MAILBOX_UPLOAD_BYTES, 300, len(call.body)))
        return found
    if cost.service == FILES:
        tier = bisect_left(_TIERS, _licences(call))
        found = [
            _Limit("files.minute", app, UNITS_A_MINUTE[tier], 60, cost.units),
            _Limit("files.day", app, UNITS_A_DAY[tier], 86_400, cost.units),
            _Limit("files.egress", app, FILE_BYTES_AN_HOUR, 3600, 0),
        ]
        if call.path.startswith("/_upload/") or call.method == "PUT":
            found.append(_Limit("files.ingress", app, FILE_BYTES_AN_HOUR, 3600, len(call.body)))
        return found
    if cost.service == TEAMS:
        if cost.is_export:
            return [_Limit("teams.export", app, 200, 1)]
        found = [_Limit("teams.messages", app, 20, 1)] if cost.is_message else [_Limit("teams.other", app, 30, 1)]
        if cost.team:
            found.append(_Limit("teams.team", f"{app}/{cost.team}", 4, 1))
        if cost.is_message and cost.channel:
            found.append(_Limit("teams.channel", f"{app}/{cost.channel}", 1, 1))
        return found
    size = bisect_left(_IDENTITY_TIERS, len(call.home.people) + 1)
    return [_Limit("identity.units", app, IDENTITY_UNITS[size], 10, cost.units)]


def _app(call: Call) -> str:
    """A pre-authenticated URL does not say whom it was given to: the app that every tenant comes with."""
    return call.app_id or "backup-app"


def _reads(call: Call) -> bool:
    return call.path.lower().endswith("exportitems")


def _licences(call: Call) -> int:
    fixed = call.home.settings.licences
    return fixed if fixed is not None else sum(person.licensed for person in call.home.people.values())


def _refusal(
    service: str, status: int, wait_s: int, message: str | None, headers: dict[str, str] | None = None
) -> GraphError:
    code, words = _WORDS[service]
    if status == 503:
        code = "serviceNotAvailable"
    return GraphError(status, code, message or words, headers={**(headers or {}), "Retry-After": str(wait_s)})
