"""What people do to their mail, as operations of the control interface."""

from __future__ import annotations

import base64
from collections.abc import Callable
from itertools import islice
from typing import Any

from local.tenant.answers import Json
from local.tenant.mailboxes.calendar_loader import events_from_ics
from local.tenant.mailboxes.contact_loader import contacts_from_vcf
from local.tenant.mailboxes.item import MailItem
from local.tenant.mailboxes.mailbox import Mailbox, MailFolder
from local.tenant.mailboxes.mime_reader import message_properties, received_time
from local.tenant.tenant import Tenant

_FOLDER_TYPES = {
    "calendar": "IPF.Appointment",
    "contacts": "IPF.Contact",
    "tasks": "IPF.Task",
    "notes": "IPF.StickyNote",
}
_CLASSES = {
    "add_event": ("IPM.Appointment", "calendar"),
    "add_contact": ("IPM.Contact", "contacts"),
    "add_task": ("IPM.Task", "tasks"),
    "add_note": ("IPM.StickyNote", "notes"),
}


class EditError(ValueError):
    """An operation that names something that is not there, or lacks something."""


def mailbox_for(tenant: Tenant, op: Json) -> Mailbox:
    """Return the mailbox of the user that an operation names."""
    person = tenant.person(str(op.get("user", "")))
    mailbox = tenant.mailbox(person) if person else None
    if mailbox is None:
        raise EditError(f"no mailbox of user {op.get('user')!r}")
    return mailbox


def find_folder(
    mailbox: Mailbox, key: str | list[str], *, make: bool = False, folder_type: str = "IPF.Note"
) -> MailFolder:
    """Return the folder at a path (names or well-known names), or with an id; missing ones are made on request."""
    if isinstance(key, str):
        found = mailbox.folder_by_key(key)
        if found is not None:
            return found
    folder = mailbox.root
    names = [name for name in key.split("/") if name] if isinstance(key, str) else key
    for depth, name in enumerate(names):
        below = mailbox.child_named(folder, name)
        if below is None and depth == 0 and name.lower() in mailbox.well_known:
            below = mailbox.folder_by_key(name)
        if below is None:
            if not make:
                raise EditError(f"no folder {key!r}")
            below = mailbox.add_folder(name, folder, folder_type)
        folder = below
    return folder


def _item(mailbox: Mailbox, op: Json) -> MailItem:
    item = mailbox.item_by_id(str(op.get("item", "")))
    if item is None:
        raise EditError("no item with that id")
    return item


def _result(mailbox: Mailbox, item: MailItem) -> Json:
    return {"item": mailbox.ids.item_id(item.number), "change_key": mailbox.ids.change_key(item.seq)}


