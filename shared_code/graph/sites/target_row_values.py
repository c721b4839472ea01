"""The values that a stored row is to have at the target, and what of them cannot be had there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared_code.graph.odata import text_of
from shared_code.graph.sites.columns import (
    CONTENT_TYPE,
    CONTENT_TYPE_FACET,
    NEVER_WRITTEN,
    Column,
    fits,
    note_column_of,
    own_values,
    peoples_columns,
)
from shared_code.graph.sites.lookups import LOOKUPS
from shared_code.graph.sites.target_lookups import SiteTargetLookups

_ATTACHMENTS = "Files attached to it are out of Graph's reach and were never stored."
# What Graph shows of every row beside its columns.
_SHOWN = frozenset(
    {
        "id",
        "AppAuthor",
        "AppEditor",
        "Attachments",
        "Author",
        "ComplianceAssetId",
        "ContentType",
        "Created",
        "DocIcon",
        "Edit",
        "Editor",
        "FileLeafRef",
        "FolderChildCount",
        "ItemChildCount",
        "LinkTitle",
        "LinkTitleNoMenu",
        "Modified",
        "_ComplianceFlags",
        "_ComplianceTag",
        "_ComplianceTagUserId",
        "_ComplianceTagWrittenTime",
        "_IsRecord",
        "_UIVersionString",
    }
)


@dataclass(frozen=True, slots=True)
class TargetColumns:
    """The columns of a list at the target. ``note_columns``: the hidden ones that keep the terms of others. ``types``:
    its content types by name, the default one first."""

    columns: Mapping[str, Column]
    note_columns: Mapping[str, str]
    names: frozenset[str]
    types: Mapping[str, str]

    @classmethod
    def of(
        cls, definitions: Sequence[Mapping[str, Any]], types: Sequence[Mapping[str, Any]] | None = None
    ) -> TargetColumns:
        """From Graph's definitions, hidden columns included. With ``types`` the content type of a row is one of its
        values."""
        columns = peoples_columns(definitions)
        if types is not None:
            columns[CONTENT_TYPE] = Column(CONTENT_TYPE, CONTENT_TYPE_FACET, {})
        notes = {
            name: note_column_of(definitions, column) for name, column in columns.items() if column.facet == "term"
        }
        names = frozenset(text_of(definition.get("name")) for definition in definitions)
        known = {text_of(each.get("name")): text_of(each.get("id")) for each in types or ()}
        return cls(columns, notes, names, known)

    def type_id(self, name: object) -> str:
        """The id of a content type; "" for the default one, which need not be asked for, and one that is not here."""
        is_default = next(iter(self.types), None) == name
        return "" if is_default or not isinstance(name, str) else self.types.get(name, "")

    def is_refused(self, name: str, value: Any) -> bool:
        """Whether Graph does not write this value of this column."""
        column = self.columns[name]
        if column.facet == CONTENT_TYPE_FACET:
            return value not in self.types
        if column.facet in NEVER_WRITTEN or (column.facet == "term" and not self.note_columns.get(name)):
            return True
        return not fits(column, value)

    def writable(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those of these values that Graph writes."""
        return {name: value for name, value in values.items() if not self.is_refused(name, value)}

    def is_known(self, shown: str) -> bool:
        """Whether a name under which a value is shown is a column's here, or one of every row's."""
        return bool({shown, shown.removesuffix("LookupId")} & (self.names | _SHOWN))


@dataclass(frozen=True, slots=True)
class WantedRow:
    """A stored row as it has to be at this target, and those of its ``values`` that can be written. ``loss`` says what
    of it is known to be lost where the row has to be made anew, ``note`` what else there is to say."""

    values: dict[str, Any]
    writable: dict[str, Any]
    loss: str
    note: str


async def wanted_row(stored: Mapping[str, Any], target: TargetColumns, lookups: SiteTargetLookups) -> WantedRow:
    """Raises SourceError."""
    fields = stored.get("fields")
    fields = fields if isinstance(fields, Mapping) else {}
    values, lost = await lookups.resolved(own_values(fields, target.columns), stored.get(LOOKUPS), target.columns)
    missing = [name for name, value in fields.items() if value not in (None, "", []) and not target.is_known(name)]
    losses = []
    if missing:
        losses.append(f"{len(missing)} of its columns are not in the list and cannot be made.")
    if lost:
        losses.append(f"{lost} of its lookups point to rows that are not there; replace it once they are back.")
    note = _ATTACHMENTS if fields.get("Attachments") is True else ""
    return WantedRow(values, target.writable(values), " ".join(losses), note)


def refused_kinds(values: Mapping[str, Any], target: TargetColumns) -> str:
    """What to say of values that Graph does not write; "" when there are none."""
    refused = {
        target.columns[name].facet or "location" for name, value in values.items() if target.is_refused(name, value)
    }
    return f"Graph does not write values of these kinds: {', '.join(sorted(refused))}." if refused else ""
