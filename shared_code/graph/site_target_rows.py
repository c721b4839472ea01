"""Rows of lists go back with the values of their columns.

A row's place is its number in its own list. What is there decides: an equal row (left alone), another one (left alone,
restored beside it, or made what it was), or nothing: then a row with the same values that is nobody else's is it, else
a new one is made, which gets a new number. Everything written is read again and compared. Sources: graph-docs
listitem-create, listitem-update (v1.0, checked 2026-11). Author and dates of a row are set by SharePoint alone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from shared_code.errors import BackupError, SourceError, SourceNotFoundError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.site_columns import own_values, to_fields, without_empty
from shared_code.graph.site_names import list_id_of, row_id, row_number
from shared_code.graph.site_target_lists import READ, SiteTargetLists
from shared_code.graph.site_target_lookups import SiteTargetLookups
from shared_code.graph.site_target_row_index import RowIndex
from shared_code.graph.site_target_row_values import TargetColumns, WantedRow, wanted_row
from shared_code.graph.target_outcomes import failed, read_form
from shared_code.model.item import Form
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import RestoreItem, WriteState, Written

WRITE = "Sites.ReadWrite.All"
_OCCUPIED = "The row was changed since; choose keep_both or replace to have the stored one."
_BESIDE = "The row was changed since; the stored one came back beside it."
_ROWS_A_PAGE = 500


@dataclass(slots=True)
class _List:
    """What is known of a list at the target. ``index`` is None while nobody asked for its rows."""

    id: str
    target: TargetColumns
    index: RowIndex | None = None


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
        return await self._create(await self._list(list_id), {column: text})

    async def _write_one(self, list_id: str, item: RestoreItem) -> Written:
        made = await self._list(list_id)
        wanted = await wanted_row(json.loads(await read_form(item, Form.NATIVE)), made.target, self._lookups)
        is_own = list_id_of(item.id) == list_id
        present = await self._row(made, row_number(item.id)) if is_own else None
        if present is not None:
            return await self._over(made, item, wanted, present)
        index = await self._index(made)
        if found := await self._nobodys(made, item, index.equal(wanted.values)):
            state = WriteState.RESTORED if item.tried_before else WriteState.EXISTING
            return _judged(item, row_id(list_id, found), wanted, wanted.values, state)
        begun = "" if is_own else await self._nobodys(made, item, index.begun(wanted.values))
        if begun:
            await self._change(made, begun, wanted.values)
        return await self._compared(made, item, begun or await self._create(made, wanted.values), wanted)

    async def _over(self, made: _List, item: RestoreItem, wanted: WantedRow, present: dict[str, Any]) -> Written:
        number = row_number(item.id)
        if present == wanted.values:
            state = WriteState.RESTORED if item.tried_before else WriteState.EXISTING
            return _judged(item, row_id(made.id, number), wanted, present, state)
        if item.conflict is ConflictRule.SKIP:
            return Written(item.id, WriteState.OCCUPIED, row_id(made.id, number), error=_OCCUPIED)
        if item.conflict is ConflictRule.REPLACE:
            await self._change(made, number, wanted.values)
            return await self._compared(made, item, number, wanted)
        equal = (await self._index(made)).equal(wanted.values)
        beside = await self._nobodys(made, item, equal) or await self._create(made, wanted.values)
        return await self._compared(made, item, beside, wanted, _BESIDE)

    async def _list(self, list_id: str) -> _List:
        if list_id not in self._known:
            self._known[list_id] = _List(list_id, TargetColumns.of(await self._lists.definitions(list_id)))
        return self._known[list_id]

    async def _row(self, made: _List, number: str) -> dict[str, Any] | None:
        """The values of a row, or None when it is gone."""
        row = self._site.lists.by_list_id(made.id).items.by_list_item_id(number)
        request = with_query(row.to_get_request_information(), expand="fields")
        try:
            value = await self._client.get_json(request, Asked("read a row of a list", READ))
        except SourceNotFoundError:
            return None
        return own_values(_fields(value), made.target.columns)

    async def _nobodys(self, made: _List, item: RestoreItem, candidates: Iterable[str]) -> str:
        """The first of these rows that is nobody else's; "" when there is none."""
        for number in candidates:
            if (made.id, number) in self._given or await item.belongs_to_other(row_id(made.id, number)):
                continue
            return number
        return ""

    async def _index(self, made: _List) -> RowIndex:
        if made.index is None:
            items = self._site.lists.by_list_id(made.id).items.to_get_request_information()
            request = with_query(items, expand="fields", top=_ROWS_A_PAGE)
            index = RowIndex()
            async with aclosing(self._client.get_pages(request, Asked("list rows", READ))) as pages:
                async for page in pages:
                    for value in values_of(page):
                        index.put(text_of(value.get("id")), own_values(_fields(value), made.target.columns))
            made.index = index
        return made.index

    async def _create(self, made: _List, values: Mapping[str, Any]) -> str:
        body = without_empty(to_fields(values, made.target.columns, made.target.note_columns))
        info = self._client.request("POST", "/sites/{site}/lists/{list}/items", site=self._site_id, list=made.id)
        asked = Asked("make a row of a list", WRITE)
        try:
            answer = await self._client.send_json(info, {"fields": body}, asked)
        except SourceError as error:
            if error.context.get("status") != 400:
                raise
            # One value that is refused must not cost the others: the row is made bare and filled piece by piece.
            info = self._client.request("POST", "/sites/{site}/lists/{list}/items", site=self._site_id, list=made.id)
            answer = await self._client.send_json(info, {"fields": {}}, asked)
            await self._piecemeal(made.id, text_of(answer.get("id")), body)
        number = text_of(answer.get("id"))
        if not number:
            raise SourceError("A row was made and answers without an id.", list_id=made.id)
        self._remember(made, number, dict(values))
        return number

    async def _change(self, made: _List, number: str, values: Mapping[str, Any]) -> None:
        body = to_fields(values, made.target.columns, made.target.note_columns)
        try:
            await self._patch(made.id, number, body)
        except SourceError as error:
            if error.context.get("status") != 400:
                raise
            await self._piecemeal(made.id, number, body)
        self._remember(made, number, dict(values))

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

    def _remember(self, made: _List, number: str, values: dict[str, Any]) -> None:
        self._lookups.remember(made.id, number, values)
        if made.index is not None:
            made.index.put(number, values)

    async def _compared(
        self, made: _List, item: RestoreItem, number: str, wanted: WantedRow, note: str = ""
    ) -> Written:
        target_id = row_id(made.id, number)
        seen = await self._row(made, number)
        if seen is None:
            return Written(item.id, WriteState.DIFFERS, target_id, error="It was written and is not there any more.")
        self._remember(made, number, seen)
        return _judged(item, target_id, wanted, seen, WriteState.RESTORED, note)


def _judged(
    item: RestoreItem,
    target_id: str,
    wanted: WantedRow,
    seen: Mapping[str, Any],
    state: WriteState,
    note: str = "",
) -> Written:
    notes = " ".join(each for each in (note, wanted.note) if each)
    if seen != wanted.values or not wanted.is_whole:
        notes = notes or "It was written, and its values differ from the stored ones."
        return Written(item.id, WriteState.DIFFERS, target_id, error=notes)
    size_bytes = sum(stored.size_bytes for stored in item.version.representations)
    return Written(item.id, state, target_id, size_bytes if state is WriteState.RESTORED else 0, notes)


def _fields(value: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = value.get("fields")
    return fields if isinstance(fields, Mapping) else {}
