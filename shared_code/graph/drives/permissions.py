"""Who may see a drive item, as it is stored, and what it takes to make it so again. Pure.

Permissions are kept without what is of no use later (ids of the permissions) and without what must not lie in a backup:
the address of a link opens the item to whoever reads it. "permission resource type", "sharingLink resource type",
"driveItem: invite", "driveItem: createLink" (Graph v1.0 reference, checked 2026-11).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shared_code.graph.odata import text_of
from shared_code.model.item import Change

PERMISSIONS = "permissions"
UNREAD = "permissionsUnread"
_OWNER = "owner"
_INVITED_ROLES = frozenset({"read", "write"})
_LINK_TYPES = frozenset({"view", "edit", "embed"})
_LINK_SCOPES = frozenset({"anonymous", "organization", "users"})
_DIGEST_CHARACTERS = 16

NEW_ADDRESS = "sharing link(s) made anew have another address"
GUEST = "guest(s) have to be invited anew by a person"
PROTECTED = "link(s) with a password cannot be made again"
SITE_IDENTITY = "grant(s) to groups or users of the site itself have to be made by hand"
UNKNOWN_KIND = "permission(s) are of a kind that cannot be made by an app"
REFUSED = "permission(s) were refused by the service"
WERE_UNREAD = "Its permissions could not be read on the day of the backup."


@dataclass(slots=True)
class SharingPlan:
    """What is missing at the target: ``requests`` are (action, body) of the item, and ``notes`` counts by reason what
    comes back otherwise or not at all."""

    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)


def stored_permissions(values: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Graph's permissions of one item in the form that is stored, in a fixed order. Left out are the owner's, which
    comes with the drive, inherited ones, which come and go with the folder that they are stored with, and links for
    those who have access already, which open nothing. What is inherited without saying so: ``without_inherited``."""
    own = [value for value in values if not (_OWNER in _roles(value) or value.get("inheritedFrom") or _is_idle(value))]
    found = [_stored(value) for value in own]
    return sorted(found, key=lambda entry: json.dumps(entry, sort_keys=True))


def tells_of_inheritance(values: Iterable[Mapping[str, Any]]) -> bool:
    """Whether an item's permissions say which of them are inherited. Those of OneDrive for Business and of document
    libraries need not ("permission resource type", remarks, checked 2026-11)."""
    return any(value.get("inheritedFrom") for value in values)


