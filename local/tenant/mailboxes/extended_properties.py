"""`$expand=singleValueExtendedProperties($filter=id eq '...' or id eq '...')`."""

from __future__ import annotations

import re
from collections.abc import Callable

from local.tenant.answers import GraphError, Json
from local.tenant.call import Call
from local.tenant.mailboxes.item import MailItem
from local.tenant.mailboxes.mailbox import MailFolder

_EXPAND = re.compile(r"^singleValueExtendedProperties\s*\(\s*\$filter\s*=\s*(.+)\)$", re.DOTALL)
_ID = re.compile(r"id\s+eq\s+'((?:[^']|'')*)'")
_READ_FLAG = "Integer 0x0E07"
_MESSAGE_CLASS = "String 0x001A"
_SUBJECT = "String 0x0037"
_DISPLAY_NAME = "String 0x3001"
_START = "SystemTime {00062002-0000-0000-C000-000000000046} Id 0x820D"


HIDDEN = "Boolean 0x10F4"


def expanded_properties(call: Call, item: MailItem) -> Json:
    """Return the asked extended properties that the item has. Raises 400 for an expansion that is not understood."""
    return _expanded(call, lambda name: _value(item, name))


def expanded_folder_properties(call: Call, folder: MailFolder) -> Json:
    """As ``expanded_properties``: of a folder, whether it is hidden (PidTagAttributeHidden)."""
    return _expanded(call, lambda name: str(folder.hidden).lower() if name.casefold() == HIDDEN.casefold() else None)


def _expanded(call: Call, value_of: Callable[[str], str | None]) -> Json:
    text = call.query.get("$expand")
    if not text:
        return {}
    match = _EXPAND.match(text.strip())
    wanted = [found.replace("''", "'") for found in _ID.findall(match[1])] if match else []
    if not wanted:
        raise GraphError(400, "ErrorInvalidUrlQuery", "The $expand expression is not supported.")
    values = [{"id": name, "value": value} for name in wanted if (value := value_of(name)) is not None]
    return {"singleValueExtendedProperties": values} if values else {}


def _value(item: MailItem, name: str) -> str | None:
    folded = name.casefold()
    for key, value in item.extended.items():
        if key.casefold() == folded:
            return value
    if folded == _READ_FLAG.casefold() and "isRead" in item.properties:
        return "1" if item.properties["isRead"] else "0"
    if folded == _MESSAGE_CLASS.casefold():
        return item.item_class
    if folded == _START.casefold():
        return _utc(item.properties.get("start"))
    if folded in (_SUBJECT.casefold(), _DISPLAY_NAME.casefold()):
        return _named(item, "displayName" if folded == _DISPLAY_NAME.casefold() else "subject")
    return None


def _named(item: MailItem, first: str) -> str | None:
    """Exchange keeps a contact's name as its subject too, and a task's title."""
    for key in (first, "displayName", "subject", "title"):
        if isinstance(value := item.properties.get(key), str):
            return value
    return None


def _utc(start: object) -> str | None:
    """The beginning of an event; only those in UTC are told, for the named zones of Outlook need a table."""
    if isinstance(start, dict) and start.get("timeZone") == "UTC" and start.get("dateTime"):
        return f"{str(start['dateTime'])[:19]}Z"
    return None
