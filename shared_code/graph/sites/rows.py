"""Rows of lists: what a delta page says of them, and the content that comes with it.

Sources: graph-docs listitem-delta, listitem-get (v1.0, checked 2026-11): the page brings the columns' values, so
nothing is fetched a second time. Files that are attached to rows cannot be reached by Graph, neither v1.0 nor beta
(msgraph-sdk-go issue 641, msgraph-sdk-python issue 786, checked 2026-11): they are reported by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared_code.graph.odata import text_of, time_of
from shared_code.graph.sites.definitions import DEFINITION
from shared_code.graph.sites.lookups import LOOKUPS
from shared_code.graph.sites.names import attachments_id, computed_etag, native_json, row_id
from shared_code.model.item import Change, ItemKind
from shared_code.model.outcome import SkipCause

ROW_EXPAND = "fields"
_KEPT = ("createdDateTime", "lastModifiedDateTime", "createdBy", "lastModifiedBy", "contentType", "webUrl")


def row_changes(
    value: Mapping[str, Any], list_id: str, texts: Mapping[str, Any], *, is_news: bool
) -> tuple[Change, ...]:
    """A row as changes: itself, and what is to be said of its attachments. Empty for one without an id. ``is_news``:
    it is told to who knew the list before."""
    number = text_of(value.get("id"))
    if not number:
        return ()
    item_id = row_id(list_id, number)
    no_attachments = (Change(attachments_id(item_id), ItemKind.LIST_ITEM, deleted=True),) if is_news else ()
    if value.get("deleted") is not None:
        return Change(item_id, ItemKind.LIST_ITEM, deleted=True), *no_attachments
    change = row_change(value, item_id, list_id, texts)
    if not has_attachments(value):
        return change, *no_attachments
    attachments = Change(
        attachments_id(item_id),
        ItemKind.LIST_ITEM,
        parent_id=list_id,
        name=f"Attachments of {change.name}",
        etag=change.etag,
        skip_cause=SkipCause.LIST_ATTACHMENTS,
    )
    return change, attachments


def row_change(value: Mapping[str, Any], item_id: str, list_id: str, texts: Mapping[str, Any]) -> Change:
    """A living row, with its content. ``texts``: what its lookups show."""
    data = native_json(stored_row(value, texts))
    return Change(
        item_id,
        ItemKind.LIST_ITEM,
        parent_id=list_id,
        name=_title(_fields(value)) or text_of(value.get("id")),
        time=time_of(value.get("lastModifiedDateTime")),
        size_bytes=len(data),
        etag=text_of(value.get("eTag")) or computed_etag(stored_row(value, {})),
        properties={"number": text_of(value.get("id"))},
        transient={DEFINITION: data.decode("ascii")},
    )


def stored_row(value: Mapping[str, Any], texts: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored of a row: its values as Graph shows them, what its lookups show, when and by whom."""
    fields = {name: entry for name, entry in _fields(value).items() if not name.startswith("@odata.")}
    return {"fields": fields, LOOKUPS: dict(texts), **{name: value[name] for name in _KEPT if name in value}}


def has_attachments(value: Mapping[str, Any]) -> bool:
    """Whether files are attached to the row."""
    return _fields(value).get("Attachments") is True


def _fields(value: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = value.get("fields")
    return fields if isinstance(fields, Mapping) else {}


def _title(fields: Mapping[str, Any]) -> str:
    return next((text for name in ("Title", "LinkTitle", "FileLeafRef") if (text := text_of(fields.get(name)))), "")
