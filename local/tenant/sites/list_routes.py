"""Rows of lists: reading, delta, and changing them.

Sources: api-reference/v1.0 pages listitem-list, listitem-delta, listitem-create, listitem-update, listitem-delete
(checked 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, GraphError, Json, bad_request, json_answer
from local.tenant.call import Call, member
from local.tenant.delta_round import Cursor, delta_page, open_cursor
from local.tenant.drives.delta import resync_required
from local.tenant.feed_log import Entry
from local.tenant.paging import paged
from local.tenant.routing import Route, RouteTable
from local.tenant.sites.list_fields import checked_fields, fields_json
from local.tenant.sites.lists import ListItem, SiteList
from local.tenant.sites.routes import list_of, site_not_found
from local.tenant.sites.schema import deleted_item_json, item_json
from local.tenant.sites.site import Site

_APP = 1073741822  # the user that an app writes as
_EXPAND = re.compile(r"^fields(?:\(\$?select=([\w,]+)\))?$")
_LARGEST_PAGE = 5000


def add_list_routes(table: RouteTable) -> None:
    """Add everything below /sites/{site}/lists/{list}/items."""

    def add(method: str, path: str, operation: str, needed: frozenset[str], handler: Callable[[Call], Answer]) -> None:
        route = Route(f"/sites/{{site}}/lists/{{list}}/items{path}", f"list.{operation}", needed, "files", handler)
        table.add(method, route)

    read, write = roles.SITES_READ, roles.SITES_WRITE
    add("GET", "", "items", read, _items)
    add("POST", "", "createItem", write, _create)
    add("GET", "/delta", "delta", read, _delta)
    add("GET", "/{item}", "item", read, _item)
    add("PATCH", "/{item}", "updateItem", write, _update_item)
    add("DELETE", "/{item}", "deleteItem", write, _delete)
    add("GET", "/{item}/fields", "fields", read, _fields)
    add("PATCH", "/{item}/fields", "updateFields", write, _update)


def _expanded(text: str | None) -> tuple[bool, list[str] | None]:
    """Whether the values are asked for, and which."""
    if not text:
        return False, None
    found = _EXPAND.match(text)
    if found is None:
        raise bad_request(f"Could not find a property named '{text}' on type 'microsoft.graph.listItem'.")
    return True, found[1].split(",") if found[1] else None


def _item_of(call: Call) -> tuple[Site, SiteList, ListItem]:
    site, made = list_of(call)
    key = call.params["item"]
    item = made.items.get(int(key)) if key.isdecimal() else None
    if item is None:
        raise site_not_found()
    return site, made, item


def _items(call: Call) -> Answer:
    site, made = list_of(call)
    with_fields, fields = _expanded(call.query.get("$expand"))
    if "$top" not in call.query:
        call.query["$top"] = str(call.home.settings.drive_page_size)
    rows = list(made.items.values())
    return paged(
        call, rows, "items", lambda row: item_json(site, made, row, with_fields=with_fields, fields=fields), len(rows)
    )


def _item(call: Call) -> Answer:
    site, made, item = _item_of(call)
    with_fields, fields = _expanded(call.query.get("$expand"))
    return json_answer(item_json(site, made, item, with_fields=with_fields, fields=fields))


def _fields(call: Call) -> Answer:
    _, made, item = _item_of(call)
    return json_answer(fields_json(made, item))


def _create(call: Call) -> Answer:
    site, made = list_of(call)
    fields = checked_fields(made, member(call.json_body(), "fields", dict) or {})
    content_type = _content_type(made, call.json_body())
    item = made.add_item(fields, _APP, call.home.clock.stamp())
    item.content_type = content_type or ""
    made.modified = call.home.clock.stamp()
    return json_answer(item_json(site, made, item, with_fields=True), 201)


def _content_type(made: SiteList, body: Json) -> str | None:
    wanted = member(body, "contentType", dict)
    if wanted is None:
        return None
    names = [str(each["name"]) for each in made.content_types if each["id"] == wanted.get("id")]
    if not names:
        raise bad_request("Invalid content type", "invalidRequest")
    return names[0]


def _update_item(call: Call) -> Answer:
    site, made, item = _item_of(call)
    item.content_type = _content_type(made, call.json_body()) or item.content_type
    made.change_item(item, {}, _APP, call.home.clock.stamp())
    return json_answer(item_json(site, made, item, with_fields=False))


def _update(call: Call) -> Answer:
    _, made, item = _item_of(call)
    wanted = call.headers.get("If-Match")
    if wanted and wanted not in ("*", made.etag(item)):
        raise GraphError(412, "preconditionFailed", "ETag does not match current item's value")
    made.change_item(item, checked_fields(made, call.json_body()), _APP, call.home.clock.stamp())
    return json_answer(fields_json(made, item))


def _delete(call: Call) -> Answer:
    _, made, item = _item_of(call)
    made.remove_item(item)
    return Answer(204)


def _delta(call: Call) -> Answer:
    site, made = list_of(call)
    now_s = int(call.home.clock.epoch_s())
    name = f"{call.home.tenant_id}/list/{made.list_id}"
    options: Json = {"expand": call.query.get("$expand"), "top": call.integer("$top", 0, _LARGEST_PAGE)}
    fresh = Cursor(name, 0, 0, 0, now_s, options)
    text = call.query.get("token")
    cursor = fresh if text is None else _continued(call, text, name, now_s)
    with_fields, fields = _expanded(cursor.options["expand"])

    def show(entry: Entry) -> Json | None:
        item = made.items.get(entry.number)
        return None if item is None else item_json(site, made, item, with_fields=with_fields, fields=fields)

    page = delta_page(
        cursor,
        made.feed.entries(cursor.after),
        made.seq,
        int(cursor.options["top"] or call.home.settings.drive_page_size),
        now_s,
        show,
        lambda entry: deleted_item_json(site, entry.number),
    )
    link = "@odata.deltaLink" if page.is_last else "@odata.nextLink"
    token = page.following.seal(call.simulator.sealer)
    return json_answer(
        {
            "@odata.context": f"{call.base_url}/v1.0/$metadata#Collection(listItem)",
            link: f"{call.base_url}{call.path.split('?')[0]}?token={token}",
            "value": page.values,
        }
    )


def _continued(call: Call, text: str, name: str, now_s: int) -> Cursor:
    try:
        cursor = open_cursor(call.simulator.sealer, text)
    except ValueError as error:
        raise bad_request("The token is not valid.", "invalidRequest") from error
    if cursor.feed != name:
        raise bad_request("The token does not belong to this list.", "invalidRequest")
    if cursor.is_older_than(call.home.settings.drive_delta_lifetime_days, now_s):
        token = Cursor(name, 0, 0, 0, now_s, cursor.options).seal(call.simulator.sealer)
        raise resync_required(call, f"{call.base_url}{call.path.split('?')[0]}?token={token}")
    return cursor
