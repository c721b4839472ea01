"""Whether a request is worth another try, and when. Pure: no clock, no sleep, no chance of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

# Answers that say "later": throttling, and failures that pass by themselves. 509 is SharePoint's bandwidth
# limit (Graph "Error responses and resource types", checked 2026-11).
THROTTLED_STATUS = 429
TRANSIENT_STATUSES = frozenset({408, 425, 500, 502, 503, 504, 509})

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


class Trouble(StrEnum):
    """What can go wrong without a status. ``not_sent``: no connection came about, so nothing was done at the
    other side; ``lost``: it broke or timed out afterwards, so it may have been; ``unreadable``: an answer
    that is no answer (JSON that does not parse)."""

    NOT_SENT = "not_sent"
    LOST = "lost"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds of all tries of one request together. ``budget_s`` counts from the first try, so that a slice can return
    in time; a wait that would leave the budget is not begun."""

    max_attempts: int = 6
    budget_s: float = 120.0
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after ``after_s`` seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The answer stands. ``why``: ``final`` (trying again changes nothing), ``unsafe`` (it may have been
    done), ``attempts`` or ``budget``."""

    why: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One finished try. ``number`` counts from 1; either ``status`` or ``trouble`` is set; ``elapsed_s``
    since the first try began. ``idempotent`` None: as the method says."""

    number: int
    method: str
    elapsed_s: float
    status: int | None = None
    trouble: Trouble | None = None
    retry_after_s: float | None = None
    idempotent: bool | None = None


def decide(policy: RetryPolicy, attempt: Attempt, chance: float) -> Retry | GiveUp:
    """Decide on what a try brought. ``chance`` is a random number in [0, 1) and spreads the waits.

    Graph's own Retry-After is always obeyed and never shortened. A request that may have been carried out is
    repeated only where that does no harm: by its method, or because the caller says so.
    """
    if not _passes(attempt):
        return GiveUp("final")
    if not (_is_safe(attempt) or _was_not_done(attempt)):
        return GiveUp("unsafe")
    if attempt.number >= policy.max_attempts:
        return GiveUp("attempts")
    wait_s = attempt.retry_after_s
    if wait_s is None:
        ceiling = min(policy.longest_wait_s, policy.first_wait_s * 2 ** (attempt.number - 1))
        wait_s = ceiling * chance
    if attempt.elapsed_s + wait_s > policy.budget_s:
        return GiveUp("budget")
    return Retry(wait_s)


# Nobody is left alone for longer than this without being asked again.
_LONGEST_WAIT_S = 3_600.0


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the ``Retry-After`` header (names in lower case) asks for: a number, or an HTTP date,
    which is read against the ``Date`` of the same answer so that the local clock does not matter. None when
    there is none that can be read."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        until, at = _http_date(text), _http_date(headers.get("date", ""))
        if until is None or at is None:
            return None
        seconds = (until - at).total_seconds()
    return min(max(0.0, seconds), _LONGEST_WAIT_S) if math.isfinite(seconds) else None


def is_throttling(status: int, wait_s: float | None) -> bool:
    """Whether an answer is a request to slow down: 429 always, 503 when it says for how long."""
    return status == THROTTLED_STATUS or (status in (503, 509) and wait_s is not None)


def _passes(attempt: Attempt) -> bool:
    if attempt.trouble is not None:
        return True
    return attempt.status == THROTTLED_STATUS or attempt.status in TRANSIENT_STATUSES


def _is_safe(attempt: Attempt) -> bool:
    return attempt.method.upper() in _SAFE_METHODS if attempt.idempotent is None else attempt.idempotent


def _was_not_done(attempt: Attempt) -> bool:
    return attempt.status == THROTTLED_STATUS or attempt.trouble is Trouble.NOT_SENT


def _http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
