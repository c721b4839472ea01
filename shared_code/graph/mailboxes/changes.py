"""What the import/export API says of folders and items, as changes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from shared_code.graph.odata import size_of, text_of, time_of
from shared_code.model.item import Change, ItemKind

ITEM_SELECT = ("id", "changeKey", "type", "size", "categories", "createdDateTime", "lastModifiedDateTime")
FOLDER_SELECT = ("id", "displayName", "parentFolderId", "type")
FOLDERS_FEED = "folders"
ITEMS_FEED = "items:"
_SEARCH_FOLDERS = "searchfolders"

# Message classes, most special first ("Item Types and Message Classes", Outlook documentation, checked
# 2026-11). REPORT.* are delivery and read reports; both they and meeting messages are read as messages.
_KINDS: tuple[tuple[str, ItemKind], ...] = (
    ("ipm.appointment", ItemKind.EVENT),
    ("ipm.contact", ItemKind.CONTACT),
    ("ipm.distlist", ItemKind.CONTACT),
    ("ipm.task", ItemKind.TASK),
    ("ipm.stickynote", ItemKind.NOTE),
    ("ipm.note", ItemKind.MESSAGE),
    ("ipm.schedule.meeting", ItemKind.MESSAGE),
    ("report.ipm.note", ItemKind.MESSAGE),
)


def kind_of(message_class: str) -> ItemKind:
    """The kind of an item by its message class; classes are hierarchical and know no case."""
    folded = message_class.lower()
    for prefix, kind in _KINDS:
        if folded == prefix or folded.startswith(prefix + "."):
            return kind
    return ItemKind.OTHER_MAIL_ITEM


def items_feed(folder_id: str) -> str:
    """Name of the feed of a folder's items."""
    return ITEMS_FEED + folder_id


def folder_of_feed(feed: str) -> str:
    """The folder that a feed of items belongs to. Raises ValueError for any other feed."""
    if not feed.startswith(ITEMS_FEED):
        raise ValueError(f"no feed of a mailbox: {feed.partition(':')[0]}")
    return feed[len(ITEMS_FEED) :]


def folder_change(
    value: Mapping[str, Any], root_id: str, well_known: Mapping[str, str], hidden: Collection[str] = ()
) -> Change | None:
    """A folder; None for the root of the mailbox, which is no item. Its children have the parent "". ``hidden``: ids of
    those that Outlook does not show.

    None for search folders too ("mailboxFolder resource type", checked 2026-11: lists include them): what they show
    lies in other folders, and would be found in two places.
    """
    folder_id = text_of(value.get("id"))
    if not folder_id or folder_id == root_id:
        return None
    if "@removed" in value:
        return Change(folder_id, ItemKind.MAIL_FOLDER, deleted=True)
    parent_id = text_of(value.get("parentFolderId"))
    if _SEARCH_FOLDERS in (well_known.get(folder_id), well_known.get(parent_id)):
        return None
    properties: dict[str, Any] = {"type": text_of(value.get("type"))}
    if folder_id in well_known:
        properties["wellKnownName"] = well_known[folder_id]
    if folder_id in hidden:
        properties["hidden"] = True
    return Change(
        folder_id,
        ItemKind.MAIL_FOLDER,
        parent_id="" if parent_id == root_id else parent_id,
        name=text_of(value.get("displayName")),
        opens_feed=items_feed(folder_id),
        properties=properties,
    )


def item_change(value: Mapping[str, Any], folder_id: str) -> Change | None:
    """An item of a folder; None for a value without an id. Deletions do not tell the kind."""
    item_id = text_of(value.get("id"))
    if not item_id:
        return None
    if "@removed" in value:
        return Change(item_id, ItemKind.OTHER_MAIL_ITEM, deleted=True, parent_id=folder_id)
    message_class = text_of(value.get("type"))
    properties: dict[str, Any] = {"type": message_class}
    categories = value.get("categories")
    if isinstance(categories, list) and categories:
        properties["categories"] = [text_of(category) for category in categories]
    modified = text_of(value.get("lastModifiedDateTime"))
    if modified:
        properties["lastModifiedDateTime"] = modified
    return Change(
        item_id,
        kind_of(message_class),
        parent_id=folder_id,
        time=time_of(value.get("createdDateTime")),
        size_bytes=size_of(value.get("size")),
        etag=text_of(value.get("changeKey")),
        properties=properties,
    )


def without_duplicates(changes: list[Change]) -> tuple[Change, ...]:
    """Each item once, its last word, in the order in which the items were first named."""
    return tuple({change.item_id: change for change in changes}.values())
