"""Drives: delta, reading, and changing items.

Sources: api-reference/v1.0 pages driveitem-delta, driveitem-get, driveitem-get-content, driveitem-put-content,
driveitem-post-children, driveitem-update, driveitem-createuploadsession (checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Awaitable

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, GraphError, bad_request, drive_item_not_found, json_answer
from local.tenant.call import Call, member
from local.tenant.drives.content import MemoryContent
from local.tenant.drives.delta import answer_drive_delta
from local.tenant.drives.drive import Drive, NameTakenError
from local.tenant.drives.item import DriveItem
from local.tenant.drives.names import check_name
from local.tenant.drives.schema import download_url, drive_json, item_json
from local.tenant.drives.sharing_routes import add_sharing_routes
from local.tenant.drives.times import apply_times
from local.tenant.drives.uploads import create_session
from local.tenant.drives.version_routes import add_version_routes
from local.tenant.paging import paged
from local.tenant.routing import Handler, Route, RouteTable, UnhurriedHandler

_BASE = "/drives/{drive}"
_LARGEST_SIMPLE_BYTES = 250 * 1000 * 1000
_CONFLICT = "@microsoft.graph.conflictBehavior"


def add_drive_routes(table: RouteTable) -> None:
    """Add everything below /drives/{drive}."""

    def add(
        method: str, template: str, operation: str, needed: frozenset[str], handler: Handler | UnhurriedHandler
    ) -> None:
        table.add(method, Route(_BASE + template, f"drive.{operation}", needed, "files", handler))

    read, write = roles.FILES_READ, roles.FILES_WRITE
    add("GET", "", "get", read, _get_drive)
    for item in ("/root", "/items/{item}"):
        add("GET", item, "item", read, _get_item)
        add("PATCH", item, "update", write, _update)
        add("DELETE", item, "delete", write, _delete)
        add("GET", item + "/delta", "delta", read, _delta)
        add("GET", item + "/children", "children", read, _children)
        add("POST", item + "/children", "createFolder", write, _create_folder)
        add("GET", item + "/content", "content", read, _content)
        add("PUT", item + "/content", "put", write, _put)
        add("POST", item + "/createUploadSession", "createUploadSession", write, _create_upload_session)
        add_sharing_routes(add, item, item_at)
        add_version_routes(add, item, item_at)


def drive_of(call: Call) -> Drive:
    """Return the drive that the path names. Raises 404."""
    drive = call.home.drive_by_id(call.params["drive"])
    if drive is None:
        raise drive_item_not_found()
    return drive


def _anchor(call: Call, drive: Drive) -> DriveItem:
    item = drive.item(drive.item_number(call.params.get("item", "root")))
    if item is None:
        raise drive_item_not_found()
    return item


def item_of(call: Call, drive: Drive) -> DriveItem:
    """Return the item that the path names, by id or by path below an id. Raises 404."""
    anchor = _anchor(call, drive)
    item = anchor if call.item_path is None else drive.by_path(call.item_path, anchor.number)
    if item is None:
        raise drive_item_not_found()
    return item


def item_at(call: Call) -> tuple[Drive, DriveItem]:
    """Return the drive and the item that the path names. Raises 404."""
    drive = drive_of(call)
    return drive, item_of(call, drive)


def _check_unlocked(item: DriveItem) -> None:
    if item.checked_out_by:
        raise GraphError(423, "resourceLocked", "The resource is locked: the file is checked out.")


def _place(call: Call, drive: Drive) -> tuple[DriveItem, str]:
    """Return the parent and the name at the end of an item path; missing folders on the way are made."""
    anchor = _anchor(call, drive)
    names = call.item_path or []
    for name in names:
        check_name(name)
    stamp = call.home.clock.stamp()
    for name in names[:-1]:
        below = drive.child_named(anchor.number, name)
        anchor = drive.add(anchor, name, "folder", None, stamp) if below is None else below
        if anchor.kind != "folder":
            raise drive_item_not_found()
    if not names:
        raise bad_request("The name in the path is missing.", "invalidRequest")
    return anchor, names[-1]


def name_taken() -> GraphError:
    """The answer for a name that is taken."""
    return GraphError(409, "nameAlreadyExists", "The specified item name already exists.")


def _get_drive(call: Call) -> Answer:
    drive = drive_of(call)
    body = drive_json(call, drive, call.home.drive_owner(drive))
    return json_answer({"@odata.context": f"{call.base_url}/v1.0/$metadata#drives/$entity", **body})


def _item_answer(call: Call, drive: Drive, item: DriveItem, status: int = 200) -> Answer:
    context = f"{call.base_url}/v1.0/$metadata#drives('{drive.drive_id}')/items/$entity"
    return json_answer({"@odata.context": context, **item_json(call, drive, item, call.selected())}, status)


def _get_item(call: Call) -> Answer:
    drive = drive_of(call)
    return _item_answer(call, drive, item_of(call, drive))


def _delta(call: Call) -> Awaitable[Answer]:
    drive = drive_of(call)
    if item_of(call, drive).parent is not None:
        raise bad_request("Delta is only supported on the root of a drive.", "invalidRequest")
    return answer_drive_delta(call, drive)


def _children(call: Call) -> Answer:
    drive = drive_of(call)
    folder = item_of(call, drive)
    if "$top" not in call.query:
        call.query["$top"] = str(call.home.settings.drive_page_size)
    selected = call.selected()
    context = f"drives('{drive.drive_id}')/items('{drive.item_id(folder.number)}')/children"
    return paged(
        call,
        drive.children(folder.number),
        context,
        lambda item: item_json(call, drive, item, selected),
        drive.child_count(folder.number),
    )


def _content(call: Call) -> Answer:
    drive = drive_of(call)
    item = item_of(call, drive)
    if item.content is None:
        raise GraphError(400, "notSupported", "You cannot get content for a folder or package.")
    if item.malware is not None:
        raise GraphError(403, "accessDenied", "The file is infected with malware.", inner_code="malwareDetected")
    return Answer(302, b"", headers={"Location": download_url(call, drive, item)})


def _put(call: Call) -> Answer:
    drive = drive_of(call)
    if len(call.body) > _LARGEST_SIMPLE_BYTES:
        raise GraphError(413, "fileTooLarge", "The file is too large for a simple upload.")
    stamp = call.home.clock.stamp()
    if call.item_path is None:
        item = item_of(call, drive)
        if item.content is None:
            raise bad_request("The item is not a file.", "invalidRequest")
        _check_unlocked(item)
        drive.set_content(item, MemoryContent(call.body), stamp)
        return _item_answer(call, drive, item)
    parent, name = _place(call, drive)
    behaviour = call.query.get(_CONFLICT, "replace")
    existing = drive.child_named(parent.number, name)
    if existing is not None:
        if behaviour == "rename":
            name = drive.free_name(parent, name, is_folder=False)
        elif behaviour == "fail" or existing.content is None:
            raise name_taken()
        else:
            _check_unlocked(existing)
            drive.set_content(existing, MemoryContent(call.body), stamp)
            return _item_answer(call, drive, existing)
    item = drive.add(parent, name, "file", MemoryContent(call.body), stamp)
    return _item_answer(call, drive, item, 201)


def _create_folder(call: Call) -> Answer:
    drive = drive_of(call)
    parent = item_of(call, drive)
    body = call.json_body()
    name = member(body, "name", str)
    info = member(body, "fileSystemInfo", dict)
    if name is None or member(body, "folder", dict) is None:
        raise bad_request("A name and a folder facet are required.", "invalidRequest")
    if parent.kind != "folder":
        raise drive_item_not_found()
    check_name(name)
    stamp = call.home.clock.stamp()
    behaviour = body.get(_CONFLICT, "fail")
    existing = drive.child_named(parent.number, name)
    if existing is not None:
        if behaviour == "rename":
            name = drive.free_name(parent, name, is_folder=True)
        elif behaviour == "fail" or existing.kind != "folder":
            raise name_taken()
        else:
            return _item_answer(call, drive, existing)
    item = drive.add(parent, name, "folder", None, stamp)
    apply_times(item, info)
    return _item_answer(call, drive, item, 201)


def _update(call: Call) -> Answer:
    drive, item = item_at(call)
    _check_unlocked(item)
    body = call.json_body()
    wanted = call.headers.get("If-Match")
    if wanted and wanted not in ("*", f'"{{{drive.guid(item.number)}}},{item.etag_version}"'):
        raise GraphError(412, "preconditionFailed", "ETag does not match current item's value")
    stamp = call.home.clock.stamp()
    name, reference = member(body, "name", str), member(body, "parentReference", dict)
    apply_times(item, member(body, "fileSystemInfo", dict))
    if name is None and reference is None:
        drive.touched(item, stamp)
        return _item_answer(call, drive, item)
    if name is not None:
        check_name(name)
    parent = None
    if reference is not None:
        parent = drive.item(drive.item_number(str(reference.get("id", ""))))
        if parent is None or parent.kind != "folder":
            raise drive_item_not_found()
    try:
        drive.relocate(item, stamp, name=name, parent=parent)
    except NameTakenError as error:
        raise name_taken() from error
    except ValueError as error:
        raise bad_request(str(error), "invalidRequest") from error
    return _item_answer(call, drive, item)


def _delete(call: Call) -> Answer:
    drive = drive_of(call)
    try:
        drive.delete(item_of(call, drive), report_descendants=call.home.settings.report_deleted_descendants)
    except ValueError as error:
        raise GraphError(403, "accessDenied", str(error)) from error
    return Answer(204)


def _create_upload_session(call: Call) -> Answer:
    drive = drive_of(call)
    properties = member(call.json_body(), "item", dict) or {}
    if call.item_path is None:
        item = item_of(call, drive)
        if item.content is None or item.parent is None:
            raise bad_request("An upload session needs a file.", "invalidRequest")
        _check_unlocked(item)
        parent = drive.item(item.parent)
        if parent is None:
            raise drive_item_not_found()
        return create_session(call, drive, parent, item.name, {_CONFLICT: "replace", **properties})
    parent, name = _place(call, drive)
    return create_session(call, drive, parent, name, properties)
