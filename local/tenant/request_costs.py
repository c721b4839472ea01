"""What a request costs at the service that answers it, by its path alone: new routes need no entry here.

Sources: "Microsoft Graph service-specific throttling limits" (learn.microsoft.com/graph/throttling-limits) and "Avoid
getting throttled or blocked in SharePoint Online" (both checked 2026-11).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from local.tenant.call import Call


OUTLOOK, FILES, TEAMS, IDENTITY = "outlook", "files", "teams", "identity"

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
        "columns",
        "columnlinks",
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
_KEYED = re.compile(r"^([A-Za-z.]+)\('?([^']*)'?\)$")
_PLACE = {"_download": FILES, "_upload": FILES, "_import": OUTLOOK}


@dataclass(frozen=True, slots=True)
class Cost:
    """Who counts a request, what it costs there (resource units of SharePoint and identity, else requests), and which
    mailbox, team and channel it is about."""

    service: str
    units: int = 1
    mailbox: str = ""
    team: str = ""
    channel: str = ""
    is_message: bool = False
    is_export: bool = False


def cost_of(call: Call) -> Cost:
    """The cost of a call whose tenant is known."""
    parts = _parts(call.path)
    first = parts[0].lower() if parts else ""
    if first in _PLACE:
        if _PLACE[first] == FILES:
            return Cost(FILES, 1 if call.method in ("GET", "HEAD") else 2)
        return Cost(OUTLOOK, mailbox=_owner(call, parts[1] if len(parts) > 1 else ""))
    names = [part.lower() for part in parts[1:]]
    values = parts[1:]
    if names[:3] == ["admin", "exchange", "mailboxes"]:
        return Cost(OUTLOOK, mailbox=_owner(call, values[3] if len(values) > 3 else ""))
    if names and names[0] in ("users", "groups") and len(names) > 2:
        if names[2] in _OF_A_MAILBOX:
            return Cost(OUTLOOK, mailbox=_owner(call, values[1]))
        if names[2] in ("drive", "drives", "sites"):
            return Cost(FILES, _file_units(call, names[2:]))
        if names[2] in ("joinedteams", "team"):
            return Cost(TEAMS)
    if names[:1] == ["teams"]:
        return _team_cost(names, values)
    if names and names[0] in _OF_FILES:
        return Cost(FILES, _file_units(call, names))
    return Cost(IDENTITY, _identity_units(call, names))


def _parts(path: str) -> list[str]:
    parts: list[str] = []
    for part in path.split("/"):
        text = unquote(part)
        keyed = _KEYED.match(text)
        if keyed is not None and keyed[2]:
            parts += [keyed[1], keyed[2]]
        elif text:
            parts.append(text.removesuffix("()"))
    return parts


def _owner(call: Call, key: str) -> str:
    """One name for a mailbox, however it is asked for."""
    person = call.home.person(key)
    if person is not None:
        return person.user_id
    mailbox = call.home.mailbox_by_id(key)
    return mailbox.user_id if mailbox is not None else key


def _file_units(call: Call, names: list[str]) -> int:
    about = [*names, *call.query.get("$expand", "").lower().split(",")]
    if any(name.startswith("permissions") for name in about) or names[-1] in ("invite", "createlink"):
        return 5
    if call.method not in ("GET", "HEAD"):
        return 2
    if "delta" in names[-2:]:
        return 1 if any(name in call.query for name in ("token", "$deltatoken", "$skiptoken")) else 2
    return 2 if names[-1] in _LISTS else 1


def _team_cost(names: list[str], values: list[str]) -> Cost:
    team = values[1] if len(values) > 1 else ""
    channel = values[3] if len(values) > 3 and names[2] in ("channels", "allchannels") else ""
    is_export = names[-1] == "getallmessages"
    return Cost(TEAMS, 1, "", team, "" if is_export else channel, not is_export and "messages" in names, is_export)


def _identity_units(call: Call, names: list[str]) -> int:
    """GET of a user 1, of a list 2, of a relation 3; one less with $select. Writes are not asked for."""
    units = 2 if len(names) <= 1 else 1 if len(names) == 2 else 3
    return max(1, units - ("$select" in call.query))
