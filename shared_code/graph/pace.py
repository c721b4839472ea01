"""How fast a tenant may be asked: the documented limits, and the decisions that keep below them. Pure.

Sources as in ``tolls.py`` (checked 2026-11). Each limit is a bucket that fills steadily and holds a fifth of what a
window allows, so that bucket and refill together never exceed the share of the limit, wherever Microsoft's window
begins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from shared_code.graph.tolls import Service, Toll
from shared_code.model.graph_limits import (
    CHANNEL_MESSAGES_PER_S,
    IDENTITY_UNITS,
    IDENTITY_WINDOW_S,
    MAILBOX_REQUESTS,
    MAILBOX_UPLOAD_BYTES,
    MAILBOX_UPLOAD_WINDOW_S,
    MAILBOX_WINDOW_S,
    ONE_CHANNEL_PER_S,
    ONE_TEAM_PER_S,
    TEAMS_EXPORT_PER_S,
    TEAMS_OTHER_PER_S,
    unit_limits,
)

_BURST = 0.2
# A night is shorter than a day: most of a day's allowance may be used in it.
_DAY_BURST = 0.9
_SLOWEST = 0.1
_SLOWED_AGAIN_AFTER_S = 5.0
_QUIET_S = 60.0
_QUICKER_EVERY_S = 10.0
_QUICKER_BY = 0.1
_UNTOLD_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Rate:
    """``most`` in any ``window_s`` seconds; ``burst`` is the part of it that may be used at once."""

    most: float
    window_s: float
    burst: float = _BURST


@dataclass(frozen=True, slots=True)
class Charge:
    """What a request takes from one bucket; ``name`` and ``key`` name the bucket."""

    name: str
    key: str
    rate: Rate
    amount: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """``level`` is what may be taken at once at the moment ``at_s``; below zero it is owed."""

    level: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Speed:
    """A service's adaptive speed: ``factor`` of the allowed rate, as it was set at ``since_s``."""

    factor: float = 1.0
    since_s: float = -math.inf


def charges_of(toll: Toll, licences: int | None) -> list[Charge]:
    """Every limit that a request counts against."""
    match toll.service:
        case Service.OUTLOOK:
            found = [Charge("mailbox", toll.mailbox, Rate(MAILBOX_REQUESTS, MAILBOX_WINDOW_S), 1)]
            if toll.upload_bytes:
                rate = Rate(MAILBOX_UPLOAD_BYTES, MAILBOX_UPLOAD_WINDOW_S)
                found.append(Charge("mailbox.upload", toll.mailbox, rate, toll.upload_bytes))
            return found
        case Service.FILES:
            a_minute, a_day = unit_limits(licences)
            return [
                Charge("files.minute", "", Rate(a_minute, 60), toll.units),
                Charge("files.day", "", Rate(a_day, 86_400, _DAY_BURST), toll.units),
            ]
        case Service.TEAMS:
            return _team_charges(toll)
        case Service.IDENTITY:
            return [Charge("identity", "", Rate(IDENTITY_UNITS, IDENTITY_WINDOW_S), toll.units)]


def _team_charges(toll: Toll) -> list[Charge]:
    if toll.is_export:
        return [Charge("teams.export", "", Rate(TEAMS_EXPORT_PER_S, 1), 1)]
    of_all = CHANNEL_MESSAGES_PER_S if toll.is_message else TEAMS_OTHER_PER_S
    found = [Charge("teams.messages" if toll.is_message else "teams", "", Rate(of_all, 1), 1)]
    if toll.team:
        found.append(Charge("teams.team", toll.team, Rate(ONE_TEAM_PER_S, 1), 1))
    if toll.is_message and toll.channel:
        found.append(Charge("teams.channel", toll.channel, Rate(ONE_CHANNEL_PER_S, 1), 1))
    return found


def take(bucket: Bucket | None, charge: Charge, *, share: float, factor: float, now_s: float) -> tuple[Bucket, float]:
    """Take a charge out of its bucket: the bucket after it, and how many seconds to wait before the request is sent.

    ``share`` is the part of the limit that this service may use. Who takes first is served first: what is owed is what
    those before are still waiting for. More than a bucket holds is let through when it is full.
    """
    allowed = charge.rate.most * share
    burst = max(1.0, allowed * charge.rate.burst)
    steady = allowed - burst if allowed * charge.rate.burst >= 1.0 else allowed
    per_s = steady / charge.rate.window_s * factor
    level = burst if bucket is None else min(burst, bucket.level + max(0.0, now_s - bucket.at_s) * per_s)
    wait_s = max(0.0, min(charge.amount, burst) - level) / per_s
    return Bucket(level - charge.amount, now_s), wait_s


def factor_at(speed: Speed, now_s: float) -> float:
    """The factor now: after a minute without a refusal it grows by a tenth every ten seconds."""
    quiet_s = now_s - speed.since_s - _QUIET_S
    if speed.factor >= 1.0 or quiet_s < 0:
        return speed.factor
    return min(1.0, speed.factor + _QUICKER_BY * (1 + math.floor(quiet_s / _QUICKER_EVERY_S)))


def slowed(speed: Speed, now_s: float) -> Speed:
    """After a refusal: half as fast, a tenth at least. Refusals of requests that were under way together count once."""
    if now_s - speed.since_s < _SLOWED_AGAIN_AFTER_S:
        return speed
    return Speed(max(_SLOWEST, factor_at(speed, now_s) / 2), now_s)


def scope_of(toll: Toll) -> tuple[str, bool]:
    """Whom a refusal concerns, and whether that is the whole tenant: Outlook refuses for one mailbox alone."""
    if toll.service is Service.OUTLOOK:
        return f"{toll.service}/{toll.mailbox}", False
    return str(toll.service), True


def pause_after(wait_s: float | None) -> float:
    """For how many seconds a refusal stops its service, with or without a Retry-After."""
    return _UNTOLD_PAUSE_S if wait_s is None else wait_s


def hinted_pause_s(headers: Mapping[str, str], share: float) -> float:
    """Seconds until the window ends, once this app (all instances together) has used its share of it; else 0.

    SharePoint tells from four fifths of a minute's limit on, and only sometimes: a hint, nothing to rest on.
    """
    limit, remaining, reset_s = (_number(headers.get(f"ratelimit-{name}")) for name in ("limit", "remaining", "reset"))
    if not limit or remaining is None or reset_s is None:
        return 0.0
    return min(reset_s, 60.0) if limit - remaining >= limit * share - 0.5 else 0.0


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
