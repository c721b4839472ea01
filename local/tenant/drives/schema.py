"""Drives and drive items in Graph's schema."""

from __future__ import annotations

import mimetypes
from functools import lru_cache
from urllib.parse import quote

from local.tenant.answers import Json
from local.tenant.call import Call
from local.tenant.drives.drive import Drive
from local.tenant.drives.grants import shared_scope
from local.tenant.drives.item import DriveItem
from local.tenant.tenant import Person

_TYPES = mimetypes.MimeTypes()
_UNKNOWN = "application/octet-stream"
_QUOTA_BYTES = 1 << 40
DOWNLOAD_URL = "@microsoft.graph.downloadUrl"


def drive_json(call: Call, drive: Drive, person: Person) -> Json:
    """Return a drive."""
    owner = {"user": {"id": person.user_id, "displayName": person.display_name}}
    return {
        "id": drive.drive_id,
        "driveType": drive.drive_type,
        "name": drive.name,
        "description": "",
        "createdDateTime": drive.created,
        "lastModifiedDateTime": drive.root.changed_at,
        "webUrl": drive.url,
        "owner": owner,
        "createdBy": owner,
        "lastModifiedBy": owner,
        "quota": {
            "deleted": 0,
            "remaining": _QUOTA_BYTES,
            "state": "normal",
            "total": _QUOTA_BYTES,
            "used": 0,
        },
    }


def item_json(
    call: Call, drive: Drive, item: DriveItem, selected: list[str] | None = None, *, with_path: bool = True
) -> Json:
    """Return a driveItem. `with_path` is false in delta answers, where the parent reference has no path."""
    person = call.home.drive_owner(drive)
    actor = {"user": {"id": person.user_id, "displayName": person.display_name}}
    guid = drive.guid(item.number)
    body: Json = {}
    if item.content is not None and _wants_url(selected):
        body[DOWNLOAD_URL] = download_url(call, drive, item)
    body |= {
        "id": drive.item_id(item.number),
        "name": item.name,
        "size": item.size_bytes,
        "eTag": f'"{{{guid}}},{item.etag_version}"',
        "cTag": f'"c:{{{guid}}},{item.ctag_version}"',
        "createdDateTime": item.made_at,
        "lastModifiedDateTime": item.changed_at,
        "createdBy": actor,
        "lastModifiedBy": actor,
        "fileSystemInfo": {"createdDateTime": item.created, "lastModifiedDateTime": item.modified},
    }
    if selected is None or "webUrl" in selected:
        body["webUrl"] = f"{drive.url}/{quote(item.name, safe='', errors='replace')}"
    if item.parent is None:
        body["root"] = {}
        body["parentReference"] = {"driveType": drive.drive_type, "driveId": drive.drive_id}
    else:
        body["parentReference"] = _parent_reference(drive, item.parent, with_path=with_path)
    if item.kind == "folder":
        body["folder"] = {"childCount": drive.child_count(item.number)}
    elif item.kind == "package":
        body["package"] = {"type": item.package_type}
    else:
        body["file"] = _file_facet(drive, item)
    if item.malware is not None:
        body["malware"] = {"description": item.malware}
    scope = shared_scope(drive, item, hierarchical="hierarchicalsharing" in call.headers.get("Prefer", ""))
    if scope is not None:
        body["shared"] = {"scope": scope}
    if selected is not None and "publication" in selected and item.kind == "file":
        body["publication"] = _publication(item)
    if selected is None:
        return body
    wanted = {"id", DOWNLOAD_URL, *selected}
    return {name: value for name, value in body.items() if name in wanted}


def _publication(item: DriveItem) -> Json:
    """Whether a file is checked out, and by whom; shown on $select only."""
    if not item.checked_out_by:
        return {"level": "published", "versionId": f"{item.version_number}.0"}
    person = {"user": {"id": item.checked_out_by}}
    return {"level": "checkout", "versionId": f"{item.version_number}.0", "checkedOutBy": person}


def deleted_json(drive: Drive, number: int) -> Json:
    """Return what delta says about an item that is gone."""
    return {
        "id": drive.item_id(number),
        "parentReference": {"driveType": drive.drive_type, "driveId": drive.drive_id},
        "deleted": {"state": "deleted"},
    }


def download_url(call: Call, drive: Drive, item: DriveItem) -> str:
    """Return a pre-authenticated URL of the item's bytes that expires."""
    tenant = call.home
    expires = int(tenant.clock.epoch_s() + tenant.settings.download_url_lifetime_s)
    token = call.simulator.sealer.seal("download", [tenant.tenant_id, drive.drive_id, item.number, expires])
    return f"{call.base_url}/_download/{token}"


def _wants_url(selected: list[str] | None) -> bool:
    return selected is None or DOWNLOAD_URL in selected or "content.downloadUrl" in selected


def _parent_reference(drive: Drive, parent: int, *, with_path: bool) -> Json:
    reference: Json = {"driveType": drive.drive_type, "driveId": drive.drive_id, "id": drive.item_id(parent)}
    if with_path:
        folder = drive.item(parent)
        if folder is not None:
            reference["name"] = folder.name
            reference["path"] = f"/drives/{drive.drive_id}/root:{drive.path_of(folder)}"
    return reference


def _file_facet(drive: Drive, item: DriveItem) -> Json:
    kind = _mime_type(item.name)
    known = drive.quick_xor(item)
    facet: Json = {"mimeType": kind}
    if known is not None:
        facet["hashes"] = {"quickXorHash": known}
    return facet


def _mime_type(name: str) -> str:
    stem, _, endings = name.partition(".")
    return _mime_type_of(endings) if stem else _UNKNOWN


@lru_cache(maxsize=1024)
def _mime_type_of(endings: str) -> str:
    return _TYPES.guess_type(f"x.{endings}")[0] or _UNKNOWN
