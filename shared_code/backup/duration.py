"""How long a run takes at least, by the documented limits. Pure.

Each limit gives a time of its own, and since all of them hold at the same time the longest is the answer: the limit
that binds. What one resource costs is counted from the product's own requests.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared_code.model.graph_limits import (
    CHANNEL_MESSAGES_PER_S,
    FILE_BYTES_AN_HOUR,
    MAILBOX_AT_ONCE,
    MAILBOX_REQUESTS,
    MAILBOX_WINDOW_S,
    unit_limits,
)
from shared_code.model.resource import ResourceKind
from shared_code.model.tenant_size import KindSize, TenantSize

_DAY_S = 86_400.0

# Of a mailbox: 20 items take one export and 20 requests for their readable form; the folders 3. Outlook answers a
# request in about a quarter of a second: an assumption that no tenant has been measured for.
_REQUESTS_PER_ITEM = 1.05
_REQUESTS_PER_MAILBOX = 3.0
_REQUEST_S = 0.25
# Of a drive: a page of 500 changed files costs 1 or 2, each download 1. Of a site: settings, lists, columns and pages.
_UNITS_PER_DRIVE = 2.0
_UNITS_PER_FILE = 1.01
_UNITS_PER_SITE = 20.0
_UNITS_PER_LIST_ITEM = 1.5
# Of a team: channels, members, tabs; a page of a channel holds 50 messages, and replies are asked for beside it.
_REQUESTS_PER_TEAM = 15.0
_REQUESTS_PER_MESSAGE = 0.1


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit, and how long the run takes if nothing else holds it up."""

    limit: str
    seconds: float


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """How long a run takes at least, the limit that binds, and all the others, the longest first."""

    seconds: float
    binding: str
    bounds: tuple[Bound, ...]


def planned_run(size: TenantSize, *, share: float, resources_at_once: int) -> PlannedRun:
    """The time of a run that reads ``size``.

    ``share`` is the part of each limit that the service uses, ``resources_at_once`` how many resources are worked on at
    the same time: limits of mailboxes hold for each of them, so more at once are faster.
    """
    a_minute, a_day = unit_limits(size.licences)
    units = _file_units(size)
    file_bytes = size.of(ResourceKind.DRIVE).size_bytes + size.of(ResourceKind.SITE).size_bytes
    mailboxes = size.of(ResourceKind.MAILBOX)
    requests = mailboxes.resources * _REQUESTS_PER_MAILBOX + mailboxes.items * _REQUESTS_PER_ITEM
    side_by_side = max(1, min(resources_at_once, mailboxes.resources))
    teams = size.of(ResourceKind.TEAM)
    messages = teams.resources * _REQUESTS_PER_TEAM + teams.items * _REQUESTS_PER_MESSAGE
    bounds = [
        Bound("sharepoint_units_a_minute", units / (a_minute * share) * 60),
        Bound("sharepoint_units_a_day", _over_days(units, a_day * share)),
        Bound("sharepoint_bytes_an_hour", file_bytes / (FILE_BYTES_AN_HOUR * share) * 3600),
        Bound("mailbox_requests", requests / side_by_side / (MAILBOX_REQUESTS * share) * MAILBOX_WINDOW_S),
        Bound("mailbox_concurrency", requests / side_by_side * _REQUEST_S / MAILBOX_AT_ONCE),
        Bound("teams_messages", messages / (CHANNEL_MESSAGES_PER_S * share)),
    ]
    bounds.sort(key=lambda bound: -bound.seconds)
    longest = bounds[0]
    return PlannedRun(longest.seconds, longest.limit if longest.seconds else "", tuple(bounds))


def _file_units(size: TenantSize) -> float:
    drives, sites = size.of(ResourceKind.DRIVE), size.of(ResourceKind.SITE)
    of_drives = drives.resources * _UNITS_PER_DRIVE + drives.items * _UNITS_PER_FILE
    return of_drives + sites.resources * _UNITS_PER_SITE + sites.items * _UNITS_PER_LIST_ITEM


def _over_days(units: float, a_day: float) -> float:
    """A day's units may be used in its first hours; only what is beyond them waits for the next day."""
    return units // a_day * _DAY_S if units > a_day else 0.0


ASSUMED: dict[ResourceKind, KindSize] = {
    ResourceKind.MAILBOX: KindSize(1, 25_000, 5_000_000_000),
    ResourceKind.DRIVE: KindSize(1, 5_000, 10_000_000_000),
    ResourceKind.SITE: KindSize(1, 2_000, 5_000_000_000),
    ResourceKind.TEAM: KindSize(1, 5_000, 100_000_000),
}
"""What one resource holds where nobody has looked yet. Assumptions, and said to be so wherever they are used."""

ASSUMED_DAILY_SHARE = 0.01
"""The part of it that changes in a day, until a daily run has been measured."""
