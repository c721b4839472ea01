"""The row of its library that a file is: the values of the library's columns.

Sources: driveItem's relationship `listItem`, "Update listItem" (learn.microsoft.com/graph/api, checked 2026-11).
"""

from __future__ import annotations

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, Json, drive_item_not_found, json_answer
from local.tenant.call import Call
from local.tenant.drives.item import DriveItem
from local.tenant.drives.routes import drive_of, item_of
from local.tenant.routing import Route, RouteTable
from local.tenant.sites.list_fields import checked_fields
from local.tenant.sites.lists import SiteList
from local.tenant.sites.site import Site


def add_file_field_routes(table: RouteTable) -> None:
    """Add /drives/{drive}/items/{item}/listItem."""
    path = "/drives/{drive}/items/{item}/listItem"
    table.add("GET", Route(path, "file.listItem", roles.SITES_READ, "files", _list_item))
    table.add("GET", Route(f"{path}/fields", "file.fields", roles.SITES_READ, "files", _fields))
    table.add("PATCH", Route(f"{path}/fields", "file.updateFields", roles.SITES_WRITE, "files", _update))


def _row_of(call: Call) -> tuple[Site, SiteList, DriveItem]:
    drive = drive_of(call)
    item = item_of(call, drive)
    found = call.home.sites.library(drive.drive_id)
    if found is None:
        raise drive_item_not_found()
    return *found, item


def _fields_json(made: SiteList, item: DriveItem) -> Json:
    guid = made.drive.guid(item.number) if made.drive else ""
    return {
        "@odata.etag": f'"{guid},{item.etag_version}"',
        "id": str(item.number),
        "FileLeafRef": item.name,
        "ContentType": "Folder" if item.kind == "folder" else "Document",
        "Modified": item.modified,
        "Created": item.created,
        "_UIVersionString": f"{item.ctag_version}.0",
        **made.file_fields.get(item.number, {}),
    }


def _list_item(call: Call) -> Answer:
    site, made, item = _row_of(call)
    fields = _fields_json(made, item)
    body: Json = {"id": fields["id"], "eTag": fields["@odata.etag"], "parentReference": {"siteId": site.site_id}}
    if call.query.get("$expand", "").startswith("fields"):
        body["fields"] = fields
    return json_answer(body)


def _fields(call: Call) -> Answer:
    _, made, item = _row_of(call)
    return json_answer(_fields_json(made, item))


def _update(call: Call) -> Answer:
    _, made, item = _row_of(call)
    fields = checked_fields(made, call.json_body())
    kept = made.file_fields.setdefault(item.number, {})
    for name, value in fields.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = value
    if made.drive is not None:
        made.drive.touched(item, call.home.clock.stamp())
    return json_answer(_fields_json(made, item))
