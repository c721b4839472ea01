"""Permissions of drive items: listing, inviting, links.

Sources: api-reference/v1.0 pages driveitem-list-permissions, driveitem-invite, driveitem-createlink, permission-delete
(checked 2026-11). Somebody outside of the directory cannot be invited without a signed-in user.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, GraphError, bad_request, json_answer
from local.tenant.call import Call, member
from local.tenant.drives.drive import Drive
from local.tenant.drives.grants import LINK_ROLES, Grant, grant_json, permission_id, permissions_json
from local.tenant.drives.item import DriveItem
from local.tenant.paging import paged

Add = Callable[[str, str, str, frozenset[str], Callable[[Call], Answer]], None]
ItemAt = Callable[[Call], tuple[Drive, DriveItem]]


def add_sharing_routes(add: Add, item: str, item_at: ItemAt) -> None:
    """Add everything that has to do with sharing below an item."""

    def listed(call: Call) -> Answer:
        drive, found = item_at(call)
        context = f"drives('{drive.drive_id}')/items('{drive.item_id(found.number)}')/permissions"
        permissions = permissions_json(call.home, drive, found)
        return paged(call, permissions, context, lambda each: each, len(permissions))

    def delete(call: Call) -> Answer:
        drive, found = item_at(call)
        for grant in found.grants:
            if permission_id(drive, grant) == call.params["permission"]:
                drive.unshare(found, grant, in_delta=call.home.settings.sharing_shows_in_delta)
                return Answer(204)
        raise GraphError(404, "itemNotFound", "The permission could not be found.")

    def invite(call: Call) -> Answer:
        drive, found = item_at(call)
        granted = [grant_json(call.home, drive, grant) for grant in _invited(call, drive, found)]
        context = f"{call.base_url}/v1.0/$metadata#Collection(permission)"
        return json_answer({"@odata.context": context, "value": granted})

    def create_link(call: Call) -> Answer:
        drive, found = item_at(call)
        before = len(found.grants)
        grant = _linked(call, drive, found)
        context = f"{call.base_url}/v1.0/$metadata#permission"
        status = 201 if len(found.grants) > before else 200
        return json_answer({"@odata.context": context, **grant_json(call.home, drive, grant)}, status)

    add("GET", item + "/permissions", "permissions", roles.FILES_READ, listed)
    add("DELETE", item + "/permissions/{permission}", "unshare", roles.FILES_WRITE, delete)
    add("POST", item + "/invite", "invite", roles.FILES_WRITE, invite)
    add("POST", item + "/createLink", "createLink", roles.FILES_WRITE, create_link)


def _invited(call: Call, drive: Drive, item: DriveItem) -> list[Grant]:
    body = call.json_body()
    recipients, wanted = member(body, "recipients", list) or [], member(body, "roles", list) or []
    if not recipients or len(wanted) != 1 or wanted[0] not in ("read", "write"):
        raise bad_request("Recipients and one role, read or write, are required.", "invalidRequest")
    if member(body, "requireSignIn", bool) is False and not body.get("sendInvitation"):
        raise bad_request("Without sign-in an invitation has to be sent.", "invalidRequest")
    terms: dict[str, Any] = {"role": wanted[0], "expires": str(body.get("expirationDateTime") or "")}
    people = [_recipient(call, entry) for entry in recipients]
    in_delta = call.home.settings.sharing_shows_in_delta
    return [drive.share(item, in_delta=in_delta, **{**terms, **who}) for who in people]


def _recipient(call: Call, entry: Any) -> dict[str, Any]:
    recipient = entry if isinstance(entry, dict) else {}
    key = str(recipient.get("objectId") or recipient.get("email") or "")
    person = call.home.person(key)
    if person is not None:
        return {"people": (person.user_id,)}
    if key in call.home.settings.group_ids:
        return {"group": key}
    raise GraphError(400, "invalidRequest", "The recipient could not be resolved in the directory.")


def _linked(call: Call, drive: Drive, item: DriveItem) -> Grant:
    body = call.json_body()
    link_type, scope = str(body.get("type", "")), str(body.get("scope", "organization"))
    if link_type not in LINK_ROLES or scope not in ("anonymous", "organization", "users"):
        raise bad_request("The type or the scope of the link is not known.", "invalidRequest")
    if scope == "anonymous" and not call.home.settings.anonymous_links:
        raise GraphError(403, "accessDenied", "Sharing with anyone has been disabled by the administrator.")
    people = [_recipient(call, entry)["people"][0] for entry in member(body, "recipients", list) or []]
    return drive.share(
        item,
        in_delta=call.home.settings.sharing_shows_in_delta,
        role=LINK_ROLES[link_type],
        people=tuple(people),
        link_type=link_type,
        link_scope=scope,
        password=bool(body.get("password")),
        expires=str(body.get("expirationDateTime") or ""),
    )
