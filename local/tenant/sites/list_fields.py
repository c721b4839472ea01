"""Values of list columns: how they are shown, and which can be written through Graph.

Sources: fieldValueSet and "Update listItem" (learn.microsoft.com/graph/api, checked 2026-11): lookups and people are
shown and written as `{name}LookupId`. Hyperlinks, locations, images and calculated values are refused
(microsoft-graph-docs issues 1965 and 12638, checked 2026-11); managed metadata is refused under its own name and taken
by the hidden text column behind it as `-1;label|term id` (microsoft-graph-docs issue 16597, checked 2026-11).
"""

from __future__ import annotations

import re
from typing import Any

from local.tenant.answers import GraphError, Json
from local.tenant.sites.lists import ListItem, SiteList

_TERM = re.compile(r"-1;#?(.*)\|([0-9a-f-]{36})", re.DOTALL)
_REFUSED = ("hyperlinkOrPicture", "calculated", "geolocation", "thumbnail", "contentApprovalStatus")
LOOKUPS = ("lookup", "personOrGroup")


def fields_json(made: SiteList, item: ListItem) -> Json:
    """Return the fieldValueSet of a row."""
    title = item.fields.get("Title")
    shown: Json = {
        "@odata.etag": made.etag(item),
        "id": str(item.number),
        "ContentType": made.content_type_of(item)["name"],
    }
    for name, value in item.fields.items():
        if name.endswith("LookupId") and isinstance(value, list):
            shown[name.removesuffix("LookupId")] = [{"LookupId": int(each), "LookupValue": ""} for each in value]
        elif value is not None:
            shown[name] = value
    shown |= {
        "Modified": item.modified,
        "Created": item.created,
        "AuthorLookupId": str(item.author),
        "EditorLookupId": str(item.editor),
        "_UIVersionString": f"{item.version}.0",
        "Attachments": item.attachments,
        "Edit": "",
        "ItemChildCount": "0",
        "FolderChildCount": "0",
    }
    if title is not None:
        shown |= {"LinkTitle": title, "LinkTitleNoMenu": title}
    return shown


def checked_fields(made: SiteList, written: Json) -> Json:
    """Return the values that a write sets, None for those that it clears. Raises the 400 for what Graph refuses."""
    result: Json = {}
    for name, value in written.items():
        if name.startswith("@") or name.endswith("@odata.type"):
            continue
        base = name.removesuffix("LookupId")
        column = made.column(base if base != name else name)
        if column is None:
            raise _refusal(f"Field '{name}' is not recognized")
        if column["readOnly"] or column["name"] == "Attachments":
            raise _refusal(f"Field '{name}' is read-only")
        if "of_term" in column:
            result[column["of_term"]] = _terms(made, column["of_term"], value)
        else:
            _check(column, name, value, written.get(f"{name}@odata.type"))
            result[name] = value
    return result


def _check(column: Json, name: str, value: Any, odata_type: Any) -> None:
    lookup = next((column[facet] for facet in LOOKUPS if facet in column), None)
    if (lookup is not None) != name.endswith("LookupId"):
        raise _refusal("General exception while processing")
    if value is None:
        return
    if lookup is not None:
        many = lookup.get("allowMultipleValues") or lookup.get("allowMultipleSelection")
        fits = _is_collection(value, odata_type) if many else str(value).isdecimal()
    elif "choice" in column:
        many = column["choice"].get("displayAs") == "checkBoxes"
        fits = _is_collection(value, odata_type) if many else isinstance(value, str)
    elif "number" in column or "currency" in column:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    elif "boolean" in column:
        fits = isinstance(value, bool)
    elif "text" in column or "dateTime" in column:
        fits = isinstance(value, str)
    else:  # of the kinds that Graph does not write, or of none that it has a facet for
        fits = False
    if not fits:
        raise _refusal("Invalid request")


def _is_collection(value: Any, odata_type: Any) -> bool:
    return isinstance(value, list) and str(odata_type).startswith("Collection(")


def _terms(made: SiteList, name: str, value: Any) -> Any:
    column = made.column(name)
    if value in (None, ""):
        return None
    terms = []
    for part in str(value).split(";#-1;#"):
        found = _TERM.fullmatch(part if part.startswith("-1;") else f"-1;#{part}")
        if found is None:
            raise _refusal("The given value is no taxonomy value")
        terms.append({"Label": found[1], "TermGuid": found[2], "WssId": -1})
    return terms if column and column["term"].get("allowMultipleValues") else terms[0]


def _refusal(message: str) -> GraphError:
    return GraphError(400, "invalidRequest", message)
