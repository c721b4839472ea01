"""The values that a stored row is to have at the target, and what of them cannot be had there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared_code.graph.odata import text_of
from shared_code.graph.site_columns import NEVER_WRITTEN, Column, note_column_of, own_values, peoples_columns
from shared_code.graph.site_lookups import LOOKUPS
from shared_code.graph.site_target_lookups import SiteTargetLookups

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
    """The columns of a list at the target. ``note_columns``: the hidden ones that keep the terms of others."""

    columns: Mapping[str, Column]
    note_columns: Mapping[str, str]
    names: frozenset[str]

    @classmethod
    def of(cls, definitions: Sequence[Mapping[str, Any]]) -> TargetColumns:
        """From Graph's definitions, hidden columns included."""
        columns = peoples_columns(definitions)
        notes = {
            name: note_column_of(definitions, column) for name, column in columns.items() if column.facet == "term"
        }
        return cls(columns, notes, frozenset(text_of(definition.get("name")) for definition in definitions))

    def is_refused(self, name: str) -> bool:
        """Whether Graph does not write values of this column."""
        facet = self.columns[name].facet
        return facet in NEVER_WRITTEN or (facet == "term" and not self.note_columns.get(name))

    def is_known(self, shown: str) -> bool:
        """Whether a name under which a value is shown is a column's here, or one of every row's."""
        return bool({shown, shown.removesuffix("LookupId")} & (self.names | _SHOWN))


@dataclass(frozen=True, slots=True)
class WantedRow:
    """A stored row as it has to be at this target. ``is_whole``: nothing of it is known to be lost."""

    values: dict[str, Any]
    note: str
    is_whole: bool


async def wanted_row(stored: Mapping[str, Any], target: TargetColumns, lookups: SiteTargetLookups) -> WantedRow:
    """Raises SourceError."""
    fields = stored.get("fields")
    fields = fields if isinstance(fields, Mapping) else {}
    values, lost = await lookups.resolved(own_values(fields, target.columns), stored.get(LOOKUPS), target.columns)
    missing = [name for name, value in fields.items() if value not in (None, "", []) and not target.is_known(name)]
    refused = sorted({target.columns[name].facet or "location" for name in values if target.is_refused(name)})
    notes = []
    if missing:
        notes.append(f"{len(missing)} of its columns are not in the list and cannot be made.")
    if refused:
        notes.append(f"Graph does not write values of these kinds: {', '.join(refused)}.")
    if lost:
        notes.append(f"{lost} of its lookups point to rows that are not there; replace it once they are back.")
    is_whole = not notes
    if fields.get("Attachments") is True:
        notes.append(_ATTACHMENTS)
    return WantedRow(values, " ".join(notes), is_whole)
