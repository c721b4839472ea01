"""Readable Outlook: messages with their MIME, events, contacts, mail folders of a user."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, Json, json_answer, mail_item_not_found
from local.tenant.call import Call
from local.tenant.directory.routes import person_of, require_mailbox
from local.tenant.mailboxes.extended_properties import expanded_properties
from local.tenant.mailboxes.item import MailItem
from local.tenant.mailboxes.mailbox import Mailbox, MailFolder
from local.tenant.mailboxes.outlook_schema import entity_set_of, mail_folder_json, outlook_item_json
from local.tenant.paging import paged
from local.tenant.routing import Route, RouteTable

_ROLES = {"messages": roles.MAIL_READ, "events": roles.CALENDARS_READ, "contacts": roles.CONTACTS_READ}
_SINGULAR = {"messages": "message", "events": "event", "contacts": "contact"}


def add_outlook_routes(table: RouteTable) -> None:
    """Add the Outlook part of /users/{user}."""

    def get(template: str, operation: str, needed: frozenset[str], handler: Callable[[Call], Answer]) -> None:
        table.add("GET", Route("/users/{user}" + template, operation, needed, "outlook", handler))

    for kind, needed in _ROLES.items():
        name = _SINGULAR[kind]
        get(f"/{kind}", f"{name}.list", needed, _lister(kind))
        get(f"/{kind}/{{item}}", f"{name}.get", needed, _getter(kind))
    get("/messages/{item}/$value", "message.mime", roles.MAIL_READ, _mime)
    get("/mailFolders", "mailFolders.list", roles.MAIL_FOLDERS_READ, _mail_folders)
    get("/mailFolders/{folder}", "mailFolders.get", roles.MAIL_FOLDERS_READ, _mail_folder)
    get("/mailFolders/{folder}/childFolders", "mailFolders.list", roles.MAIL_FOLDERS_READ, _mail_folders)
    get("/mailFolders/{folder}/messages", "message.list", roles.MAIL_READ, _lister("messages"))
    get("/calendar", "calendar.get", roles.CALENDARS_READ, _calendar)
    get("/calendar/events", "event.list", roles.CALENDARS_READ, _lister("events"))


def _mailbox(call: Call) -> Mailbox:
    person = person_of(call)
    require_mailbox(person)
    mailbox = call.home.mailbox(person)
    if mailbox is None:
        raise mail_item_not_found()
    if (call.preference("IdType") or "").lower() not in ("", "immutableid"):
        call.preferences_applied.pop()
    return mailbox


def _folder(call: Call, mailbox: Mailbox) -> MailFolder:
    folder = mailbox.folder_by_key(call.params["folder"])
    if folder is None:
        raise mail_item_not_found()
    return folder


def _item(call: Call, mailbox: Mailbox, kind: str) -> MailItem:
    item = mailbox.item_by_id(call.params["item"])
    if item is None or entity_set_of(item) != kind:
        raise mail_item_not_found()
    return item


def _getter(kind: str) -> Callable[[Call], Answer]:
    def get(call: Call) -> Answer:
        mailbox = _mailbox(call)
        item = _item(call, mailbox, kind)
        body = {**outlook_item_json(mailbox, item, call.selected()), **expanded_properties(call, item)}
        context = f"{call.base_url}/v1.0/$metadata#users('{mailbox.user_id}')/{kind}/$entity"
        return json_answer({"@odata.context": context, **body})

    return get


def _lister(kind: str) -> Callable[[Call], Answer]:
    def items(mailbox: Mailbox, folders: list[MailFolder]) -> Iterator[MailItem]:
        for folder in folders:
            yield from (item for item in mailbox.items_in(folder) if entity_set_of(item) == kind)

    def get(call: Call) -> Answer:
        mailbox = _mailbox(call)
        folders = [_folder(call, mailbox)] if "folder" in call.params else list(mailbox.subtree(mailbox.root))
        selected = call.selected()

        def show(item: MailItem) -> Json:
            return {**outlook_item_json(mailbox, item, selected), **expanded_properties(call, item)}

        total = sum(folder.count for folder in folders)
        return paged(call, items(mailbox, folders), f"users('{mailbox.user_id}')/{kind}", show, total)

    return get


def _mime(call: Call) -> Answer:
    mime = _item(call, _mailbox(call), "messages").mime
    if mime is None:
        raise mail_item_not_found()
    return Answer(200, mime, "text/plain")


def _mail_folders(call: Call) -> Answer:
    mailbox = _mailbox(call)
    parent = _folder(call, mailbox) if "folder" in call.params else mailbox.root
    with_hidden = call.query.get("includeHiddenFolders", "").lower() == "true"
    folders = [
        folder
        for folder in (mailbox.folders[number] for number in parent.children)
        if folder.folder_type == "IPF.Note" and (with_hidden or not folder.hidden)
    ]
    selected = call.selected()
    context = f"users('{mailbox.user_id}')/mailFolders"
    return paged(call, folders, context, lambda folder: mail_folder_json(mailbox, folder, selected), len(folders))


def _mail_folder(call: Call) -> Answer:
    mailbox = _mailbox(call)
    body = mail_folder_json(mailbox, _folder(call, mailbox), call.selected())
    context = f"{call.base_url}/v1.0/$metadata#users('{mailbox.user_id}')/mailFolders/$entity"
    return json_answer({"@odata.context": context, **body})


def _calendar(call: Call) -> Answer:
    mailbox = _mailbox(call)
    folder = mailbox.folders[mailbox.well_known["calendar"]]
    return json_answer(
        {
            "@odata.context": f"{call.base_url}/v1.0/$metadata#users('{mailbox.user_id}')/calendar/$entity",
            "id": mailbox.ids.folder_id(folder.number),
            "name": folder.name,
            "color": "auto",
            "changeKey": mailbox.ids.change_key(folder.number),
            "isDefaultCalendar": True,
            "canEdit": True,
            "canShare": True,
            "canViewPrivateItems": True,
            "owner": {"name": mailbox.address, "address": mailbox.address},
        }
    )
