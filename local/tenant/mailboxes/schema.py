"""Folders and items of the mailbox import and export API in Graph's schema."""

from __future__ import annotations

from local.tenant.answers import Json
from local.tenant.mailboxes.item import MailItem
from local.tenant.mailboxes.mailbox import Mailbox, MailFolder


def folder_json(mailbox: Mailbox, folder: MailFolder, selected: list[str] | None = None) -> Json:
    """Return a mailboxFolder."""
    everything: Json = {
        "id": mailbox.ids.folder_id(folder.number),
        "displayName": folder.name,
        "parentFolderId": None if folder.parent is None else mailbox.ids.folder_id(folder.parent),
        "childFolderCount": len(folder.children),
        "totalItemCount": folder.count,
        "type": folder.folder_type,
    }
    if selected is None:
        return everything
    return {name: value for name, value in everything.items() if name == "id" or name in selected}


def item_json(mailbox: Mailbox, item: MailItem, selected: list[str] | None = None) -> Json:
    """Return a mailboxItem."""
    change_key = mailbox.ids.change_key(item.seq)
    everything: Json = {
        "@odata.etag": f'W/"{change_key}"',
        "id": mailbox.ids.item_id(item.number),
        "createdDateTime": item.created,
        "lastModifiedDateTime": item.modified,
        "changeKey": change_key,
        "categories": item.categories,
        "type": item.item_class,
        "size": item.size_bytes,
    }
    if selected is None:
        return everything
    return {name: value for name, value in everything.items() if name in ("@odata.etag", "id") or name in selected}
