"""Every kind of answer about sites that the tenant simulator gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.tenant.control.client import TenantControl
from tests.fakes.example_site import CANVAS, fill_site


def add_site_samples(control: TenantControl, tenant: str, add: Callable[..., Any]) -> None:
    """Fill a site with one of everything and ask for it all."""
    example = fill_site(control, tenant)
    site = f"/sites/{example.site}"
    control.add_site(tenant, "/sites/works/sub", "Sub", parent=example.site)
    add("all sites", "site", "/sites/getAllSites", many=True)
    add("site", "site", site)
    add("subsites", "site", f"{site}/sites", many=True)
    add("site drives", "drive", f"{site}/drives", many=True)
    add("site drive", "drive", f"{site}/drive")
    add("site columns", "columnDefinition", f"{site}/columns", many=True)
    add("site content types", "contentType", f"{site}/contentTypes", many=True)
    column = {"name": "Added", "text": {}}
    add("new site column", "columnDefinition", f"{site}/columns", method="POST", body=column)
    add("lists", "list", f"{site}/lists?$select=id,name,displayName,list,system", many=True)
    add("lists as they come", "list", f"{site}/lists", many=True)
    made = f"{site}/lists/{example.tasks}"
    add("list", "list", made)
    add("list drive", "drive", f"{site}/lists/{example.documents}/drive")
    add("columns", "columnDefinition", f"{made}/columns?$select=id,name,displayName,hidden,text,term", many=True)
    add("columns as they come", "columnDefinition", f"{made}/columns", many=True)
    add("new column", "columnDefinition", f"{made}/columns", method="POST", body=column)
    add("content types", "contentType", f"{made}/contentTypes", many=True)
    new_list = {"displayName": "New list", "columns": [column], "list": {"template": "genericList"}}
    add("new list", "list", f"{site}/lists", method="POST", body=new_list)
    add("renamed list", "list", f"{site}/lists/New list", method="PATCH", body={"displayName": "Newer list"})
    add("rows", "listItem", f"{made}/items?$expand=fields&$top=1", many=True)
    page = add("row delta", "listItem", f"{made}/items/delta?$expand=fields", many=True)
    add("row", "listItem", f"{made}/items/{example.task}?$expand=fields($select=Title)")
    add("fields", "fieldValueSet", f"{made}/items/{example.task}/fields")
    new_row = add("new row", "listItem", f"{made}/items", method="POST", body={"fields": {"Title": "x"}})
    fields = f"{made}/items/{new_row['id']}/fields"
    add("changed fields", "fieldValueSet", fields, method="PATCH", body={"Title": "y"})
    types = add("site content types again", "contentType", f"{site}/contentTypes", many=True)
    [urgent] = [each["id"] for each in types["value"] if each["name"] == "Urgent task"]
    copied = f"{site}/lists/{example.customers}/contentTypes/addCopy"
    copy = add("copied content type", "contentType", copied, method="POST", body={"contentType": urgent})
    of_type = {"fields": {"Title": "x"}, "contentType": {"id": copy["id"]}}
    customer = f"{site}/lists/{example.customers}/items"
    typed = add("new row of a type", "listItem", customer, method="POST", body=of_type)
    change_type = {"contentType": {"id": copy["id"]}}
    add("row of a type", "listItem", f"{customer}/{typed['id']}", method="PATCH", body=change_type)
    control.delete_row(tenant, example.site, example.tasks, example.task)
    add("row delta, changes", "listItem", page["@odata.deltaLink"], many=True)
    file = f"/drives/{example.drive}/items/{example.file}/listItem"
    add("row of a file", "listItem", f"{file}?$expand=fields")
    add("fields of a file", "fieldValueSet", f"{file}/fields")
    add("changed fields of a file", "fieldValueSet", f"{file}/fields", method="PATCH", body={"Stage": "final"})
    control.put_file(tenant, example.drive, "/Plans/plan.txt", b"plan B")
    control.share(tenant, example.drive, "/Plans", link_type="view", link_scope="organization")
    add("permissions in a library", "permission", f"{file.removesuffix('/listItem')}/permissions", many=True)
    add("versions in a library", "driveItemVersion", f"{file.removesuffix('/listItem')}/versions", many=True)
    cast = "microsoft.graph.sitePage"
    add("pages", "sitePage", f"{site}/pages/{cast}", many=True)
    add("page", "sitePage", f"{site}/pages/{example.page}/{cast}?$expand=canvasLayout")
    body = {"@odata.type": f"#{cast}", "name": "new.aspx", "title": "New", "canvasLayout": CANVAS}
    new_page = add("new page", "sitePage", f"{site}/pages", method="POST", body=body)
    change = {"@odata.type": f"#{cast}", "title": "Newer"}
    add("changed page", "sitePage", f"{site}/pages/{new_page['id']}/{cast}", method="PATCH", body=change)
