"""Rows of lists go back with the values of their columns.

A row's place is its number in its own list. What is there decides: an equal row (left alone), another one (left alone,
restored beside it, or made what it was), or nothing: then a row with the same values that is nobody else's is it, else
a new one is made, which gets a new number. Everything written is read again and compared. Sources: graph-docs
listitem-create, listitem-update (v1.0, checked 2026-11). Author and dates of a row are set by SharePoint alone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared_code.errors import BackupError, SourceError
from shared_code.graph.client import GraphClient
from shared_code.graph.sites.names import list_id_of, row_id, row_number
from shared_code.graph.sites.target_lists import SiteTargetLists
from shared_code.graph.sites.target_lookups import SiteTargetLookups
from shared_code.graph.sites.target_row_index import RowIndex
from shared_code.graph.sites.target_row_requests import RowRequests
from shared_code.graph.sites.target_row_values import TargetColumns, WantedRow, refused_kinds, wanted_row
from shared_code.graph.target_outcomes import failed, read_form
from shared_code.model.item import Form
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import RestoreItem, WriteState, Written

_GROUP_ROWS = 20
_REFUSED = 400
_OCCUPIED = "The row was changed since; choose keep_both or replace to have the stored one."
_BESIDE = "The row was changed since; the stored one came back beside it."
_AWAY = "It was written and is not there any more."
_DIFFERS = "It was written, and its values differ from the stored ones."


@dataclass(slots=True)
class _List:
    """What is known of a list at the target. ``index`` is None while nobody asked for its rows; rows are told apart in
    it by the values that Graph can write."""

    id: str
    target: TargetColumns
    requests: RowRequests
    index: RowIndex | None = None


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where a row is. ``written`` by this restore, so it is to be read again; else ``values`` are what is there."""

    item: RestoreItem
    wanted: WantedRow
    number: str
    values: Mapping[str, Any]
    written: bool = True
    note: str = ""


