"""Earlier versions of files.

Sources: api-reference/v1.0 pages driveitem-list-versions, driveitemversion-get, driveitemversion-get-contents (checked
2026-11): newest first; the content of the current version is not to be had this way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, GraphError, Json, drive_item_not_found, json_answer
from local.tenant.call import Call
from local.tenant.drives.drive import Drive
from local.tenant.drives.item import DriveItem
from local.tenant.paging import paged

Add = Callable[[str, str, str, frozenset[str], Callable[[Call], Answer]], None]
ItemAt = Callable[[Call], tuple[Drive, DriveItem]]


def add_version_routes(add: Add, item: str, item_at: ItemAt) -> None:
    """Add everything below `{item}/versions`."""

    def listed(call: Call) -> Answer:
        drive, found = item_at(call)
        if found.content is None:
            raise GraphError(400, "invalidRequest", "Only files have versions.")
        context = f"drives('{drive.drive_id}')/items('{drive.item_id(found.number)}')/versions"
        versions = list(_versions(call, drive, found))
        return paged(call, versions, context, lambda each: each, len(versions))

    def one(call: Call) -> Answer:
        drive, found = item_at(call)
        for version in _versions(call, drive, found):
            if version["id"] == call.params["version"]:
                return json_answer(version)
        raise drive_item_not_found()

    def content(call: Call) -> Answer:
        drive, found = item_at(call)
        wanted = call.params["version"]
        if wanted == f"{found.version_number}.0":
            raise GraphError(400, "invalidRequest", "You cannot get the content of the current version.")
        if found.malware is not None:
            raise GraphError(403, "accessDenied", "The file is infected with malware.", inner_code="malwareDetected")
        for version in found.earlier:
            if wanted == f"{version.number}.0":
                return Answer(302, b"", headers={"Location": _url(call, drive, found, version.number)})
        raise drive_item_not_found()

    add("GET", item + "/versions", "versions", roles.FILES_READ, listed)
    add("GET", item + "/versions/{version}", "version", roles.FILES_READ, one)
    add("GET", item + "/versions/{version}/content", "versionContent", roles.FILES_READ, content)


def _versions(call: Call, drive: Drive, item: DriveItem) -> Iterator[Json]:
    person = call.home.drive_owner(drive)
    actor = {"user": {"id": person.user_id, "displayName": person.display_name}}
    present = (item.version_number, item.changed_at, item.size_bytes)
    earlier = [(each.number, each.modified, each.content.size_bytes) for each in reversed(item.earlier)]
    for number, modified, size_bytes in [present, *earlier]:
        yield {"id": f"{number}.0", "lastModifiedDateTime": modified, "lastModifiedBy": actor, "size": size_bytes}


def _url(call: Call, drive: Drive, item: DriveItem, version: int) -> str:
    tenant = call.home
    expires = int(tenant.clock.epoch_s() + tenant.settings.download_url_lifetime_s)
    sealed = [tenant.tenant_id, drive.drive_id, item.number, expires, version]
    return f"{call.base_url}/_download/{call.simulator.sealer.seal('download', sealed)}"
