"""What happens to a mailbox as a whole, as operations of the control interface: its settings and rules, and the ways
in which it can be in trouble."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.tenant.answers import Json
from local.tenant.mailboxes.edits import EditError, find_folder, mailbox_for
from local.tenant.mailboxes.mailbox import Mailbox
from local.tenant.mailboxes.settings import with_folder_names
from local.tenant.tenant import Tenant


def _change_settings(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    mailbox.settings.change(dict(op["settings"]))
    mailbox.touch()
    return {}


def _add_rule(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    rule = dict(op["rule"])
    if op.get("move_to") is not None:
        folder = find_folder(mailbox, op["move_to"])
        rule["actions"] = {**(rule.get("actions") or {}), "moveToFolder": mailbox.ids.folder_id(folder.number)}
    made = mailbox.settings.add_rule(rule, lambda key: mailbox.folder_by_key(key) is not None)
    mailbox.touch()
    return {"rule": made["id"]}


def _change_rule(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    exists = mailbox.folder_by_key
    mailbox.settings.change_rule(str(op["rule_id"]), dict(op["rule"]), lambda key: exists(key) is not None)
    mailbox.touch()
    return {}


def _delete_rule(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    mailbox.settings.delete_rule(str(op["rule_id"]))
    mailbox.touch()
    return {}


def _show_settings(tenant: Tenant, op: Json) -> Json:
    """The truth about settings and rules, without ids; folders by their paths."""
    mailbox = mailbox_for(tenant, op)

    def name_of(key: str) -> str:
        folder = mailbox.folder_by_key(key)
        return "(gone)" if folder is None else mailbox.path_of(folder)

    rules = [with_folder_names(rule, name_of) for rule in mailbox.settings.rules()]
    return {"settings": mailbox.settings.values, "rules": rules}


def _rule_ids(tenant: Tenant, op: Json) -> Json:
    return {"rules": {rule["displayName"]: rule["id"] for rule in mailbox_for(tenant, op).settings.rules()}}


def _break_delta(tenant: Tenant, op: Json) -> Json:
    mailbox = mailbox_for(tenant, op)
    status = op.get("status")
    mailbox.delta_error = (int(status), str(op.get("code", "ErrorQuotaExceeded"))) if status else None
    return {}


def _soft_delete_item(tenant: Tenant, op: Json) -> Json:
    """What Shift+Delete does: the item goes to a folder of Recoverable Items."""
    mailbox = mailbox_for(tenant, op)
    item = mailbox.item_by_id(str(op.get("item", "")))
    if item is None:
        raise EditError("no item with that id")
    folder = _recoverable(mailbox, str(op.get("part", "deletions")))
    moved = mailbox.move_item(item, mailbox.folders[folder], new_id=tenant.settings.ids_change_on_move)
    return {"item": mailbox.ids.item_id(moved.number)}


def _recoverable(mailbox: Mailbox, part: str) -> int:
    number = mailbox.well_known.get(f"recoverableitems{part}")
    if number is None:
        raise EditError(f"Recoverable Items has no {part}")
    return number


MAILBOX_STATE_OPS: dict[str, Callable[[Tenant, dict[str, Any]], Json]] = {
    "change_settings": _change_settings,
    "add_rule": _add_rule,
    "change_rule": _change_rule,
    "delete_rule": _delete_rule,
    "show_settings": _show_settings,
    "rule_ids": _rule_ids,
    "break_delta": _break_delta,
    "soft_delete_item": _soft_delete_item,
}
