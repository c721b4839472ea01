"""What people do to files besides editing them: share, check out, look at the history; and the truth about it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from local.tenant.answers import Json
from local.tenant.drives.content import MemoryContent, sha256_of
from local.tenant.drives.edits import drive_for, find_item
from local.tenant.drives.grants import LINK_ROLES, Grant
from local.tenant.drives.item import DriveItem
from local.tenant.mailboxes.edits import EditError
from local.tenant.tenant import Tenant


def _share(tenant: Tenant, op: Json) -> Json:
    drive = drive_for(tenant, op)
    item = find_item(drive, op)
    people = tuple(_user_id(tenant, key) for key in op.get("people", ()))
    link_type = str(op.get("link_type", ""))
    drive.share(
        item,
        in_delta=tenant.settings.sharing_shows_in_delta,
        role=LINK_ROLES.get(link_type) or str(op.get("role", "read")),
        people=people,
        group=str(op.get("group", "")),
        email=str(op.get("email", "")),
        link_type=link_type,
        link_scope=str(op.get("link_scope", "")),
        password=bool(op.get("password")),
        expires=str(op.get("expires", "")),
    )
    return {"item": drive.item_id(item.number)}


def _unshare(tenant: Tenant, op: Json) -> Json:
    drive = drive_for(tenant, op)
    item = find_item(drive, op)
    for grant in list(item.grants):
        drive.unshare(item, grant, in_delta=tenant.settings.sharing_shows_in_delta)
    return {}


def _check_out(tenant: Tenant, op: Json) -> Json:
    drive = drive_for(tenant, op)
    item = find_item(drive, op)
    if item.content is None:
        raise EditError("only files are checked out")
    item.checked_out_by = drive.user_id
    item.draft = MemoryContent(base64.b64decode(op["data_base64"])) if op.get("data_base64") else None
    drive.touched(item, tenant.clock.stamp())
    return {"item": drive.item_id(item.number)}


def _check_in(tenant: Tenant, op: Json) -> Json:
    drive = drive_for(tenant, op)
    item = find_item(drive, op)
    item.checked_out_by, draft = "", item.draft
    item.draft = None
    if draft is None:
        drive.touched(item, tenant.clock.stamp())
    else:
        drive.set_content(item, draft, tenant.clock.stamp())
    return {"item": drive.item_id(item.number)}


def _file_details(tenant: Tenant, op: Json) -> Json:
    """Permissions and earlier versions of everything in a drive, without ids, by path."""
    drive = drive_for(tenant, op)
    return {
        "details": {
            drive.path_of(item): {
                "grants": sorted((_grant(grant) for grant in item.grants), key=repr),
                "versions": [sha256_of(each.content) for each in item.earlier],
                "checked_out": bool(item.checked_out_by),
            }
            for item in drive.subtree(drive.root)
            if item.parent is not None and _is_of_interest(item)
        }
    }


def _is_of_interest(item: DriveItem) -> bool:
    return bool(item.grants or item.earlier or item.checked_out_by)


def _grant(grant: Grant) -> Json:
    return {name: value for name, value in asdict(grant).items() if name != "number" and value}


def _user_id(tenant: Tenant, key: str) -> str:
    person = tenant.person(key)
    if person is None:
        raise EditError(f"no user {key!r}")
    return person.user_id


SHARING_OPS: dict[str, Callable[[Tenant, dict[str, Any]], Json]] = {
    "share": _share,
    "unshare": _unshare,
    "check_out": _check_out,
    "check_in": _check_in,
    "file_details": _file_details,
}
