"""Sites, and the lists, libraries and columns in them.

Sources: api-reference/v1.0 pages site-getallsites, site-get, site-list-subsites, drive-list, list-list, list-create,
list-post-columns, list-list-contenttypes (checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Callable

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, GraphError, Json, bad_request, json_answer
from local.tenant.call import Call, member
from local.tenant.paging import paged
from local.tenant.routing import Route, RouteTable
from local.tenant.sites.lists import LIBRARY, SiteList
from local.tenant.sites.schema import column_json, content_type_json, library_json, list_json, selected, site_json
from local.tenant.sites.site import HOSTNAME, Site, SiteNameTakenError

_TEMPLATES = {
    "genericList",
    LIBRARY,
    "tasks",
    "events",
    "announcements",
    "links",
    "contacts",
    "survey",
    "issueTracking",
}


def add_site_routes(table: RouteTable) -> None:
    """Add sites with their lists, columns and content types."""

    def add(method: str, path: str, operation: str, needed: frozenset[str], handler: Callable[[Call], Answer]) -> None:
        table.add(method, Route(path, operation, needed, "files", handler))

    read, manage = roles.SITES_READ, roles.SITES_MANAGE
    site, made = "/sites/{site}", "/sites/{site}/lists/{list}"
    add("GET", "/sites/getAllSites", "site.getAllSites", read, _all_sites)
    add("GET", site, "site.get", read, _get_site)
    add("GET", f"{site}/sites", "site.subsites", read, _subsites)
    add("GET", f"{site}/drive", "site.drive", roles.FILES_READ, _site_drive)
    add("GET", f"{site}/drives", "site.drives", roles.FILES_READ, _drives)
    add("GET", f"{site}/columns", "site.columns", read, _site_columns)
    add("POST", f"{site}/columns", "site.createColumn", manage, _create_site_column)
    add("GET", f"{site}/contentTypes", "site.contentTypes", read, _site_content_types)
    add("GET", f"{site}/lists", "list.list", read, _lists)
    add("POST", f"{site}/lists", "list.create", manage, _create_list)
    add("GET", made, "list.get", read, _get_list)
    add("PATCH", made, "list.update", manage, _update_list)
    add("GET", f"{made}/drive", "list.drive", roles.FILES_READ, _list_drive)
    add("GET", f"{made}/columns", "list.columns", read, _columns)
    add("POST", f"{made}/columns", "list.createColumn", manage, _create_column)
    add("GET", f"{made}/contentTypes", "list.contentTypes", read, _content_types)
    add("POST", f"{made}/contentTypes/addCopy", "list.addContentType", manage, _add_content_type)


def site_not_found() -> GraphError:
    """A site, list, row or page that is not there."""
    return GraphError(404, "itemNotFound", "The specified item was not found.")


def site_of(call: Call) -> Site:
    """Return the site that the path names. Raises 404."""
    site = call.home.sites.find(call.params["site"])
    if site is None:
        raise site_not_found()
    return site


def list_of(call: Call) -> tuple[Site, SiteList]:
    """Return the list that the path names, with its site. Raises 404."""
    site = site_of(call)
    made = site.list_by_key(call.params["list"])
    if made is None:
        raise site_not_found()
    return site, made


def collection(call: Call, values: list[Json], context: str) -> Answer:
    """Answer a collection by pages."""
    if "$top" not in call.query:
        call.query["$top"] = str(call.home.settings.drive_page_size)
    names = call.selected()
    return paged(call, values, context, lambda value: selected(value, names), len(values))


def _all_sites(call: Call) -> Answer:
    sites = [site_json(site) for site in call.home.sites.by_web.values()]
    for person in call.home.people.values():
        if person.has_drive:
            name = person.upn.replace("@", "_").replace(".", "_")
            sites.append(
                {
                    "id": f"{HOSTNAME.replace('.', '-my.', 1)},{person.user_id},{person.user_id}",
                    "name": name,
                    "displayName": person.display_name,
                    "webUrl": f"https://{HOSTNAME.replace('.', '-my.', 1)}/personal/{name}",
                    "isPersonalSite": True,
                }
            )
    return collection(call, sites, "sites")


def _get_site(call: Call) -> Answer:
    body = selected(site_json(site_of(call)), call.selected())
    return json_answer({"@odata.context": f"{call.base_url}/v1.0/$metadata#sites/$entity", **body})


def _subsites(call: Call) -> Answer:
    return collection(call, [site_json(site) for site in call.home.sites.below(site_of(call))], "sites")


def _drives(call: Call) -> Answer:
    site = site_of(call)
    libraries = [each for each in site.lists.values() if each.drive is not None and not each.hidden]
    return collection(call, [library_json(call, site, each) for each in libraries], "drives")


def _site_drive(call: Call) -> Answer:
    site = site_of(call)
    first = next((each for each in site.lists.values() if each.drive is not None), None)
    if first is None:
        raise site_not_found()
    return json_answer(selected(library_json(call, site, first), call.selected()))


def _list_drive(call: Call) -> Answer:
    site, made = list_of(call)
    if made.drive is None:
        raise site_not_found()
    return json_answer(selected(library_json(call, site, made), call.selected()))


def _lists(call: Call) -> Answer:
    site = site_of(call)
    names = call.selected() or []
    shown = [each for each in site.lists.values() if not each.system or "system" in names]
    return collection(call, [list_json(site, each) for each in shown], "lists")


def _get_list(call: Call) -> Answer:
    return json_answer(selected(list_json(*list_of(call)), call.selected()))


def _create_list(call: Call) -> Answer:
    site, body = site_of(call), call.json_body()
    name = member(body, "displayName", str)
    template = (member(body, "list", dict) or {}).get("template", "genericList")
    if not name or template not in _TEMPLATES:
        raise bad_request("Invalid request", "invalidRequest")
    try:
        made = site.add_list(name, template, call.home.clock.stamp(), call.home.tenant_id)
    except SiteNameTakenError as error:
        raise GraphError(409, "nameAlreadyExists", "Name already exists") from error
    made.description = member(body, "description", str) or ""
    for column in member(body, "columns", list) or []:
        _add_column(made, column)
    return json_answer(list_json(site, made), 201)


def _update_list(call: Call) -> Answer:
    site, made = list_of(call)
    body = call.json_body()
    made.display_name = member(body, "displayName", str) or made.display_name
    if "description" in body:
        made.description = member(body, "description", str) or ""
    made.version += 1
    return json_answer(list_json(site, made))


def _columns(call: Call) -> Answer:
    _, made = list_of(call)
    return _column_answer(call, made.columns)


def _column_answer(call: Call, columns: list[Json]) -> Answer:
    with_hidden = "hidden" in (call.selected() or [])
    shown = [column_json(each) for each in columns if with_hidden or not each.get("hidden")]
    return collection(call, shown, "columns")


def _create_column(call: Call) -> Answer:
    _, made = list_of(call)
    return json_answer(column_json(_add_column(made, call.json_body())), 201)


def _add_column(made: SiteList, body: Json) -> Json:
    checked = checked_column(body)
    if made.column(checked["name"]) is not None:
        raise GraphError(409, "nameAlreadyExists", "A column of that name exists.")
    made.version += 1
    return made.add_column(checked)


_FACETS = (
    "boolean",
    "choice",
    "currency",
    "dateTime",
    "hyperlinkOrPicture",
    "lookup",
    "number",
    "personOrGroup",
    "text",
    "term",
    "calculated",
    "geolocation",
    "thumbnail",
)
_SETTABLE = (
    "description",
    "enforceUniqueValues",
    "hidden",
    "indexed",
    "required",
    "columnGroup",
    "defaultValue",
    "validation",
)


def checked_column(body: Json) -> Json:
    """Return the definition that a request asks for. Raises 400 for one without a kind, or of one that Graph does not
    make."""
    facets = [facet for facet in _FACETS if facet in body]
    name = member(body, "name", str)
    read_only = [each for each in ("id", "type", "readOnly", "sourceContentType", "isDeletable") if each in body]
    if not name or len(facets) != 1 or facets[0] in ("term", "thumbnail") or read_only:
        raise bad_request("Invalid request", "invalidRequest")
    column: Json = {
        "name": name,
        "displayName": member(body, "displayName", str) or name,
        "description": "",
        "columnGroup": "Custom Columns",
        "enforceUniqueValues": False,
        "hidden": False,
        "indexed": False,
        "readOnly": facets[0] == "calculated",
        "required": False,
    }
    column |= {each: body[each] for each in _SETTABLE if body.get(each) is not None}
    column[facets[0]] = body[facets[0]]
    return column


def _content_types(call: Call) -> Answer:
    _, made = list_of(call)
    return collection(call, [content_type_json(each) for each in made.content_types], "contentTypes")


def _add_content_type(call: Call) -> Answer:
    site, made = list_of(call)
    wanted = str(call.json_body().get("contentType", "")).rpartition("/")[2]
    found = next((each for each in site.content_types if each["id"] == wanted), None)
    if found is None:
        raise bad_request("Invalid content type", "invalidRequest")
    if any(each["name"] == found["name"] for each in made.content_types):
        raise GraphError(409, "nameAlreadyExists", "The list has that content type.")
    return json_answer(content_type_json(made.add_content_type(found)), 201)


def _site_columns(call: Call) -> Answer:
    return _column_answer(call, site_of(call).columns)


def _create_site_column(call: Call) -> Answer:
    site = site_of(call)
    column = {"id": f"{len(site.columns) + 1:032d}", **checked_column(call.json_body())}
    if any(each["name"] == column["name"] for each in site.columns):
        raise GraphError(409, "nameAlreadyExists", "A column of that name exists.")
    site.columns.append(column)
    return json_answer(column_json(column), 201)


def _site_content_types(call: Call) -> Answer:
    return collection(call, [content_type_json(each) for each in site_of(call).content_types], "contentTypes")
