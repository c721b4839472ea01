"""Who may see a drive item besides its owner: direct grants, sharing links, guests that were invited.

Source: resources/permission, resources/sharinglink (Graph v1.0 reference, checked 2026-11).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.tenant.answers import Json

if TYPE_CHECKING:
    from local.tenant.drives.drive import Drive
    from local.tenant.drives.item import DriveItem
    from local.tenant.tenant import Tenant

_LIBRARY = "documentLibrary"
_SITE_GROUPS = (("owner", "3", "Owners"), ("read", "4", "Visitors"), ("write", "5", "Members"))
LINK_ROLES = {"view": "read", "edit": "write", "embed": "read"}
_WIDEST_FIRST = ("anonymous", "organization", "users")


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission of one item. ``link_type`` and ``link_scope`` are there for links; ``email`` alone stands for a
    guest who has not accepted yet. ``people`` are user ids: the one who is granted, or those whom a link is for."""

    number: int
    role: str
    people: tuple[str, ...] = ()
    group: str = ""
    email: str = ""
    link_type: str = ""
    link_scope: str = ""
    password: bool = False
    expires: str = ""
    prevents_download: bool = False

    @property
    def scope(self) -> str:
        """How widely it opens the item, in the words of the shared facet."""
        return self.link_scope or "users"

    def same_way(self, other: Grant) -> bool:
        """Whether both open the item to the same: a service keeps one such permission, not two."""
        if self.link_type or other.link_type:
            return (
                self.link_type == other.link_type
                and self.link_scope == other.link_scope
                and self.password == other.password
                and self.expires == other.expires
                and (self.link_scope != "users" or self.people == other.people)
            )
        return (self.people, self.group, self.email) == (other.people, other.group, other.email)


def shared_scope(drive: Drive, item: DriveItem, *, hierarchical: bool) -> str | None:
    """The scope in the shared facet. `hierarchical`: only of items that are shared themselves, not of all below."""
    if item.shared_scope is not None or not drive.sharing_items:
        return item.shared_scope
    scopes = {grant.scope for grant in item.grants}
    if not scopes and not hierarchical:
        scopes = {grant.scope for above in ancestors(drive, item) for grant in above.grants}
    return next((scope for scope in _WIDEST_FIRST if scope in scopes), None)


def ancestors(drive: Drive, item: DriveItem) -> Iterator[DriveItem]:
    """Yield the folders above an item, nearest first."""
    above = drive.item(item.parent)
    while above is not None:
        yield above
        above = drive.item(above.parent)


def permissions_json(tenant: Tenant, drive: Drive, item: DriveItem) -> list[Json]:
    """Every permission of an item: the owner's, its own, and those it has from the folders above.

    In a library those of the site's groups come in the owner's place, and nothing tells what is inherited: document
    libraries return no inheritedFrom (resources/permission, remarks, checked 2026-11).
    """
    is_library = drive.drive_type == _LIBRARY
    found = [_site_group_json(*each) for each in _SITE_GROUPS] if is_library else [_owner_json(tenant, drive, item)]
    found += [grant_json(tenant, drive, grant) for grant in item.grants]
    for above in ancestors(drive, item):
        for grant in above.grants:
            reference = {"driveId": drive.drive_id, "id": drive.item_id(above.number)}
            inherited = grant_json(tenant, drive, grant)
            found.append(inherited if is_library else {**inherited, "inheritedFrom": reference})
    return found


def grant_json(tenant: Tenant, drive: Drive, grant: Grant) -> Json:
    """One permission in Graph's schema."""
    body: Json = {"id": permission_id(drive, grant), "roles": [grant.role], "hasPassword": grant.password}
    if grant.expires:
        body["expirationDateTime"] = grant.expires
    if grant.link_type:
        token = hashlib.sha256(f"{drive.drive_id}/link/{grant.number}".encode()).hexdigest()[:32]
        body["shareId"] = f"u!{token}"
        body["link"] = {
            "type": grant.link_type,
            "scope": grant.link_scope,
            "webUrl": f"https://simulated-my.sharepoint.com/:b:/g/{token}",
            "preventsDownload": grant.prevents_download,
        }
        body["grantedToIdentitiesV2"] = [_identity(tenant, person) for person in grant.people]
    elif grant.email:
        body["invitation"] = {"email": grant.email, "signInRequired": True}
    elif grant.group:
        body["grantedToV2"] = {"group": {"id": grant.group, "displayName": "Group"}}
    else:
        body["grantedToV2"] = _identity(tenant, grant.people[0])
    return body


def permission_id(drive: Drive, grant: Grant) -> str:
    """Return the id of a permission."""
    return hashlib.sha256(f"{drive.drive_id}/permission/{grant.number}".encode()).hexdigest()[:32]


def _owner_json(tenant: Tenant, drive: Drive, item: DriveItem) -> Json:
    body: Json = {"id": f"owner-{drive.user_id}", "roles": ["owner"], "grantedToV2": _identity(tenant, drive.user_id)}
    if item.parent is not None:
        body["inheritedFrom"] = {"driveId": drive.drive_id, "id": drive.item_id(drive.root_number)}
    return body


def _site_group_json(role: str, group_id: str, name: str) -> Json:
    identity = {"siteGroup": {"id": group_id, "displayName": name, "loginName": name}}
    return {"id": f"{name}-{group_id}", "roles": [role], "grantedToV2": identity}


def _identity(tenant: Tenant, user_id: str) -> Json:
    person = tenant.people.get(user_id)
    name = person.display_name if person else "Somebody who left"
    return {"user": {"id": user_id, "displayName": name}}
