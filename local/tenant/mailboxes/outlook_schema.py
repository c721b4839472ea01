"""Outlook items in Graph's schema: message, event, contact, mailFolder."""

from __future__ import annotations

from local.tenant.answers import Json
from local.tenant.mailboxes.item import MailItem
from local.tenant.mailboxes.mailbox import Mailbox, MailFolder

_SETS = (
    ("IPM.Appointment", "events"),
    ("IPM.Contact", "contacts"),
    ("IPM.Note", "messages"),
    ("IPM.Schedule", "messages"),
    ("REPORT", "messages"),
)


def entity_set_of(item: MailItem) -> str:
    """Return the collection that an item is served by: `events`, `contacts`, `messages`; '' for tasks and notes."""
    for prefix, name in _SETS:
        if item.item_class.startswith(prefix):
            return name
    return ""


def outlook_item_json(mailbox: Mailbox, item: MailItem, selected: list[str] | None = None) -> Json:
    """Return the item with what its properties hold and what follows from its place."""
    change_key = mailbox.ids.change_key(item.seq)
    body: Json = {
        "@odata.etag": f'W/"{change_key}"',
        "id": mailbox.ids.item_id(item.number),
        "createdDateTime": item.created,
        "lastModifiedDateTime": item.modified,
        "changeKey": change_key,
        "categories": item.categories,
        **item.properties,
    }
    kind = entity_set_of(item)
    if kind != "events":
        body["parentFolderId"] = mailbox.ids.folder_id(item.folder)
    if kind == "messages":
        body["webLink"] = f"https://outlook.office365.com/owa/?ItemID={body['id']}&exvsurl=1&viewmodel=ReadMessageItem"
    if selected is None:
        return body
    return {name: value for name, value in body.items() if name in ("@odata.etag", "id") or name in selected}


def mail_folder_json(mailbox: Mailbox, folder: MailFolder, selected: list[str] | None = None) -> Json:
    """Return a mailFolder."""
    body: Json = {
        "id": mailbox.ids.folder_id(folder.number),
        "displayName": folder.name,
        "parentFolderId": mailbox.ids.folder_id(folder.parent or folder.number),
        "childFolderCount": len(folder.children),
        "unreadItemCount": folder.unread,
        "totalItemCount": folder.count,
        "isHidden": folder.hidden,
    }
    return body if selected is None else {name: value for name, value in body.items() if name in ("id", *selected)}
