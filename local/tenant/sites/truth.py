"""The full truth about a site, without ids, in an order that depends on the content alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from local.tenant.answers import Json
from local.tenant.oracle import drive_truth
from local.tenant.sites.edits import site_for
from local.tenant.sites.lists import SiteList
from local.tenant.sites.site import Site
from local.tenant.tenant import Tenant


def answer_site_oracle(tenant: Tenant, op: Json) -> Json:
    """Return the records of a site as the result of an edit operation."""
    site = site_for(tenant, str(op["site"]))
    records = [*_records(site)]
    records.sort(key=lambda record: json.dumps(record, sort_keys=True))
    return {"records": records}


def _records(site: Site) -> Iterator[Json]:
    yield {"record": "site", "display_name": site.display_name, "description": site.description, "path": site.path}
    for column in site.columns:
        yield {"record": "site_column", **_column_truth(site, column)}
    for made in site.lists.values():
        if made.system:
            continue
        yield {
            "record": "list",
            "list": made.display_name,
            "description": made.description,
            "template": made.template,
            "hidden": made.hidden,
            "content_types": sorted(each["name"] for each in made.content_types),
        }
        for column in made.columns:
            if not column["readOnly"] and "of_term" not in column:
                yield {"record": "column", "list": made.display_name, **_column_truth(site, column)}
        yield from _rows(site, made)
        yield from _files(made)
    for page in site.pages.values():
        yield {
            "record": "page",
            "name": page.name,
            "layout": page.layout,
            "published": page.published,
            "properties": {"title": page.name.rpartition(".")[0], "promotionKind": "page", **page.properties},
        }


def _column_truth(site: Site, column: Json) -> Json:
    truth = {name: value for name, value in column.items() if name not in ("id", "columnGroup")}
    if "lookup" in truth:
        target = site.lists.get(str(truth["lookup"].get("listId", "")))
        truth["lookup"] = {**truth["lookup"], "listId": target.display_name if target else None}
    return truth


def _rows(site: Site, made: SiteList) -> Iterator[Json]:
    for item in made.items.values():
        fields = {name: _value(site, made, name, value) for name, value in item.fields.items()}
        yield {
            "record": "item",
            "list": made.display_name,
            "content_type": made.content_type_of(item)["name"],
            "fields": fields,
            "attachments": item.attachments,
        }


def _value(site: Site, made: SiteList, name: str, value: Any) -> Any:
    """A value, with the text that a lookup shows instead of the number of the row that it points to."""
    column = made.column(name.removesuffix("LookupId"))
    if column is not None and "term" in column:
        terms = value if isinstance(value, list) else [value]
        return [{key: entry for key, entry in term.items() if key != "WssId"} for term in terms]
    if column is None or "lookup" not in column:
        return value
    target = site.lists.get(str(column["lookup"].get("listId", "")))
    numbers = value if isinstance(value, list) else [value]
    shown = []
    for number in numbers:
        row = target.items.get(int(str(number))) if target else None
        shown.append(row.fields.get(column["lookup"].get("columnName", "Title")) if row else None)
    return shown


def _files(made: SiteList) -> Iterator[Json]:
    drive = made.drive
    if drive is None:
        return
    for record in drive_truth(drive):
        item = drive.by_path([part.replace("%2F", "/") for part in str(record["path"]).split("/") if part])
        fields = made.file_fields.get(item.number, {}) if item else {}
        yield {**record, "list": made.display_name, "fields": fields}
