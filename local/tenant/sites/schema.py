"""Sites, lists, columns, rows and pages in Graph's schema."""

from __future__ import annotations

from local.tenant.answers import Json
from local.tenant.call import Call
from local.tenant.drives.schema import drive_json
from local.tenant.sites.list_fields import fields_json
from local.tenant.sites.lists import ListItem, SiteList
from local.tenant.sites.page import SitePage
from local.tenant.sites.site import HOSTNAME, Site

_ACTOR = {"user": {"displayName": "System Account"}}


def site_json(site: Site) -> Json:
    """Return a site."""
    body: Json = {
        "id": site.site_id,
        "name": site.path.rpartition("/")[2],
        "displayName": site.display_name,
        "description": site.description,
        "webUrl": site.url,
        "createdDateTime": site.created,
        "lastModifiedDateTime": site.modified,
        "isPersonalSite": False,
        "sharepointIds": {"siteId": site.collection_id, "webId": site.web_id, "siteUrl": site.url},
    }
    if site.archive_status:
        body["siteCollection"] = {"hostname": HOSTNAME, "archivalDetails": {"archiveStatus": site.archive_status}}
    elif site.parent is None:
        body |= {"root": {}, "siteCollection": {"hostname": HOSTNAME}}
    else:
        body["parentReference"] = {"siteId": f"{HOSTNAME},{site.collection_id},{site.parent}"}
    return body


def list_json(site: Site, made: SiteList) -> Json:
    """Return a list."""
    body: Json = {
        "id": made.list_id,
        "name": made.name,
        "displayName": made.display_name,
        "description": made.description,
        "webUrl": f"{site.url}/Lists/{made.name}" if made.drive is None else made.drive.url,
        "createdDateTime": made.created,
        "lastModifiedDateTime": made.modified,
        "eTag": f'"{made.list_id},{made.version}"',
        "createdBy": _ACTOR,
        "list": {"contentTypesEnabled": False, "hidden": made.hidden, "template": made.template},
        "parentReference": {"siteId": site.site_id},
        "sharepointIds": {"listId": made.list_id, "siteId": site.collection_id, "webId": site.web_id},
    }
    if made.system:
        body["system"] = {}
    return body


def library_json(call: Call, site: Site, made: SiteList) -> Json:
    """Return the drive of a library."""
    if made.drive is None:
        raise ValueError("the list is no library")
    ids = {"listId": made.list_id, "siteId": site.collection_id, "webId": site.web_id}
    return {**drive_json(call, made.drive, call.home.drive_owner(made.drive)), "sharePointIds": ids}


def column_json(column: Json) -> Json:
    """Return a columnDefinition."""
    return {name: value for name, value in column.items() if name != "of_term"}


def content_type_json(content_type: Json) -> Json:
    """Return a contentType."""
    return {"description": "", "group": "Custom", "hidden": False, "readOnly": False, "sealed": False, **content_type}


def item_json(
    site: Site, made: SiteList, item: ListItem, *, with_fields: bool, fields: list[str] | None = None
) -> Json:
    """Return a listItem, with its values where they were asked for."""
    body: Json = {
        "id": str(item.number),
        "eTag": made.etag(item),
        "createdDateTime": item.created,
        "lastModifiedDateTime": item.modified,
        "webUrl": f"{site.url}/Lists/{made.name}/{item.number}_.000",
        "createdBy": _actor(site, item.author),
        "lastModifiedBy": _actor(site, item.editor),
        "parentReference": {"siteId": site.site_id},
        "contentType": {name: made.content_type_of(item)[name] for name in ("id", "name")},
        "sharepointIds": {"listId": made.list_id, "listItemId": str(item.number), "listItemUniqueId": item.guid},
    }
    if with_fields:
        shown = fields_json(made, item)
        body["fields"] = shown if fields is None else {name: shown[name] for name in fields if name in shown}
    return body


def deleted_item_json(site: Site, number: int) -> Json:
    """Return what delta says of a row that is gone."""
    return {"id": str(number), "parentReference": {"siteId": site.site_id}, "deleted": {"state": "deleted"}}


def page_json(site: Site, page: SitePage, *, with_canvas: bool) -> Json:
    """Return a sitePage."""
    body: Json = {
        "@odata.type": "#microsoft.graph.sitePage",
        "id": page.page_id,
        "name": page.name,
        "webUrl": f"{site.url}/SitePages/{page.name}",
        "eTag": f'"{{{page.page_id.upper()}}},{page.version}"',
        "createdDateTime": page.created,
        "lastModifiedDateTime": page.modified,
        "createdBy": _ACTOR,
        "lastModifiedBy": _ACTOR,
        "parentReference": {"siteId": site.site_id},
        "pageLayout": page.layout,
        "publishingState": {
            "level": "published" if page.published else "draft",
            "versionId": f"{page.major}.{0 if page.published else 1}",
        },
        "promotionKind": "page",
        "title": page.name.rpartition(".")[0],
        **page.properties,
    }
    if not with_canvas:
        body.pop("canvasLayout", None)
    return body


def _actor(site: Site, number: int) -> Json:
    return {"user": site.users.get(number) or {"displayName": "System Account"}}


def selected(body: Json, names: list[str] | None) -> Json:
    """Return what was asked for."""
    if names is None:
        return body
    wanted = {"id", *names}
    return {name: value for name, value in body.items() if name in wanted or name.startswith("@")}