class SiteTargetRows:
    """The rows of the lists of one site, for one slice. Remembers what it has given to whom."""

    def __init__(self, client: GraphClient, site_id: str, lists: SiteTargetLists) -> None:
        self._client = client
        self._site_id = site_id
        self._lists = lists
        self._lookups = SiteTargetLookups(client, site_id, lists, self.add_named)
        self._known: dict[str, _List] = {}
        self._given: set[tuple[str, str]] = set()

    async def write(self, list_id: str, items: Sequence[RestoreItem]) -> AsyncIterator[Written]:
        """Write rows one after the other, so that their new numbers keep the order of the old ones; they are read by
        twenties. What is known is told before an error that concerns all is raised."""
        made = await self._list(list_id)
        for start in range(0, len(items), _GROUP_ROWS):
            outcomes, error = await self._write_group(made, items[start : start + _GROUP_ROWS])
            for outcome in outcomes:
                yield outcome
            if error is not None:
                raise error

    async def add_named(self, list_id: str, column: str, text: str) -> str:
        """Make a row that shows ``text``, for lookups whose row is not restored yet; it becomes that row."""
        made = await self._list(list_id)
        number = await made.requests.create({column: text})
        self._remember(made, number, {column: text})
        return number

    async def _list(self, list_id: str) -> _List:
        if list_id not in self._known:
            types = await self._lists.content_types(list_id)
            target = TargetColumns.of(await self._lists.definitions(list_id), types)
            requests = RowRequests(self._client, self._site_id, list_id, target)
            self._known[list_id] = _List(list_id, target, requests)
        return self._known[list_id]

    async def _write_group(self, made: _List, group: Sequence[RestoreItem]) -> tuple[list[Written], BackupError | None]:
        own = [row_number(item.id) for item in group if list_id_of(item.id) == made.id]
        present = await made.requests.read(own)
        outcomes: list[Written] = []
        placed: list[_Placed] = []
        problem: BackupError | None = None
        for item in group:
            there = present.get(row_number(item.id)) if list_id_of(item.id) == made.id else None
            try:
                found = await self._placed(made, item, there)
            except BackupError as error:
                try:
                    outcomes.append(failed(item, error))
                except BackupError as concerns_all:
                    problem = concerns_all
                    break
                continue
            if isinstance(found, Written):
                outcomes.append(found)
            else:
                placed.append(found)
                self._given.add((made.id, found.number))
        return [*outcomes, *await self._compared(made, placed)], problem

    async def _placed(self, made: _List, item: RestoreItem, present: dict[str, Any] | None) -> _Placed | Written:
        """Find the place of one row and write it, unless it is there."""
        wanted = await wanted_row(json.loads(await read_form(item, Form.NATIVE)), made.target, self._lookups)
        number = row_number(item.id)
        if present is not None and present == wanted.values:
            return _Placed(item, wanted, number, present, written=False)
        if present is not None and item.conflict is ConflictRule.SKIP:
            return Written(item.id, WriteState.OCCUPIED, row_id(made.id, number), error=_OCCUPIED)
        if present is not None and item.conflict is ConflictRule.REPLACE:
            await made.requests.change(number, wanted.values)
            return _Placed(item, wanted, number, wanted.values)
        note = "" if present is None else _BESIDE
        index = await self._index(made)
        if found := await self._nobodys(made, item, index.equal(wanted.writable)):
            return _Placed(item, wanted, found, wanted.writable, written=False, note=note)
        is_remade = list_id_of(item.id) != made.id
        begun = await self._nobodys(made, item, index.begun(wanted.writable)) if is_remade else ""
        if begun:
            await made.requests.change(begun, wanted.writable)
        else:
            begun = await self._create(made, item, wanted.writable)
        self._remember(made, begun, wanted.writable)
        return _Placed(item, wanted, begun, wanted.writable, note=note)

    async def _create(self, made: _List, item: RestoreItem, values: Mapping[str, Any]) -> str:
        try:
            return await made.requests.create(values)
        except SourceError as error:
            if error.context.get("status") != _REFUSED:
                raise
        # One of the values is refused. Perhaps an earlier attempt came this far: then the row is there without it.
        partial = [
            number
            async for number, held in made.requests.all()
            if held and all(values.get(name) == value for name, value in held.items())
        ]
        number = await self._nobodys(made, item, partial) or await made.requests.create_bare()
        await made.requests.change(number, values)
        return number

    async def _nobodys(self, made: _List, item: RestoreItem, candidates: Iterable[str]) -> str:
        """The first of these rows that is nobody else's; "" when there is none."""
        for number in candidates:
            if (made.id, number) in self._given or await item.belongs_to_other(row_id(made.id, number)):
                continue
            return number
        return ""

    async def _index(self, made: _List) -> RowIndex:
        if made.index is None:
            index = RowIndex()
            async for number, values in made.requests.all():
                index.put(number, made.target.writable(values))
            made.index = index
        return made.index

    def _remember(self, made: _List, number: str, values: Mapping[str, Any]) -> None:
        self._lookups.remember(made.id, number, values)
        if made.index is not None:
            made.index.put(number, made.target.writable(values))

    async def _compared(self, made: _List, placed: Sequence[_Placed]) -> list[Written]:
        seen = await made.requests.read([entry.number for entry in placed if entry.written])
        outcomes = []
        for entry in placed:
            target_id = row_id(made.id, entry.number)
            values = seen.get(entry.number) if entry.written else entry.values
            if values is None:
                outcomes.append(Written(entry.item.id, WriteState.DIFFERS, target_id, error=_AWAY))
                continue
            if entry.written:
                self._remember(made, entry.number, values)
            outcomes.append(_judged(made, entry, target_id, values))
        return outcomes


def _judged(made: _List, entry: _Placed, target_id: str, values: Mapping[str, Any]) -> Written:
    item, wanted = entry.item, entry.wanted
    notes = [entry.note, wanted.loss, wanted.note]
    if values != wanted.values or wanted.loss:
        notes.insert(0, refused_kinds(wanted.values, made.target) or ("" if wanted.loss else _DIFFERS))
        return Written(item.id, WriteState.DIFFERS, target_id, error=" ".join(filter(None, notes)))
    is_ours = entry.written or item.tried_before
    size_bytes = sum(stored.size_bytes for stored in item.version.representations)
    state = WriteState.RESTORED if is_ours else WriteState.EXISTING
    return Written(item.id, state, target_id, size_bytes if is_ours else 0, " ".join(filter(None, notes)))
