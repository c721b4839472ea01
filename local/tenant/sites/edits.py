"""What people do to sites, as operations of the control interface. Values are not checked here: a tenant can hold what
Graph would refuse to write."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from local.tenant.answers import Json
from local.tenant.mailboxes.edits import EditError
from local.tenant.sites.lists import SiteList, plain_column
from local.tenant.sites.page import SitePage
from local.tenant.sites.site import Site, SiteNameTakenError
from local.tenant.tenant import Tenant


def site_for(tenant: Tenant, key: str) -> Site:
    """Return the site with this id or path. Raises EditError."""
    site = tenant.sites.find(key)
    if site is None:
        raise EditError(f"no site {key!r}")
    return site


def _list_for(tenant: Tenant, op: Json) -> tuple[Site, SiteList]:
    site = site_for(tenant, str(op["site"]))
    made = site.list_by_key(str(op["list"]))
    if made is None:
        raise EditError(f"no list {op['list']!r}")
    return site, made


def _add_site(tenant: Tenant, op: Json) -> Json:
    parent = site_for(tenant, str(op["parent"])) if op.get("parent") else None
    try:
        site = tenant.sites.add(
            str(op.get("path", "")),
            str(op["display_name"]),
            tenant.clock.stamp(),
            parent=parent,
            group_id=op.get("group_id"),
        )
    except SiteNameTakenError as error:
        raise EditError(f"the address is taken: {error}") from error
    site.description = str(op.get("description", ""))
    return {"site": site.site_id}


def _change_site(tenant: Tenant, op: Json) -> Json:
    site = site_for(tenant, str(op["site"]))
    for name in ("path", "display_name", "description", "group_id", "archive_status"):
        if name in op:
            setattr(site, name, op[name])
    for made in site.lists.values():
        if made.drive is not None:
            made.drive.url = f"{site.url}/{made.name}"
    site.modified = tenant.clock.stamp()
    return {}


def _delete_site(tenant: Tenant, op: Json) -> Json:
    tenant.sites.remove(site_for(tenant, str(op["site"])))
    return {}


def _add_site_user(tenant: Tenant, op: Json) -> Json:
    site = site_for(tenant, str(op["site"]))
    number = len(site.users) + 6
    site.users[number] = {"displayName": str(op["display_name"]), "email": str(op.get("email", ""))}
    return {"number": number}


def _add_site_column(tenant: Tenant, op: Json) -> Json:
    site = site_for(tenant, str(op["site"]))
    column = plain_column(str(op["name"]), str(op["facet"]), op.get("definition"), **op.get("more", {}))
    site.columns.append({"id": str(uuid.uuid4()), **column})
    return {}


def _add_list(tenant: Tenant, op: Json) -> Json:
    site = site_for(tenant, str(op["site"]))
    try:
        made = site.add_list(
            str(op["name"]), str(op.get("template", "genericList")), tenant.clock.stamp(), tenant.tenant_id
        )
    except SiteNameTakenError as error:
        raise EditError(f"the name is taken: {error}") from error
    made.hidden, made.system = bool(op.get("hidden")), bool(op.get("system"))
    made.description = str(op.get("description", ""))
    return {"list": made.list_id, "drive": made.drive.drive_id if made.drive else None}


def _change_list(tenant: Tenant, op: Json) -> Json:
    _, made = _list_for(tenant, op)
    for name in ("display_name", "description", "hidden", "system"):
        if name in op:
            setattr(made, name, op[name])
    if made.drive is not None:
        made.drive.name = made.display_name
    made.version += 1
    return {"list": made.list_id, "drive": made.drive.drive_id if made.drive else None}


def _delete_list(tenant: Tenant, op: Json) -> Json:
    site, made = _list_for(tenant, op)
    del site.lists[made.list_id]
    return {}


def _add_column(tenant: Tenant, op: Json) -> Json:
    _, made = _list_for(tenant, op)
    if made.column(str(op["name"])) is not None:
        raise EditError(f"there is a column {op['name']!r}")
    column = plain_column(str(op["name"]), str(op["facet"]), op.get("definition"), **op.get("more", {}))
    return {"column": made.add_column(column)["id"]}


def _change_column(tenant: Tenant, op: Json) -> Json:
    _, made = _list_for(tenant, op)
    column = made.column(str(op["name"]))
    if column is None:
        raise EditError(f"no column {op['name']!r}")
    column |= op["changes"]
    return {}


def _remove_column(tenant: Tenant, op: Json) -> Json:
    _, made = _list_for(tenant, op)
    made.columns = [each for each in made.columns if op["name"] not in (each["name"], each.get("of_term"))]
    for item in made.items.values():
        item.fields = {
            name: value for name, value in item.fields.items() if name.removesuffix("LookupId") != op["name"]
        }
    return {}


def _add_content_type(tenant: Tenant, op: Json) -> Json:
    site = site_for(tenant, str(op["site"]))
    name = str(op["name"])
    found = next((each for each in site.content_types if each["name"] == name), None)
    if found is None:
        found = {"id": f"0x0100{uuid.uuid4().hex.upper()}", "name": name}
        site.content_types.append(found)
    if "list" in op:
        _list_for(tenant, op)[1].add_content_type(found)
    return {}


def _add_row(tenant: Tenant, op: Json) -> Json:
    _, made = _list_for(tenant, op)
    item = made.add_item(op["fields"], int(op.get("author", 6)), tenant.clock.stamp())
    item.attachments = bool(op.get("attachments"))
    item.content_type = str(op.get("content_type", ""))
    return {"item": str(item.number)}


def _change_row(tenant: Tenant, op: Json) -> Json:
    _, made = _list_for(tenant, op)
    made.change_item(made.items[int(op["item"])], op["fields"], int(op.get("editor", 6)), tenant.clock.stamp())
    return {}


def _delete_row(tenant: Tenant, op: Json) -> Json:
    _, made = _list_for(tenant, op)
    made.remove_item(made.items[int(op["item"])])
    return {}


def _set_file_fields(tenant: Tenant, op: Json) -> Json:
    _, made = _list_for(tenant, op)
    drive = made.drive
    item = None if drive is None else drive.by_path([name for name in str(op["path"]).split("/") if name])
    if drive is None or item is None:
        raise EditError(f"no file {op['path']!r}")
    made.file_fields.setdefault(item.number, {}).update(op["fields"])
    drive.touched(item, tenant.clock.stamp())
    return {}


def _add_page(tenant: Tenant, op: Json) -> Json:
    site = site_for(tenant, str(op["site"]))
    stamp = tenant.clock.stamp()
    page = SitePage(str(uuid.uuid4()), str(op["name"]), stamp, stamp, str(op.get("layout", "article")))
    page.properties = dict(op.get("properties", {}))
    try:
        site.add_page(page)
    except SiteNameTakenError as error:
        raise EditError(f"the name is taken: {error}") from error
    if op.get("published", True):
        page.publish()
    return {"page": page.page_id}


def _change_page(tenant: Tenant, op: Json) -> Json:
    page = site_for(tenant, str(op["site"])).pages[str(op["page"])]
    page.change(op["properties"], tenant.clock.stamp())
    page.name = str(op.get("name", page.name))
    if op.get("published", True):
        page.publish()
    return {}


def _delete_page(tenant: Tenant, op: Json) -> Json:
    del site_for(tenant, str(op["site"])).pages[str(op["page"])]
    return {}


def _list_pages(tenant: Tenant, op: Json) -> Json:
    return {"pages": list(site_for(tenant, str(op["site"])).pages)}


def _list_lists(tenant: Tenant, op: Json) -> Json:
    return {
        "lists": [
            {
                "list": made.list_id,
                "template": made.template,
                "drive": made.drive.drive_id if made.drive else None,
                "items": [str(number) for number in made.items],
            }
            for made in site_for(tenant, str(op["site"])).lists.values()
        ]
    }


def _remove_site_columns(tenant: Tenant, op: Json) -> Json:
    site_for(tenant, str(op["site"])).columns.clear()
    return {}


def _remove_site_content_types(tenant: Tenant, op: Json) -> Json:
    site = site_for(tenant, str(op["site"]))
    site.content_types = site.content_types[:2]
    return {}


SITE_OPS: dict[str, Callable[[Tenant, dict[str, Any]], Json]] = {
    "add_site": _add_site,
    "change_site": _change_site,
    "delete_site": _delete_site,
    "add_site_user": _add_site_user,
    "add_site_column": _add_site_column,
    "add_list": _add_list,
    "change_list": _change_list,
    "delete_list": _delete_list,
    "add_column": _add_column,
    "change_column": _change_column,
    "remove_column": _remove_column,
    "add_content_type": _add_content_type,
    "add_row": _add_row,
    "change_row": _change_row,
    "delete_row": _delete_row,
    "set_file_fields": _set_file_fields,
    "add_page": _add_page,
    "change_page": _change_page,
    "delete_page": _delete_page,
    "list_lists": _list_lists,
    "list_pages": _list_pages,
    "remove_site_columns": _remove_site_columns,
    "remove_site_content_types": _remove_site_content_types,
}