def without_inherited(
    values: Iterable[Mapping[str, Any]], above: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """An item's permissions without those that the folder above has too: the same id, and the same in every way."""
    inherited = [(value.get("id"), _stored(value)) for value in above]
    return [value for value in values if (value.get("id"), _stored(value)) not in inherited]


def owners(values: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Ids of those who own the item."""
    return frozenset(
        identity["id"]
        for value in values
        if _OWNER in _roles(value)
        for identity in _identities(value)
        if identity["id"]
    )


def with_permissions(change: Change, permissions: Sequence[Mapping[str, Any]], unread: str = "") -> Change:
    """The change with its permissions. They are part of its etag, since the service's own does not tell of them: so a
    change of permissions alone makes a new row. ``unread``: why they could not be read; the next look asks again."""
    if not permissions and not unread:
        return change
    added = {PERMISSIONS: list(permissions)} if permissions else {UNREAD: unread}
    digest = hashlib.sha256(json.dumps(added, sort_keys=True).encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return replace(change, etag=f"{change.etag}#{digest}", properties={**change.properties, **added})


def with_permissions_of(read: Change, asked: Change) -> Change:
    """What was read afresh, with the permissions that were known when it was asked for."""
    permissions, unread = asked.properties.get(PERMISSIONS, ()), asked.properties.get(UNREAD, "")
    return with_permissions(read, permissions, unread) if permissions or unread else read


def sharing_plan(
    stored: Sequence[Mapping[str, Any]], present: Sequence[Mapping[str, Any]], owner_ids: frozenset[str]
) -> SharingPlan:
    """What is to be done so that everybody who had access to an item has it again; nobody's access is taken away."""
    plan = SharingPlan()
    there = {key for entry in present for key in _keys(entry)}
    for entry in stored:
        missing = [key for key in _keys(entry) if key not in there]
        if not missing or _is_owners(entry, owner_ids):
            continue
        if "link" in entry:
            _plan_link(plan, entry)
        else:
            _plan_grant(plan, entry)
    return plan


def note_of(notes: Mapping[str, int]) -> str:
    """The notes as one sentence; "" for none."""
    parts = [f"{count} {reason}" for reason, count in sorted(notes.items()) if count]
    return f"Of its sharing: {'; '.join(parts)}." if parts else ""


def _plan_link(plan: SharingPlan, entry: Mapping[str, Any]) -> None:
    link = entry["link"]
    if entry.get("password"):
        plan.notes[PROTECTED] += 1
        return
    if link.get("type") not in _LINK_TYPES or link.get("scope") not in _LINK_SCOPES or link.get("preventsDownload"):
        plan.notes[UNKNOWN_KIND] += 1
        return
    body: dict[str, Any] = {"type": link["type"], "scope": link["scope"], "retainInheritedPermissions": True}
    if entry.get("expires"):
        body["expirationDateTime"] = entry["expires"]
    if link["scope"] == "users":
        known = [identity for identity in entry.get("to", ()) if identity["kind"] in ("user", "group")]
        plan.notes[GUEST] += len(entry.get("to", ())) - len(known)
        if not known:
            return
        body |= {"recipients": [{"objectId": identity["id"]} for identity in known], "sendNotification": False}
    plan.requests.append(("createLink", body))


def _plan_grant(plan: SharingPlan, entry: Mapping[str, Any]) -> None:
    role = next((role for role in entry["roles"] if role in _INVITED_ROLES), "")
    identities = entry.get("to", ())
    if entry.get("email") or not identities:
        plan.notes[GUEST] += 1
    elif identities[0]["kind"] not in ("user", "group") or not identities[0]["id"]:
        plan.notes[SITE_IDENTITY] += 1
    elif not role:
        plan.notes[UNKNOWN_KIND] += 1
    else:
        body: dict[str, Any] = {
            "recipients": [{"objectId": identities[0]["id"]}],
            "roles": [role],
            "requireSignIn": True,
            "sendInvitation": False,
            "retainInheritedPermissions": True,
        }
        if entry.get("expires"):
            body["expirationDateTime"] = entry["expires"]
        plan.requests.append(("invite", body))


def _keys(entry: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What a permission opens the item to, one key for each role: equal for equal permissions."""
    to = tuple(sorted((identity["kind"], identity["id"]) for identity in entry.get("to", ())))
    link = entry.get("link")
    if link is None:
        return [(role, to, entry.get("email", ""), entry.get("expires", "")) for role in entry["roles"]]
    people = to if link.get("scope") == "users" else ()
    return [(link.get("type"), link.get("scope"), bool(entry.get("password")), entry.get("expires", ""), people)]


def _is_owners(entry: Mapping[str, Any], owner_ids: frozenset[str]) -> bool:
    identities = entry.get("to", ())
    return "link" not in entry and bool(identities) and all(identity["id"] in owner_ids for identity in identities)


def _stored(value: Mapping[str, Any]) -> dict[str, Any]:
    link = value.get("link")
    found: dict[str, Any] = {
        "roles": sorted(_roles(value)),
        "to": _identities(value),
        "email": text_of(_object(value.get("invitation")).get("email")),
        "password": value.get("hasPassword") is True,
        "expires": text_of(value.get("expirationDateTime")),
    }
    if isinstance(link, Mapping):
        found["link"] = {
            name: entry
            for name, entry in (
                ("type", text_of(link.get("type"))),
                ("scope", text_of(link.get("scope"))),
                ("preventsDownload", link.get("preventsDownload") is True),
            )
            if entry
        }
    return {name: entry for name, entry in found.items() if entry or name == "roles"}


def _is_idle(value: Mapping[str, Any]) -> bool:
    return _object(value.get("link")).get("scope") == "existingAccess"


def _roles(value: Mapping[str, Any]) -> list[str]:
    roles = value.get("roles")
    return [role for role in roles if isinstance(role, str)] if isinstance(roles, list) else []


def _identities(value: Mapping[str, Any]) -> list[dict[str, str]]:
    granted = value.get("grantedToIdentitiesV2")
    sets = [value.get("grantedToV2"), *(granted if isinstance(granted, list) else [])]
    found = [_identity(_object(entry)) for entry in sets if entry]
    return sorted((entry for entry in found if entry), key=lambda entry: (entry["kind"], entry["id"]))


def _identity(identities: Mapping[str, Any]) -> dict[str, str]:
    for kind in ("user", "group", "siteGroup", "siteUser", "application"):
        identity_id = text_of(_object(identities.get(kind)).get("id"))
        if identity_id:
            return {"kind": kind, "id": identity_id}
    return {}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
