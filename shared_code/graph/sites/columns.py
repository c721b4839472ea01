"""Columns of lists: their definitions, and which values are people's own. Pure.

Sources: columnDefinition and fieldValueSet (learn.microsoft.com/graph/api/resources, checked 2026-11). A column has one
facet that tells its kind; location columns have none. Lookups and people are shown as ``{name}LookupId``, or with
several values as a list of ``LookupId`` and ``LookupValue`` under the column's own name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared_code.graph.odata import text_of

FACETS = (
    "boolean",
    "calculated",
    "choice",
    "contentApprovalStatus",
    "currency",
    "dateTime",
    "geolocation",
    "hyperlinkOrPicture",
    "lookup",
    "number",
    "personOrGroup",
    "term",
    "text",
    "thumbnail",
)
COLUMN_SELECT = (
    "id",
    "name",
    "displayName",
    "description",
    "columnGroup",
    "hidden",
    "readOnly",
    "required",
    "indexed",
    "enforceUniqueValues",
    "defaultValue",
    "validation",
    *FACETS,
)
# Kinds whose values Graph shows and refuses to write, or computes itself.
NEVER_WRITTEN = frozenset({"", "calculated", "contentApprovalStatus", "geolocation", "hyperlinkOrPicture", "thumbnail"})
# The content type of a row, which is shown like a column's value and written otherwise.
CONTENT_TYPE = "ContentType"
CONTENT_TYPE_FACET = "contentType"
LOOKUPS = frozenset({"lookup", "personOrGroup"})
# What every list has and keeps itself, whatever its definition says of being written.
_OWN = frozenset(
    {
        "Attachments",
        "ContentType",
        "FileLeafRef",
        "Edit",
        "DocIcon",
        "LinkTitle",
        "LinkTitleNoMenu",
        "LinkFilename",
        "LinkFilenameNoMenu",
        "ItemChildCount",
        "FolderChildCount",
        "ComplianceAssetId",
        "_ColorHex",
        "_ColorTag",
        "_Emoji",
        "_ExtendedDescription",
    }
)
# What SharePoint finds out about pictures and recordings by itself; every library has these columns.
_OWN_PREFIX = "MediaService"


@dataclass(frozen=True, slots=True)
class Column:
    """One column as a definition tells it. ``facet`` is "" for a kind that Graph has no facet for."""

    name: str
    facet: str
    definition: Mapping[str, Any]

    @property
    def is_many(self) -> bool:
        """Whether it holds several values."""
        facet = self.definition.get(self.facet) if self.facet else None
        if not isinstance(facet, Mapping):
            return False
        if self.facet == "choice":
            return facet.get("displayAs") == "checkBoxes"
        return facet.get("allowMultipleValues") is True or facet.get("allowMultipleSelection") is True

    @property
    def looked_up_list(self) -> str:
        """The list that a lookup points to."""
        facet = self.definition.get("lookup")
        return text_of(facet.get("listId")).strip("{}").lower() if isinstance(facet, Mapping) else ""

    @property
    def looked_up_column(self) -> str:
        """The column that a lookup shows."""
        facet = self.definition.get("lookup")
        return (text_of(facet.get("columnName")) if isinstance(facet, Mapping) else "") or "Title"


def peoples_columns(definitions: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    """The columns whose values people set, by name."""
    found: dict[str, Column] = {}
    for definition in definitions:
        name = text_of(definition.get("name"))
        if (
            not name
            or name in _OWN
            or name.startswith(_OWN_PREFIX)
            or definition.get("readOnly") is True
            or definition.get("hidden") is True
        ):
            continue
        facet = next((facet for facet in FACETS if definition.get(facet) is not None), "")
        found[name] = Column(name, facet, definition)
    return found


def note_column_of(definitions: Sequence[Mapping[str, Any]], column: Column) -> str:
    """Name of the hidden text column that keeps the terms of a managed metadata column; "" when there is none
    (microsoft-graph-docs issue 16597, checked 2026-11)."""
    wanted = f"{text_of(column.definition.get('displayName'))}_0"
    for definition in definitions:
        if definition.get("displayName") == wanted and definition.get("text") is not None:
            return text_of(definition.get("name"))
    return ""


def own_values(fields: Mapping[str, Any], columns: Mapping[str, Column]) -> dict[str, Any]:
    """The values of these columns in one form, by column, so that two of them can be compared: lookups as lists of
    numbers in text, terms as lists of label and id. Empty values are left out."""
    found: dict[str, Any] = {}
    for name, column in columns.items():
        value = _value(fields, column)
        if value not in (None, "", []):
            found[name] = value
    return found


def _value(fields: Mapping[str, Any], column: Column) -> Any:
    value = fields.get(column.name)
    if column.facet in LOOKUPS:
        entries = value if isinstance(value, list) else []
        if not entries:
            number = fields.get(f"{column.name}LookupId")
            entries = number if isinstance(number, list) else [number]
        return [number for number in map(_number, entries) if number]
    if column.facet == "term":
        terms = value if isinstance(value, list) else [value]
        return [_term(term) for term in terms if isinstance(term, Mapping)]
    if column.facet in ("number", "currency") and isinstance(value, int | float):
        return int(value) if float(value).is_integer() else value
    return value


def _number(entry: object) -> str:
    if isinstance(entry, Mapping):
        entry = entry.get("LookupId")
    return str(entry) if isinstance(entry, str | int) and str(entry).isdecimal() else ""


def _term(term: Mapping[str, Any]) -> dict[str, str]:
    return {"label": text_of(term.get("Label")), "id": text_of(term.get("TermGuid")).lower()}


def to_fields(
    values: Mapping[str, Any], columns: Mapping[str, Column], note_columns: Mapping[str, str]
) -> dict[str, Any]:
    """The body that writes these values (as ``own_values`` gives them). Columns of kinds that cannot be written, and
    terms without a note column, are left out. A column that has no value is cleared by None."""
    body: dict[str, Any] = {}
    for name, column in columns.items():
        if column.facet in NEVER_WRITTEN or column.facet == CONTENT_TYPE_FACET:
            continue
        value = values.get(name)
        if column.facet == "term":
            if note := note_columns.get(name):
                terms = value or []
                body[note] = ";#".join(f"-1;#{term['label']}|{term['id']}" for term in terms) if column.is_many else ""
                if terms and not column.is_many:
                    body[note] = f"-1;{terms[0]['label']}|{terms[0]['id']}"
        elif column.facet in LOOKUPS:
            key = f"{name}LookupId"
            if column.is_many:
                body[f"{key}@odata.type"] = "Collection(Edm.Int32)"
                body[key] = [int(number) for number in value or []]
            else:
                body[key] = value[0] if value else None
        elif column.facet == "choice" and column.is_many:
            body[f"{name}@odata.type"] = "Collection(Edm.String)"
            body[name] = list(value or [])
        else:
            body[name] = value
    return body


def without_empty(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body for something new: nothing has to be cleared there."""
    kept = {name: value for name, value in body.items() if value not in (None, "", [])}
    return {name: value for name, value in kept.items() if name.removesuffix("@odata.type") in kept}


def fits(column: Column, value: Any) -> bool:
    """Whether a value is of the type that Graph takes for the column, and can be sent at all."""
    if column.facet in ("number", "currency"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if column.facet == "boolean":
        return isinstance(value, bool)
    if column.facet in LOOKUPS or column.facet == "term":
        return isinstance(value, list)
    texts = value if column.is_many and isinstance(value, list) else [value]
    return all(isinstance(text, str) and _is_unicode(text) for text in texts)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
