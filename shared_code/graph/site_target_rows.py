"""Rows of lists go back with the values of their columns.

A row's place is its number in its own list. What is there decides: an equal row (left alone), another one (left alone,
restored beside it, or made what it was), or nothing: then a row with the same values that is nobody else's is it, else
a new one is made, which gets a new number. Everything written is read again and compared. Sources: graph-docs
listitem-create, listitem-update (v1.0, checked 2026-11). Author and dates of a row are set by SharePoint alone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from shared_code.errors import BackupError, SourceError, SourceNotFoundError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.site_columns import (
    NEVER_WRITTEN,
    Column,
    note_column_of,
    own_values,
    peoples_columns,
    to_fields,
    without_empty,
)
from shared_code.graph.site_names import list_id_of, row_id, row_number
from shared_code.graph.site_target_lists import READ, SiteTargetLists
from shared_code.graph.site_target_lookups import SiteTargetLookups
from shared_code.graph.target_outcomes import failed, read_form
from shared_code.model.item import Form
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import RestoreItem, WriteState, Written

WRITE = "Sites.ReadWrite.All"
_OCCUPIED = "The row was changed since; choose keep_both or replace to have the stored one."
_BESIDE = "The row was changed since; the stored one came back beside it."
_ATTACHMENTS = "Files attached to it are out of Graph's reach and were never stored."
_ROWS_A_PAGE = 500


@dataclass(slots=True)
class _List:
    """What is known of a list at the target. ``rows``: its rows by their values; None while nobody asked."""

    columns: Mapping[str, Column]
    note_columns: Mapping[str, str]
    known_names: frozenset[str]
    rows: dict[str, list[str]] | None = None
    values: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A stored row, its values as they have to be at this target."""

    values: dict[str, Any]
    note: str
    is_whole: bool