def _add_folder(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    path = op["path"]
    names = [name for name in path.split("/") if name] if isinstance(path, str) else list(path)
    parent = find_folder(mailbox, names[:-1], make=True)
    folder = mailbox.child_named(parent, names[-1])
    if folder is None:
        kind = str(op.get("folder_type", "IPF.Note"))
        folder = mailbox.add_folder(names[-1], parent, kind, hidden=bool(op.get("hidden")))
    return {"folder": mailbox.ids.folder_id(folder.number)}


def _add_message(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    mime = base64.b64decode(op["mime_base64"])
    stamp = tenant.clock.stamp()
    received = op.get("received") or received_time(mime) or stamp
    properties = message_properties(mime, received)
    properties["isRead"] = bool(op.get("read", False))
    flag = op.get("flag")
    if flag:
        properties["flag"] = flag if isinstance(flag, dict) else {"flagStatus": "flagged"}
    item = MailItem(
        "IPM.Note",
        properties,
        mime,
        created=received,
        modified=str(op.get("modified") or received),
        categories=list(op.get("categories") or []),
        extended=dict(op.get("extended") or {}),
    )
    mailbox.add_item(item, find_folder(mailbox, op.get("folder", "inbox"), make=True))
    return _result(mailbox, item)


def _add_other(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    item_class, home = _CLASSES[op["op"]]
    stamp = tenant.clock.stamp()
    properties = dict(op["properties"])
    categories = list(op.get("categories") or properties.pop("categories", []))
    item = MailItem(
        item_class,
        properties,
        None,
        created=str(op.get("created") or stamp),
        modified=str(op.get("modified") or stamp),
        categories=categories,
        extended=dict(op.get("extended") or {}),
    )
    folder = find_folder(mailbox, op.get("folder") or home, make=True, folder_type=_FOLDER_TYPES[home])
    mailbox.add_item(item, folder)
    return _result(mailbox, item)


def _load_ics(tenant: Tenant, op: Json) -> Json:
    return _load(tenant, op, events_from_ics, "calendar")


def _load_vcf(tenant: Tenant, op: Json) -> Json:
    return _load(tenant, op, contacts_from_vcf, "contacts")


def _load(tenant: Tenant, op: Json, read: Callable[[bytes, str], list[MailItem]], home: str) -> Json:
    mailbox = mailbox_for(tenant, op)
    folder = find_folder(mailbox, op.get("folder") or home, make=True, folder_type=_FOLDER_TYPES[home])
    items = read(base64.b64decode(op["data_base64"]), tenant.clock.stamp())
    for item in items:
        mailbox.add_item(item, folder)
    return {"items": [mailbox.ids.item_id(item.number) for item in items]}


def _update_item(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    item = _item(mailbox, op)
    was_unread = item.is_unread_mail
    item.properties.update(op.get("properties") or {})
    item.extended.update(op.get("extended") or {})
    if "categories" in op:
        item.categories = list(op["categories"])
    item.modified = tenant.clock.stamp()
    mailbox.changed(item, was_unread=was_unread)
    return _result(mailbox, item)


def _move_item(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    folder = find_folder(mailbox, op["folder"], make=True)
    item = mailbox.move_item(_item(mailbox, op), folder, new_id=tenant.settings.ids_change_on_move)
    return _result(mailbox, item)


def _delete_item(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    mailbox.delete_item(_item(mailbox, op))
    return {}


def _rename_folder(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    mailbox.change_folder(find_folder(mailbox, op["folder"]), name=str(op["name"]))
    return {}


def _move_folder(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    parent = find_folder(mailbox, op["parent"]) if op.get("parent") else mailbox.root
    mailbox.change_folder(find_folder(mailbox, op["folder"]), parent=parent)
    return {}


def _delete_folder(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    folder = find_folder(mailbox, op["folder"])
    if folder.parent is None:
        raise EditError("the root folder cannot be deleted")
    mailbox.delete_folder(folder)
    return {}


def _break_export(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    item = _item(mailbox, op)
    code = op.get("code", "ErrorItemCorrupt")
    item.export_error = (str(code), str(op.get("message", "The item is corrupt."))) if code else None
    mailbox.changed(item, was_unread=item.is_unread_mail)
    return _result(mailbox, item)


def _list_items(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    folder = find_folder(mailbox, op.get("folder", "inbox"))
    return {
        "items": [
            {
                "item": mailbox.ids.item_id(item.number),
                "class": item.item_class,
                "subject": item.properties.get("subject") or item.properties.get("displayName") or "",
            }
            for item in islice(mailbox.items_in(folder), int(op.get("limit", 1000)))
        ]
    }


def _list_folders(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    return {
        "folders": [
            {
                "folder": mailbox.ids.folder_id(folder.number),
                "path": mailbox.path_of(folder),
                "well_known": folder.well_known,
                "count": folder.count,
            }
            for folder in mailbox.subtree(mailbox.root)
        ]
    }


def _generate_items(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    folder = find_folder(mailbox, op["folder"], make=True) if op.get("folder") else None
    mailbox.generate(str(op.get("kind", "message")), int(op["count"]), str(op.get("seed", "0")), folder)
    return {}


MAIL_OPS: dict[str, Callable[[Tenant, dict[str, Any]], Json]] = {
    "add_folder": _add_folder,
    "add_message": _add_message,
    "add_event": _add_other,
    "add_contact": _add_other,
    "add_task": _add_other,
    "add_note": _add_other,
    "load_ics": _load_ics,
    "load_vcf": _load_vcf,
    "update_item": _update_item,
    "move_item": _move_item,
    "delete_item": _delete_item,
    "rename_folder": _rename_folder,
    "move_folder": _move_folder,
    "delete_folder": _delete_folder,
    "break_export": _break_export,
    "list_items": _list_items,
    "list_folders": _list_folders,
    "generate_items": _generate_items,
}
