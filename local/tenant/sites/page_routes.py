"""Pages of sites.

Sources: api-reference/v1.0 pages sitepage-list, sitepage-get, sitepage-create, sitepage-update, sitepage-publish,
basesitepage-delete (checked 2026-11).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, GraphError, Json, bad_request, json_answer
from local.tenant.call import Call, member
from local.tenant.routing import Route, RouteTable
from local.tenant.sites.page import SUPPORTED_WEB_PARTS, WRITABLE, SitePage, web_parts_of
from local.tenant.sites.routes import collection, site_not_found, site_of
from local.tenant.sites.schema import page_json, selected
from local.tenant.sites.site import Site, SiteNameTakenError

_TYPE = "#microsoft.graph.sitePage"
_LAYOUTS = ("article", "home")


def add_page_routes(table: RouteTable) -> None:
    """Add everything below /sites/{site}/pages."""

    def add(method: str, path: str, operation: str, needed: frozenset[str], handler: Callable[[Call], Answer]) -> None:
        table.add(method, Route(f"/sites/{{site}}/pages{path}", f"page.{operation}", needed, "files", handler))

    read, write, cast = roles.SITES_READ, roles.SITES_WRITE, "/microsoft.graph.sitePage"
    add("GET", cast, "list", read, _list)
    add("POST", "", "create", write, _create)
    add("GET", "/{page}" + cast, "get", read, _get)
    add("PATCH", "/{page}" + cast, "update", write, _update)
    add("POST", "/{page}" + cast + "/publish", "publish", write, _publish)
    add("DELETE", "/{page}", "delete", write, _delete)


def _page_of(call: Call) -> tuple[Site, SitePage]:
    site = site_of(call)
    page = site.pages.get(call.params["page"].lower())
    if page is None:
        raise site_not_found()
    return site, page


def _list(call: Call) -> Answer:
    site = site_of(call)
    return collection(call, [page_json(site, page, with_canvas=False) for page in site.pages.values()], "pages")


def _get(call: Call) -> Answer:
    site, page = _page_of(call)
    body = page_json(site, page, with_canvas="canvasLayout" in call.query.get("$expand", ""))
    return json_answer(selected(body, call.selected()))


def _written(call: Call) -> Json:
    body = call.json_body()
    if body.get("@odata.type", _TYPE) != _TYPE:
        raise bad_request("Invalid request", "invalidRequest")
    canvas = member(body, "canvasLayout", dict) or {}
    for part in web_parts_of(canvas):
        if "innerHtml" not in part and str(part.get("webPartType", "")).lower() not in SUPPORTED_WEB_PARTS:
            raise bad_request("The web part is not supported.", "invalidRequest")
    return body


def _create(call: Call) -> Answer:
    site, body = site_of(call), _written(call)
    name, layout = member(body, "name", str), body.get("pageLayout", "article")
    if "@odata.type" not in body or not name or not name.endswith(".aspx") or layout not in _LAYOUTS:
        raise bad_request("Invalid request", "invalidRequest")
    stamp = call.home.clock.stamp()
    page = SitePage(str(uuid.uuid4()), name, stamp, stamp, layout)
    page.properties = {each: body[each] for each in WRITABLE if each in body}
    try:
        site.add_page(page)
    except SiteNameTakenError as error:
        raise GraphError(409, "nameAlreadyExists", "A page of that name exists.") from error
    return json_answer(page_json(site, page, with_canvas=False), 201)


def _update(call: Call) -> Answer:
    site, page = _page_of(call)
    body = _written(call)
    if body.get("promotionKind") == "page" and page.properties.get("promotionKind") == "newsPost":
        raise bad_request("A page cannot be demoted.", "invalidRequest")
    page.change({each: body[each] for each in WRITABLE if each in body}, call.home.clock.stamp())
    return json_answer(page_json(site, page, with_canvas=False))


def _publish(call: Call) -> Answer:
    _page_of(call)[1].publish()
    return Answer(204)


def _delete(call: Call) -> Answer:
    site, page = _page_of(call)
    del site.pages[page.page_id]
    return Answer(204)