class SiteTargetRows:
    """The rows of the lists of one site, for one slice. Remembers what it has given to whom."""

    def __init__(self, client: GraphClient, site_id: str, lists: SiteTargetLists) -> None:
        self._client = client
        self._site_id = site_id
        self._site = client.graph.sites.by_site_id(site_id)
        self._lists = lists
        self._lookups = SiteTargetLookups(client, site_id, lists, self.add_named)
        self._known: dict[str, _List] = {}
        self._given: set[tuple[str, str]] = set()

    async def write(self, list_id: str, items: Sequence[RestoreItem]) -> AsyncIterator[Written]:
        """Write rows one after the other, so that their new numbers keep the order of the old ones."""
        for item in items:
            try:
                written = await self._write_one(list_id, item)
            except BackupError as error:
                written = failed(item, error)
            if written.target_id:
                self._given.add((list_id, row_number(written.target_id)))
            yield written

    async def add_named(self, list_id: str, column: str, text: str) -> str:
        """Make a row that shows ``text``, for lookups whose row is not restored yet; it becomes that row."""
        return await self._create(await self._list(list_id), list_id, {column: text})

    async def _write_one(self, list_id: str, item: RestoreItem) -> Written:
        made = await self._list(list_id)
        stored = json.loads(await read_form(item, Form.NATIVE))
        wanted = await self._wanted(made, stored)
        own_list = list_id_of(item.id) == list_id
        present = await self._row(made, list_id, row_number(item.id)) if own_list else None
        if present is not None:
            return await self._over(made, list_id, item, wanted, present)
        found = await self._equal(made, list_id, item, wanted.values, is_remade=not own_list)
        if found and made.values[found] == wanted.values:
            state = WriteState.RESTORED if item.tried_before else WriteState.EXISTING
            return self._judged(item, list_id, found, wanted, made.values[found], state)
        if found:
            await self._change(made, list_id, found, wanted.values)
            return await self._compared(made, list_id, item, found, wanted)
        number = await self._create(made, list_id, wanted.values)
        return await self._compared(made, list_id, item, number, wanted)

    async def _over(
        self, made: _List, list_id: str, item: RestoreItem, wanted: _Wanted, present: dict[str, Any]
    ) -> Written:
        number = row_number(item.id)
        if present == wanted.values:
            state = WriteState.RESTORED if item.tried_before else WriteState.EXISTING
            return self._judged(item, list_id, number, wanted, present, state)
        if item.conflict is ConflictRule.SKIP:
            return Written(item.id, WriteState.OCCUPIED, row_id(list_id, number), error=_OCCUPIED)
        if item.conflict is ConflictRule.REPLACE:
            await self._change(made, list_id, number, wanted.values)
            return await self._compared(made, list_id, item, number, wanted)
        found = await self._equal(made, list_id, item, wanted.values, is_remade=False)
        beside = found or await self._create(made, list_id, wanted.values)
        return await self._compared(made, list_id, item, beside, wanted, _BESIDE)

    async def _list(self, list_id: str) -> _List:
        if list_id not in self._known:
            definitions = await self._lists.definitions(list_id)
            columns = peoples_columns(definitions)
            notes = {
                name: note_column_of(definitions, column) for name, column in columns.items() if column.facet == "term"
            }
            names = frozenset(text_of(definition.get("name")) for definition in definitions)
            self._known[list_id] = _List(columns, notes, names)
        return self._known[list_id]

    async def _wanted(self, made: _List, stored: Mapping[str, Any]) -> _Wanted:
        fields = stored.get("fields")
        fields = fields if isinstance(fields, Mapping) else {}
        values = own_values(fields, made.columns)
        values, lost = await self._lookups.resolved(values, stored.get("lookups"), made.columns)
        missing = [
            name
            for name, value in fields.items()
            if value not in (None, "", []) and not {name, name.removesuffix("LookupId")} & {*made.known_names, *_SHOWN}
        ]
        refused = sorted({made.columns[name].facet or "location" for name in values if _is_refused(made, name)})
        notes = []
        if missing:
            notes.append(f"{len(missing)} of its columns are not in the list and cannot be made.")
        if refused:
            notes.append(f"Graph does not write values of these kinds: {', '.join(refused)}.")
        if lost:
            notes.append(f"{lost} of its lookups point to rows that are not there.")
        is_whole = not notes
        if fields.get("Attachments") is True:
            notes.append(_ATTACHMENTS)
        return _Wanted(values, " ".join(notes), is_whole)

    async def _row(self, made: _List, list_id: str, number: str) -> dict[str, Any] | None:
        """The values of a row, or None when it is gone."""
        row = self._site.lists.by_list_id(list_id).items.by_list_item_id(number)
        request = with_query(row.to_get_request_information(), expand="fields")
        try:
            value = await self._client.get_json(request, Asked("read a row of a list", READ))
        except SourceNotFoundError:
            return None
        return own_values(_fields(value), made.columns)

    async def _equal(
        self, made: _List, list_id: str, item: RestoreItem, values: Mapping[str, Any], *, is_remade: bool
    ) -> str:
        """A row with these values that is nobody else's. In a list that was made anew also one that holds nothing but
        one of them: it was made for a lookup. "" when there is none."""
        rows = await self._rows(made, list_id)
        candidates = list(rows.get(_key(values), ()))
        if is_remade:
            candidates += [
                number
                for number, held in made.values.items()
                if len(held) == 1 and held != values and all(values.get(name) == held[name] for name in held)
            ]
        for number in candidates:
            if (list_id, number) in self._given or await item.belongs_to_other(row_id(list_id, number)):
                continue
            return number
        return ""

    async def _rows(self, made: _List, list_id: str) -> dict[str, list[str]]:
        if made.rows is None:
            items = self._site.lists.by_list_id(list_id).items.to_get_request_information()
            request = with_query(items, expand="fields", top=_ROWS_A_PAGE)
            found: dict[str, list[str]] = {}
            async with aclosing(self._client.get_pages(request, Asked("list rows", READ))) as pages:
                async for page in pages:
                    for value in values_of(page):
                        number, held = text_of(value.get("id")), own_values(_fields(value), made.columns)
                        found.setdefault(_key(held), []).append(number)
                        made.values[number] = held
            made.rows = found
        return made.rows

    async def _create(self, made: _List, list_id: str, values: Mapping[str, Any]) -> str:
        body = without_empty(to_fields(values, made.columns, made.note_columns))
        info = self._client.request("POST", "/sites/{site}/lists/{list}/items", site=self._site_id, list=list_id)
        asked = Asked("make a row of a list", WRITE)
        try:
            answer = await self._client.send_json(info, {"fields": body}, asked)
        except SourceError as error:
            if error.context.get("status") != 400:
                raise
            # One value that is refused must not cost the others: the row is made bare and filled piece by piece.
            info = self._client.request("POST", "/sites/{site}/lists/{list}/items", site=self._site_id, list=list_id)
            answer = await self._client.send_json(info, {"fields": {}}, asked)
            await self._piecemeal(list_id, text_of(answer.get("id")), body)
        number = text_of(answer.get("id"))
        if not number:
            raise SourceError("A row was made and answers without an id.", list_id=list_id)
        self._remember(made, list_id, number, dict(values))
        return number

    async def _change(self, made: _List, list_id: str, number: str, values: Mapping[str, Any]) -> None:
        body = to_fields(values, made.columns, made.note_columns)
        try:
            await self._patch(list_id, number, body)
        except SourceError as error:
            if error.context.get("status") != 400:
                raise
            await self._piecemeal(list_id, number, body)
        self._remember(made, list_id, number, dict(values))

    async def _piecemeal(self, list_id: str, number: str, body: Mapping[str, Any]) -> None:
        """Each value on its own; what is refused shows when the row is read again."""
        for name, value in body.items():
            if name.endswith("@odata.type"):
                continue
            annotation = f"{name}@odata.type"
            part = {name: value, **({annotation: body[annotation]} if annotation in body else {})}
            try:
                await self._patch(list_id, number, part)
            except SourceError as error:
                if error.context.get("status") != 400:
                    raise

    async def _patch(self, list_id: str, number: str, body: Mapping[str, Any]) -> None:
        info = self._client.request(
            "PATCH",
            "/sites/{site}/lists/{list}/items/{item}/fields",
            site=self._site_id,
            list=list_id,
            item=number,
        )
        await self._client.send_json(info, dict(body), Asked("change a row of a list", WRITE))

    def _remember(self, made: _List, list_id: str, number: str, values: dict[str, Any]) -> None:
        self._lookups.remember(list_id, number, values)
        if made.rows is not None:
            old = made.values.get(number)
            if old is not None and number in made.rows.get(_key(old), ()):
                made.rows[_key(old)].remove(number)
            made.rows.setdefault(_key(values), []).append(number)
            made.values[number] = values

    async def _compared(
        self, made: _List, list_id: str, item: RestoreItem, number: str, wanted: _Wanted, note: str = ""
    ) -> Written:
        seen = await self._row(made, list_id, number)
        if seen is None:
            error = "It was written and is not there any more."
            return Written(item.id, WriteState.DIFFERS, row_id(list_id, number), error=error)
        self._remember(made, list_id, number, seen)
        return self._judged(item, list_id, number, wanted, seen, WriteState.RESTORED, note)

    def _judged(
        self,
        item: RestoreItem,
        list_id: str,
        number: str,
        wanted: _Wanted,
        seen: Mapping[str, Any],
        state: WriteState,
        note: str = "",
    ) -> Written:
        notes = " ".join(each for each in (note, wanted.note) if each)
        if seen != wanted.values or not wanted.is_whole:
            notes = notes or "It was written, and its values differ from the stored ones."
            return Written(item.id, WriteState.DIFFERS, row_id(list_id, number), error=notes)
        size_bytes = sum(stored.size_bytes for stored in item.version.representations)
        written_bytes = size_bytes if state is WriteState.RESTORED else 0
        return Written(item.id, state, row_id(list_id, number), written_bytes, notes)


# What Graph shows of every row beside its columns.
_SHOWN = frozenset(
    {
        "id",
        "ContentType",
        "Modified",
        "Created",
        "Author",
        "Editor",
        "_UIVersionString",
        "Attachments",
        "Edit",
        "LinkTitle",
        "LinkTitleNoMenu",
        "ItemChildCount",
        "FolderChildCount",
        "_ComplianceFlags",
        "_ComplianceTag",
        "_ComplianceTagWrittenTime",
        "_ComplianceTagUserId",
        "AppAuthor",
        "AppEditor",
        "DocIcon",
        "_IsRecord",
        "ComplianceAssetId",
        "FileLeafRef",
    }
)


def _is_refused(made: _List, name: str) -> bool:
    column = made.columns[name]
    return column.facet in NEVER_WRITTEN or (column.facet == "term" and not made.note_columns.get(name))


def _key(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)


def _fields(value: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = value.get("fields")
    return fields if isinstance(fields, Mapping) else {}
