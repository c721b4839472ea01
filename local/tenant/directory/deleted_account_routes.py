"""The users in a tenant's deleted items."""

from __future__ import annotations

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, Json, json_answer
from local.tenant.call import Call
from local.tenant.routing import Route, RouteTable
from local.tenant.tenant import DeletedAccount


def add_deleted_account_routes(table: RouteTable) -> None:
    """Add what is served below /directory/deletedItems, by both spellings of the cast."""
    for cast in ("microsoft.graph.user", "graph.user"):
        template = f"/directory/deletedItems/{cast}"
        table.add("GET", Route(template, "deletedItems.users", roles.USERS, "directory", _deleted_users))


def _deleted_users(call: Call) -> Answer:
    selected = call.selected()
    values = [_json(account) for account in call.home.deleted_accounts.values()]
    if selected is not None:
        values = [{name: value[name] for name in ("id", *selected) if name in value} for value in values]
    context = f"{call.base_url}/v1.0/$metadata#directoryObjects/microsoft.graph.user"
    return json_answer({"@odata.context": context, "value": values})


def _json(account: DeletedAccount) -> Json:
    person = account.person
    return {
        "id": person.user_id,
        "displayName": person.display_name,
        "userPrincipalName": f"{person.user_id.replace('-', '')}{person.upn}",
        "mail": person.upn if person.has_mailbox else None,
        "deletedDateTime": account.deleted_at,
    }
