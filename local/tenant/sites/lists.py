"""One list or library of a site: columns, items, and what changed when. Nothing here knows HTTP or roles."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from local.tenant.answers import Json
from local.tenant.drives.drive import Drive
from local.tenant.feed_log import FeedLog

LIBRARY = "documentLibrary"
PAGES = "webPageLibrary"


@dataclass(slots=True)
class ListItem:
    """A row of a list. `fields` holds the values of its columns as Graph shows them."""

    number: int
    guid: str
    fields: Json
    created: str
    modified: str
    author: int
    editor: int
    version: int = 1
    attachments: bool = False
    content_type: str = ""


@dataclass(slots=True)
class SiteList:
    """A list; `drive` is there when it is a document library. `system` lists are not shown unless asked for."""

    list_id: str
    name: str
    display_name: str
    template: str
    created: str
    modified: str
    description: str = ""
    hidden: bool = False
    system: bool = False
    drive: Drive | None = None
    columns: list[Json] = field(default_factory=list)
    content_types: list[Json] = field(default_factory=list)
    items: dict[int, ListItem] = field(default_factory=dict)
    file_fields: dict[int, Json] = field(default_factory=dict)
    feed: FeedLog = field(default_factory=FeedLog)
    seq: int = 0
    next_number: int = 1
    version: int = 1

    def content_type_of(self, item: ListItem) -> Json:
        """Return the content type of a row: its own, or the first of the list."""
        named = (each for each in self.content_types if each["name"] == item.content_type)
        return next(named, self.content_types[0])

    def add_content_type(self, content_type: Json) -> Json:
        """Copy a content type of the site into the list."""
        copy = {
            **content_type,
            "id": f"{content_type['id']}00{self._guid(content_type['id']).replace('-', '').upper()}",
        }
        self.content_types.append(copy)
        return copy

    def column(self, name: str) -> Json | None:
        """Return the column of that API-facing name."""
        return next((column for column in self.columns if column["name"] == name), None)

    def add_column(self, column: Json) -> Json:
        """Add a column. A managed metadata column gets the hidden text column that keeps its terms."""
        column = {"id": self._guid(f"column/{column['name']!a}/{len(self.columns)}"), **column}
        self.columns.append(column)
        if "term" in column:
            note = {
                "id": self._guid(f"note/{column['name']!a}/{len(self.columns)}"),
                "name": uuid.uuid5(uuid.NAMESPACE_OID, f"{self.list_id}/{column['name']!a}").hex,
                "displayName": f"{column['displayName']}_0",
                "hidden": True,
                "readOnly": False,
                "text": {"allowMultipleLines": True},
                "of_term": column["name"],
            }
            self.columns.append(note)
        return column

    def add_item(self, fields: Json, author: int, stamp: str) -> ListItem:
        """Add a row."""
        number = self.next_number
        self.next_number += 1
        item = ListItem(number, self._guid(f"item/{number}"), dict(fields), stamp, stamp, author, author)
        self.items[number] = item
        self._record(number, entered=True)
        return item

    def change_item(self, item: ListItem, fields: Json, editor: int, stamp: str) -> None:
        """Set values of a row; None takes one away."""
        for name, value in fields.items():
            if value is None:
                item.fields.pop(name, None)
            else:
                item.fields[name] = value
        item.version += 1
        item.modified, item.editor = stamp, editor
        self._record(item.number)

    def remove_item(self, item: ListItem) -> None:
        """Delete a row."""
        del self.items[item.number]
        self._record(item.number)

    def etag(self, item: ListItem) -> str:
        """Return the tag that changes with every edit of a row."""
        return f'"{item.guid},{item.version}"'

    def _record(self, number: int, *, entered: bool = False) -> None:
        self.seq += 1
        self.feed.record(number, self.seq, entered=entered)

    def _guid(self, what: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"list/{self.list_id}/{what}"))


def plain_column(name: str, facet: str, definition: Any = None, **more: Any) -> Json:
    """Return a column definition; an empty `facet` stands for a kind that Graph has no facet for (location)."""
    column: Json = {
        "name": name,
        "displayName": more.pop("displayName", name),
        "description": "",
        "columnGroup": "Custom Columns",
        "enforceUniqueValues": False,
        "hidden": False,
        "indexed": False,
        "readOnly": False,
        "required": False,
        **more,
    }
    if facet:
        column[facet] = definition or {}
    return column


def built_in_columns() -> list[Json]:
    """Return the columns that every list has."""
    read_only = {"readOnly": True, "columnGroup": "_Hidden"}
    own = {"columnGroup": "Custom Columns"}
    return [
        plain_column("Title", "text", {"allowMultipleLines": False, "maxLength": 255}, required=True, **own),
        plain_column("ContentType", "text", displayName="Content Type", **read_only),
        plain_column("Modified", "dateTime", {"format": "dateTime", "displayAs": "default"}, **read_only),
        plain_column("Created", "dateTime", {"format": "dateTime", "displayAs": "default"}, **read_only),
        plain_column("Author", "personOrGroup", displayName="Created By", **read_only),
        plain_column("Editor", "personOrGroup", displayName="Modified By", **read_only),
        plain_column("_UIVersionString", "text", displayName="Version", **read_only),
        plain_column("Attachments", "", displayName="Attachments", columnGroup="Base Columns"),
        plain_column("LinkTitle", "", displayName="Title", **read_only),
    ]
