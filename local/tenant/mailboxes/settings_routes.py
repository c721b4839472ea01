"""Settings of a mailbox and the rules of its inbox, below /users/{user}."""

from __future__ import annotations

from collections.abc import Callable

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, Json, bad_request, json_answer, mail_item_not_found
from local.tenant.call import Call
from local.tenant.directory.routes import person_of, require_mailbox
from local.tenant.mailboxes.mailbox import Mailbox
from local.tenant.mailboxes.settings import rule_json
from local.tenant.paging import paged
from local.tenant.routing import Route, RouteTable

_RULES = "/users/{user}/mailFolders/{folder}/messageRules"


def add_settings_routes(table: RouteTable) -> None:
    """Add PATCH of mailboxSettings, and everything about rules."""

    def add(
        method: str, template: str, operation: str, needed: frozenset[str], handler: Callable[[Call], Answer]
    ) -> None:
        table.add(method, Route(template, operation, needed, "outlook", handler))

    read, write = roles.MAILBOX_SETTINGS, roles.MAILBOX_SETTINGS_WRITE
    add("PATCH", "/users/{user}/mailboxSettings", "users.updateMailboxSettings", write, _change_settings)
    add("GET", _RULES, "messageRules.list", read, _list_rules)
    add("POST", _RULES, "messageRules.create", write, _add_rule)
    add("GET", _RULES + "/{rule}", "messageRules.get", read, _get_rule)
    add("PATCH", _RULES + "/{rule}", "messageRules.update", write, _change_rule)
    add("DELETE", _RULES + "/{rule}", "messageRules.delete", write, _delete_rule)


def _mailbox(call: Call) -> Mailbox:
    person = person_of(call)
    require_mailbox(person)
    mailbox = call.home.mailbox(person)
    if mailbox is None:
        raise mail_item_not_found()
    return mailbox


def _inbox_of(call: Call) -> Mailbox:
    """The mailbox, when the path names its inbox: no other folder has rules."""
    mailbox = _mailbox(call)
    folder = mailbox.folder_by_key(call.params["folder"])
    if folder is None:
        raise mail_item_not_found()
    if folder.well_known != "inbox":
        raise bad_request("Rules belong to the inbox.", "ErrorInvalidRequest")
    return mailbox


def _change_settings(call: Call) -> Answer:
    mailbox = _mailbox(call)
    mailbox.settings.change(call.json_body())
    mailbox.touch()
    context = f"{call.base_url}/v1.0/$metadata#users('{mailbox.user_id}')/mailboxSettings"
    return json_answer({"@odata.context": context, **mailbox.settings.values})


def _shown(mailbox: Mailbox, rule: Json) -> Json:
    return rule_json(rule, lambda key: mailbox.folder_by_key(key) is not None)


def _one(call: Call, mailbox: Mailbox, rule: Json, status: int = 200) -> Answer:
    context = f"{call.base_url}/v1.0/$metadata#users('{mailbox.user_id}')/mailFolders('inbox')/messageRules/$entity"
    return json_answer({"@odata.context": context, **_shown(mailbox, rule)}, status)


def _list_rules(call: Call) -> Answer:
    mailbox = _inbox_of(call)
    rules = mailbox.settings.rules()
    context = f"users('{mailbox.user_id}')/mailFolders('inbox')/messageRules"
    return paged(call, rules, context, lambda rule: _shown(mailbox, rule), len(rules))


def _get_rule(call: Call) -> Answer:
    mailbox = _inbox_of(call)
    return _one(call, mailbox, mailbox.settings.rule(call.params["rule"]))


def _add_rule(call: Call) -> Answer:
    mailbox = _inbox_of(call)
    body = {name: value for name, value in call.json_body().items() if name != "isReadOnly"}
    rule = mailbox.settings.add_rule(body, lambda key: mailbox.folder_by_key(key) is not None)
    mailbox.touch()
    return _one(call, mailbox, rule, 201)


def _change_rule(call: Call) -> Answer:
    mailbox = _inbox_of(call)
    exists = mailbox.folder_by_key
    rule = mailbox.settings.change_rule(call.params["rule"], call.json_body(), lambda key: exists(key) is not None)
    mailbox.touch()
    return _one(call, mailbox, rule)


def _delete_rule(call: Call) -> Answer:
    mailbox = _inbox_of(call)
    mailbox.settings.delete_rule(call.params["rule"])
    mailbox.touch()
    return Answer(204)
