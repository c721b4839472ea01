"""What people do to their files, as operations of the control interface. Names are not checked here."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from local.tenant.answers import Json
from local.tenant.drives.content import Content, GeneratedContent, GeneratedText, MemoryContent
from local.tenant.drives.drive import Drive, NameTakenError
from local.tenant.drives.item import DriveItem
from local.tenant.mailboxes.edits import EditError
from local.tenant.tenant import Tenant


def drive_for(tenant: Tenant, op: Json) -> Drive:
    """Return the drive of the user that an operation names, or the one whose id stands in the user's place."""
    person = tenant.person(str(op.get("user", "")))
    drive = tenant.drive(person) if person else tenant.sites.drive(str(op.get("user", "")))
    if drive is None:
        raise EditError(f"no drive of user {op.get('user')!r}")
    return drive


def _names(path: str | list[str]) -> list[str]:
    return [name for name in path.split("/") if name] if isinstance(path, str) else list(path)


def find_item(drive: Drive, op: Json) -> DriveItem:
    """Return the item that an operation names, by `item` or `path`."""
    number = drive.item_number(str(op["item"])) if "item" in op else None
    found = drive.item(number) if "item" in op else drive.by_path(_names(op["path"]))
    if found is None:
        raise EditError(f"no drive item {op.get('item') or op.get('path')!r}")
    return found


def _folder(drive: Drive, names: list[str], stamp: str) -> DriveItem:
    folder = drive.root
    for name in names:
        below = drive.child_named(folder.number, name)
        if below is None:
            below = drive.add(folder, name, "folder", None, stamp)
        if below.kind == "file":
            raise EditError(f"{name!r} is a file, and nothing goes below it")
        folder = below
    return folder


def _result(drive: Drive, item: DriveItem) -> Json:
    return {"item": drive.item_id(item.number), "drive": drive.drive_id}


def _put(tenant: Tenant, op: Json, content: Content) -> tuple[Drive, DriveItem]:
    drive = drive_for(tenant, op)
    stamp = tenant.clock.stamp()
    names = _names(op["path"])
    parent = _folder(drive, names[:-1], stamp)
    item = drive.child_named(parent.number, names[-1])
    if item is None:
        item = drive.add(parent, names[-1], "file", content, stamp)
    else:
        drive.set_content(item, content, stamp)
    item.created = str(op.get("created") or item.created)
    item.modified = str(op.get("modified") or item.modified)
    return drive, item


def _put_file(tenant: Tenant, op: Json) -> Json:
    drive, item = _put(tenant, op, MemoryContent(base64.b64decode(op["data_base64"])))
    item.without_hash = bool(op.get("without_hash"))
    return _result(drive, item)


def _put_generated_file(tenant: Tenant, op: Json) -> Json:
    make = GeneratedText if op.get("compressible") else GeneratedContent
    drive, item = _put(tenant, op, make(str(op.get("seed", op["path"])), int(op["size_bytes"])))
    item.hash_wanted = bool(op.get("with_hash"))
    if item.hash_wanted:
        drive.quick_xor(item)
    return _result(drive, item)


def _mkdir(tenant: Tenant, op: Json) -> Json:
    drive = drive_for(tenant, op)
    return _result(drive, _folder(drive, _names(op["path"]), tenant.clock.stamp()))


def _move_file(tenant: Tenant, op: Json) -> Json:
    drive = drive_for(tenant, op)
    item = find_item(drive, op)
    parent = _folder(drive, _names(op["parent"]), tenant.clock.stamp()) if "parent" in op else None
    try:
        drive.relocate(item, tenant.clock.stamp(), name=op.get("name"), parent=parent)
    except (NameTakenError, ValueError) as error:
        raise EditError(f"cannot move: {error}") from error
    return _result(drive, item)


def _delete_file(tenant: Tenant, op: Json) -> Json:
    drive = drive_for(tenant, op)
    drive.delete(find_item(drive, op), report_descendants=tenant.settings.report_deleted_descendants)
    return {}


def _change(attribute: str, value_of: Callable[[Json], Any]) -> Callable[[Tenant, Json], Json]:
    def change(tenant: Tenant, op: Json) -> Json:
        drive = drive_for(tenant, op)
        item = find_item(drive, op)
        setattr(item, attribute, value_of(op))
        drive.touched(item, tenant.clock.stamp())
        return _result(drive, item)

    return change


def _mark_package(tenant: Tenant, op: Json) -> Json:
    drive = drive_for(tenant, op)
    item = find_item(drive, op)
    item.kind, item.content = "package", None
    item.package_type = str(op.get("package_type", "oneNote"))
    drive.touched(item, tenant.clock.stamp())
    return _result(drive, item)


def _set_times(tenant: Tenant, op: Json) -> Json:
    drive = drive_for(tenant, op)
    item = find_item(drive, op)
    item.created = str(op.get("created") or item.created)
    item.modified = str(op.get("modified") or item.modified)
    drive.touched(item, tenant.clock.stamp())
    return _result(drive, item)


def _list_files(tenant: Tenant, op: Json) -> Json:
    drive = drive_for(tenant, op)
    start = find_item(drive, op) if "path" in op or "item" in op else drive.root
    return {
        "files": [
            {
                "item": drive.item_id(each.number),
                "path": drive.path_of(each),
                "kind": each.kind,
                "size_bytes": each.size_bytes,
            }
            for each in drive.subtree(start)
            if each.parent is not None
        ]
    }


def _generate_files(tenant: Tenant, op: Json) -> Json:
    drive = drive_for(tenant, op)
    top = _folder(drive, _names(op.get("path", "")), tenant.clock.stamp())
    drive.generate(
        top,
        int(op["count"]),
        int(op["file_size_bytes"]),
        depth=int(op.get("folder_depth", 1)),
        compressible=bool(op.get("compressible")),
        seed=str(op.get("seed", "0")),
    )
    return {}


FILE_OPS: dict[str, Callable[[Tenant, dict[str, Any]], Json]] = {
    "put_file": _put_file,
    "put_generated_file": _put_generated_file,
    "mkdir": _mkdir,
    "move_file": _move_file,
    "rename_file": _move_file,
    "delete_file": _delete_file,
    "mark_malware": _change("malware", lambda op: op.get("description", "Simulated.Malware")),
    "mark_shared": _change("shared_scope", lambda op: op.get("scope", "users")),
    "mark_package": _mark_package,
    "set_times": _set_times,
    "list_files": _list_files,
    "generate_files": _generate_files,
}
