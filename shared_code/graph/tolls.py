"""What a request counts for, and where, by its method and address. Pure.

Sources: "Microsoft Graph service-specific throttling limits" (learn.microsoft.com/graph/throttling-limits) and "Avoid
getting throttled or blocked in SharePoint Online" (both checked 2026-11). What is not recognised counts as a request to
the directory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote, urlsplit


class Service(StrEnum):
    """Who counts: each has limits and a pause of its own."""

    OUTLOOK = "outlook"
    FILES = "files"
    TEAMS = "teams"
    IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class Toll:
    """What one request counts for. ``units`` are resource units at SharePoint and in the directory, else requests;
    ``mailbox``, ``team`` and ``channel`` are ids as they stand in the address; ``upload_bytes`` are its body's."""

    service: Service
    units: int = 1
    mailbox: str = ""
    team: str = ""
    channel: str = ""
    is_message: bool = False
    is_export: bool = False
    upload_bytes: int = 0


_KEYED = re.compile(r"^([A-Za-z.]+)\('?([^']*)'?\)$")
_MAILBOX_ID = re.compile(r"MBX:[^/')?]+", re.IGNORECASE)
_OF_A_MAILBOX = frozenset(
    {
        "calendar",
        "calendars",
        "calendargroups",
        "calendarview",
        "contactfolders",
        "contacts",
        "events",
        "inferenceclassification",
        "mailboxsettings",
        "mailfolders",
        "messages",
        "outlook",
    }
)
_OF_FILES = frozenset({"drives", "sites", "shares"})
_LISTS = frozenset(
    {
        "attachments",
        "children",
        "columnlinks",
        "columns",
        "contenttypes",
        "delta",
        "drives",
        "getallsites",
        "items",
        "lists",
        "pages",
        "sites",
        "thumbnails",
        "versions",
        "views",
    }
)
_CURSOR = re.compile(r"[?&(](?:\$|%24)?(?:delta|skip)?token=", re.IGNORECASE)
_SAFE = ("GET", "HEAD")
_DOWNLOAD = Toll(Service.FILES, 1)


def toll_of(method: str, url: str, upload_bytes: int = 0) -> Toll:
    """The toll of a request to Graph; ``url`` is its whole address or begins behind the API's version."""
    split = urlsplit(url)
    values = _segments(split.path)
    names = [value.lower() for value in values]
    # In front of an absolute address stands the version.
    if names and names[0] in ("v1.0", "beta"):
        values, names = values[1:], names[1:]
    written = 0 if method in _SAFE or names[-1:] == ["exportitems"] else upload_bytes
    if names[:3] == ["admin", "exchange", "mailboxes"] and len(values) > 3:
        return Toll(Service.OUTLOOK, mailbox=values[3], upload_bytes=written)
    if names[:1] == ["teams"]:
        return _team_toll(names, values)
    if names and names[0] in _OF_FILES:
        return Toll(Service.FILES, _file_units(method, names, url))
    if names and names[0] in ("users", "groups") and len(names) > 2:
        return _user_toll(method, names, values, url, written)
    return Toll(Service.IDENTITY, _identity_units(names, split.query))


def transfer_toll(method: str, url: str, upload_bytes: int = 0) -> Toll:
    """The toll of a pre-authenticated address: the import of a mailbox item, or bytes of a file."""
    if method in _SAFE:
        return _DOWNLOAD
    path = urlsplit(url).path
    if path.lower().endswith("/importitem"):
        found = _MAILBOX_ID.search(unquote(path))
        return Toll(Service.OUTLOOK, mailbox=found[0] if found else path, upload_bytes=upload_bytes)
    return Toll(Service.FILES, 2)


def widths_of(tolls: Iterable[Toll], at_once: int) -> Mapping[str, int]:
    """How many places a request takes at each mailbox: of a batch, Graph hands on up to four at a time ("Combine
    multiple HTTP requests using JSON batching", checked 2026-11)."""
    widths: dict[str, int] = {}
    for toll in tolls:
        if toll.mailbox:
            widths[toll.mailbox] = min(at_once, widths.get(toll.mailbox, 0) + 1)
    return widths


def _segments(path: str) -> list[str]:
    """The path's parts; ``drives('x')`` is the same as ``drives/x``."""
    segments: list[str] = []
    for part in path.split("/"):
        text = unquote(part)
        keyed = _KEYED.match(text)
        if keyed is not None and keyed[2]:
            segments += [keyed[1], keyed[2]]
        elif text:
            segments.append(text.removesuffix("()"))
    return segments


def _user_toll(method: str, names: list[str], values: list[str], url: str, upload_bytes: int) -> Toll:
    if names[2] in _OF_A_MAILBOX:
        return Toll(Service.OUTLOOK, mailbox=values[1], upload_bytes=upload_bytes)
    if names[2] in ("drive", "drives", "sites"):
        return Toll(Service.FILES, _file_units(method, names[2:], url))
    if names[2] in ("joinedteams", "team"):
        return Toll(Service.TEAMS)
    return Toll(Service.IDENTITY, _identity_units(names, urlsplit(url).query))


def _file_units(method: str, names: list[str], url: str) -> int:
    if "permissions" in names or names[-1] in ("invite", "createlink") or re.search(r"expand=[^&]*permissions", url):
        return 5
    if method not in _SAFE:
        return 2
    if "delta" in names[-2:]:
        return 1 if _CURSOR.search(url) else 2
    return 2 if names[-1] in _LISTS else 1


def _team_toll(names: list[str], values: list[str]) -> Toll:
    team = values[1] if len(values) > 1 else ""
    if names[-1] == "getallmessages":
        return Toll(Service.TEAMS, team=team, is_export=True)
    channel = values[3] if len(values) > 3 and names[2] in ("channels", "allchannels") else ""
    return Toll(Service.TEAMS, team=team, channel=channel, is_message="messages" in names)


def _identity_units(names: list[str], query: str) -> int:
    """Lists cost 2, a single object 1, what hangs on it 3 at most; one less with $select."""
    units = 2 if len(names) <= 1 else 1 if len(names) == 2 else 3
    return max(1, units - ("select=" in query))
