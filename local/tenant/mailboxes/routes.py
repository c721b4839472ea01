"""The mailbox import and export API: /admin/exchange/mailboxes.

Sources: api-reference/v1.0 pages mailboxfolder-delta, mailboxitem-delta, mailboxfolder-list-items, mailbox-exportitems,
mailbox-createimportsession, concepts/import-exchange-mailbox-item (checked 2026-11).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, GraphError, Json, bad_request, json_answer, mail_item_not_found
from local.tenant.call import Call, member
from local.tenant.clock import format_time
from local.tenant.feed_log import Entry
from local.tenant.mailboxes.delta_answers import answer_delta
from local.tenant.mailboxes.extended_properties import HIDDEN, expanded_folder_properties, expanded_properties
from local.tenant.mailboxes.item import MailItem
from local.tenant.mailboxes.mailbox import Mailbox, MailFolder
from local.tenant.mailboxes.schema import folder_json, item_json
from local.tenant.paging import paged
from local.tenant.routing import Route, RouteTable

MOST_EXPORTED = 20
_BASE = "/admin/exchange/mailboxes/{mailbox}"
_FOLDER = _BASE + "/folders/{folder}"


def add_mailbox_routes(table: RouteTable) -> None:
    """Add everything below /admin/exchange/mailboxes."""

    def add(
        method: str, template: str, operation: str, needed: frozenset[str], handler: Callable[[Call], Answer]
    ) -> None:
        table.add(method, Route(template, f"mailbox.{operation}", needed, "outlook", handler))

    read, write = roles.MAILBOX_FOLDER_READ, roles.MAILBOX_FOLDER_WRITE
    add("GET", _BASE + "/folders", "folders.list", read, _list_folders)
    add("POST", _BASE + "/folders", "folders.create", write, _create_folder)
    add("GET", _BASE + "/folders/delta", "folders.delta", read, _folders_delta)
    add("GET", _FOLDER, "folders.get", read, _get_folder)
    add("PATCH", _FOLDER, "folders.update", write, _update_folder)
    add("DELETE", _FOLDER, "folders.delete", write, _delete_folder)
    add("GET", _FOLDER + "/childFolders", "folders.list", read, _list_folders)
    add("POST", _FOLDER + "/childFolders", "folders.create", write, _create_folder)
    for below in (_FOLDER, _FOLDER + "/childFolders/{folder}"):
        add("GET", below + "/items", "items.list", roles.MAILBOX_ITEM_READ, _list_items)
        add("GET", below + "/items/delta", "items.delta", roles.MAILBOX_ITEM_READ, _items_delta)
        add("GET", below + "/items/{item}", "items.get", roles.MAILBOX_ITEM_READ, _get_item)
        add("DELETE", below + "/items/{item}", "items.delete", roles.MAILBOX_ITEM_IMPORT, _delete_item)
    add("GET", _FOLDER + "/childFolders/{folder}", "folders.get", read, _get_folder)
    add("POST", _BASE + "/exportItems", "export", roles.MAILBOX_ITEM_EXPORT, _export_items)
    add(
        "POST",
        _BASE + "/createImportSession",
        "createImportSession",
        roles.MAILBOX_ITEM_IMPORT,
        _create_session,
    )


def mailbox_of(call: Call) -> Mailbox:
    """Return the mailbox that the path names. Raises 404."""
    mailbox = call.home.mailbox_by_id(call.params["mailbox"])
    if mailbox is None:
        raise GraphError(404, "ErrorNonExistentMailbox", "No mailbox with such guid.")
    return mailbox


def folder_of(call: Call, mailbox: Mailbox) -> MailFolder:
    """Return the folder that the path names, by id or well-known name. Raises 404."""
    folder = mailbox.folder_by_key(call.params["folder"])
    if folder is None:
        raise mail_item_not_found()
    return folder


def _list_folders(call: Call) -> Answer:
    mailbox = mailbox_of(call)
    parent = folder_of(call, mailbox) if "folder" in call.params else mailbox.root
    folders = [mailbox.folders[number] for number in parent.children]
    wanted = call.query.get("$filter", "")
    if wanted.startswith("type eq '"):
        folders = [folder for folder in folders if folder.folder_type == wanted[9:-1]]
    elif wanted.startswith("displayName eq '"):
        name = wanted[16:-1].replace("''", "'").casefold()
        folders = [folder for folder in folders if folder.name.casefold() == name]
    elif wanted:
        raise bad_request("The query filter is not supported.", "ErrorInvalidUrlQueryFilter")
    selected = call.selected()
    context = f"admin/exchange/mailboxes('{mailbox.mailbox_id}')/folders"
    return paged(call, folders, context, lambda folder: folder_json(mailbox, folder, selected), len(folders))


def _get_folder(call: Call) -> Answer:
    mailbox = mailbox_of(call)
    folder = folder_of(call, mailbox)
    body = {**folder_json(mailbox, folder, call.selected()), **expanded_folder_properties(call, folder)}
    context = f"{call.base_url}/v1.0/$metadata#admin/exchange/mailboxes('{mailbox.mailbox_id}')/folders/$entity"
    return json_answer({"@odata.context": context, **body})


def _create_folder(call: Call) -> Answer:
    mailbox = mailbox_of(call)
    parent = folder_of(call, mailbox) if "folder" in call.params else mailbox.root
    body = call.json_body()
    name = member(body, "displayName", str)
    if name is None or not name.strip():
        raise bad_request("The property 'displayName' is required when creating the entity.", "ErrorInvalidRequest")
    if len(name) > 255:
        raise bad_request("The folder name is too long.", "ErrorInvalidRequest")
    if mailbox.child_named(parent, name) is not None:
        raise GraphError(409, "ErrorFolderExists", "A folder with the specified name already exists.")
    extended = member(body, "singleValueExtendedProperties", list) or []
    hidden = any(entry.get("id") == HIDDEN and entry.get("value") == "true" for entry in extended)
    folder = mailbox.add_folder(name, parent, member(body, "type", str) or "IPF.Note", hidden=hidden)
    context = f"{call.base_url}/v1.0/$metadata#admin/exchange/mailboxes('{mailbox.mailbox_id}')/folders/$entity"
    return json_answer({"@odata.context": context, **folder_json(mailbox, folder)}, status=201)


def _update_folder(call: Call) -> Answer:
    mailbox = mailbox_of(call)
    folder = folder_of(call, mailbox)
    name = member(call.json_body(), "displayName", str)
    if name is not None:
        if folder.well_known:
            raise bad_request("A distinguished folder cannot be renamed.", "ErrorInvalidRequest")
        taken = mailbox.child_named(mailbox.folders[folder.parent or 0], name)
        if taken is not None and taken is not folder:
            raise GraphError(409, "ErrorFolderExists", "A folder with the specified name already exists.")
        mailbox.change_folder(folder, name=name)
    return json_answer(folder_json(mailbox, folder))


def _delete_folder(call: Call) -> Answer:
    mailbox = mailbox_of(call)
    folder = folder_of(call, mailbox)
    if folder.well_known:
        raise bad_request("Distinguished folders cannot be deleted.", "ErrorDeleteDistinguishedFolder")
    mailbox.delete_folder(folder)
    return Answer(204)


def _folders_delta(call: Call) -> Answer:
    mailbox = mailbox_of(call)
    _check_delta(mailbox)

    def show(entry: Entry, selected: list[str] | None) -> Json | None:
        folder = mailbox.folders.get(entry.number)
        return None if folder is None else folder_json(mailbox, folder, selected)

    return answer_delta(
        call,
        f"folders/{mailbox.mailbox_id}",
        mailbox.folder_feed,
        mailbox.seq,
        show,
        lambda entry: _removed(mailbox.ids.folder_id(entry.number)),
        "Collection(mailboxFolder)",
    )


def _check_delta(mailbox: Mailbox) -> None:
    if mailbox.delta_error is not None:
        status, code = mailbox.delta_error
        raise GraphError(status, code, "The mailbox cannot track changes now.")


def _items_delta(call: Call) -> Answer:
    mailbox = mailbox_of(call)
    _check_delta(mailbox)
    folder = folder_of(call, mailbox)

    def show(entry: Entry, selected: list[str] | None) -> Json | None:
        item = mailbox.item(entry.number)
        if item is None or item.folder != folder.number:
            return None
        return item_json(mailbox, item, selected)

    return answer_delta(
        call,
        f"items/{mailbox.mailbox_id}/{folder.number}",
        folder.feed,
        mailbox.seq,
        show,
        lambda entry: _removed(mailbox.ids.item_id(entry.number)),
        "Collection(mailboxItem)",
    )


def _removed(identifier: str) -> Json:
    return {"id": identifier, "@removed": {"reason": "deleted"}}


def _list_items(call: Call) -> Answer:
    mailbox = mailbox_of(call)
    folder = folder_of(call, mailbox)
    if "$filter" in call.query:
        raise bad_request("The query filter is not supported.", "ErrorInvalidUrlQueryFilter")
    items: Iterable[MailItem] = mailbox.items_in(folder)
    order = call.query.get("$orderby", "").split()
    if order:
        keys = {"createdDateTime": "created", "lastModifiedDateTime": "modified", "size": "size_bytes"}
        if order[0] not in keys:
            raise bad_request("The $orderby expression is not supported.", "ErrorInvalidUrlQuery")
        items = sorted(items, key=lambda item: getattr(item, keys[order[0]]), reverse=order[-1] == "desc")
    selected = call.selected()

    def show(item: MailItem) -> Json:
        return {**item_json(mailbox, item, selected), **expanded_properties(call, item)}

    context = f"admin/exchange/mailboxes('{mailbox.mailbox_id}')/folders('{call.params['folder']}')/items"
    return paged(call, items, context, show, folder.count)


def _item_of(call: Call, mailbox: Mailbox) -> MailItem:
    folder = folder_of(call, mailbox)
    item = mailbox.item_by_id(call.params["item"])
    if item is None or item.folder != folder.number:
        raise mail_item_not_found()
    return item


def _get_item(call: Call) -> Answer:
    mailbox = mailbox_of(call)
    item = _item_of(call, mailbox)
    body = {**item_json(mailbox, item, call.selected()), **expanded_properties(call, item)}
    context = f"{call.base_url}/v1.0/$metadata#admin/exchange/mailboxes('{mailbox.mailbox_id}')/folders/items/$entity"
    return json_answer({"@odata.context": context, **body})


def _delete_item(call: Call) -> Answer:
    mailbox = mailbox_of(call)
    mailbox.delete_item(_item_of(call, mailbox))
    return Answer(204)


def _export_items(call: Call) -> Answer:
    mailbox = mailbox_of(call)
    body = {name.lower(): value for name, value in call.json_body().items()}
    item_ids = body.get("itemids")
    if not isinstance(item_ids, list) or not all(isinstance(each, str) for each in item_ids):
        raise bad_request("The parameter 'itemIds' is required.", "ErrorInvalidRequest")
    if not 1 <= len(item_ids) <= MOST_EXPORTED:
        raise bad_request(f"The number of items must be between 1 and {MOST_EXPORTED}.", "ErrorInvalidRequest")
    values = [_exported(mailbox, item_id) for item_id in item_ids]
    context = f"{call.base_url}/v1.0/$metadata#Collection(microsoft.graph.exportItemResponse)"
    return json_answer({"@odata.context": context, "value": values})


def _exported(mailbox: Mailbox, item_id: str) -> Json:
    item = mailbox.item_by_id(item_id)
    if item is None:
        not_found = mail_item_not_found()
        return {"itemId": item_id, "error": {"code": not_found.code, "message": not_found.message}}
    if item.export_error is not None:
        code, message = item.export_error
        return {"itemId": item_id, "error": {"code": code, "message": message}}
    return {
        "itemId": item_id,
        "changeKey": mailbox.ids.change_key(item.seq),
        "data": base64.b64encode(item.native()).decode("ascii"),
    }


def _create_session(call: Call) -> Answer:
    mailbox = mailbox_of(call)
    tenant = call.home
    expires = int(tenant.clock.epoch_s() + tenant.settings.import_session_lifetime_s)
    token = call.simulator.sealer.seal("import", [tenant.tenant_id, mailbox.mailbox_id, expires])
    return json_answer(
        {
            "@odata.context": f"{call.base_url}/v1.0/$metadata#microsoft.graph.mailboxItemImportSession",
            "importUrl": f"{call.base_url}/_import/{mailbox.mailbox_id}/importItem?authtoken={token}",
            "expirationDateTime": format_time(expires),
        },
        status=201,
    )
