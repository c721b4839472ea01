"""How the feeds and items of a site are called. Pure.

A site is one resource with several libraries and lists, whose own ids are unique only within each of them: ids of files
and rows carry the id of their list in front.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from shared_code.errors import SourceError
from shared_code.model.resource import Resource

SITE_FEED = "site"
LISTS_FEED = "lists"
PAGES_FEED = "pages"
SETTINGS_ID = "settings"
PAGES_ID = "pages"
_LIBRARY = "library:"
_LIST = "list:"
_SEPARATOR = ":"
_NUMBER_DIGITS = 10


def site_id_of(resource: Resource) -> str:
    """Graph's id of a site. Raises SourceError for a resource without a host name."""
    hostname = resource.attributes.get("hostname")
    if not hostname:
        raise SourceError("The resource has no hostname: list the tenant's resources again.")
    return f"{hostname},{resource.source_id}"


def library_feed(list_id: str, drive_id: str) -> str:
    """The feed of a library's files."""
    return f"{_LIBRARY}{list_id}{_SEPARATOR}{drive_id}"


def library_of(feed: str) -> tuple[str, str] | None:
    """List id and drive id of a library's feed; None for another feed."""
    if not feed.startswith(_LIBRARY):
        return None
    list_id, _, drive_id = feed.removeprefix(_LIBRARY).partition(_SEPARATOR)
    return list_id, drive_id


def list_feed(list_id: str) -> str:
    """The feed of a list's rows."""
    return f"{_LIST}{list_id}"


def list_of(feed: str) -> str | None:
    """The list id of a list's feed; None for another feed."""
    return feed.removeprefix(_LIST) if feed.startswith(_LIST) else None


def row_id(list_id: str, number: str) -> str:
    """The id of a row: padded, so that rows are restored in the order in which they came into being."""
    padded = number.zfill(_NUMBER_DIGITS) if number.isascii() and number.isdecimal() else number
    return f"{list_id}{_SEPARATOR}{padded}"


def row_number(item_id: str) -> str:
    """Graph's id of a row within its list."""
    return inner_id(item_id).lstrip("0") or "0"


def attachments_id(item_id: str) -> str:
    """The id under which the attachments of a row are reported."""
    return f"{item_id}.attachments"


def file_id(list_id: str, drive_item_id: str) -> str:
    """The id of a file or folder of a library."""
    return f"{list_id}{_SEPARATOR}{drive_item_id}"


def inner_id(item_id: str) -> str:
    """The id within the list or drive."""
    return item_id.partition(_SEPARATOR)[2]


def list_id_of(item_id: str) -> str:
    """The list that an item's id names."""
    return item_id.partition(_SEPARATOR)[0]


def computed_etag(value: Any) -> str:
    """A tag that changes with anything in a JSON value, for what Graph gives none."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def native_json(value: Any) -> bytes:
    """The stored form of what Graph shows as JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
