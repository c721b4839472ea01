"""Lookups at the target: rows that were restored have other numbers, so the row is found by the text that it shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.sites.columns import Column
from shared_code.graph.sites.lookups import LIST, TEXTS
from shared_code.graph.sites.target_lists import READ, SiteTargetLists

_ROWS_A_PAGE = 500


class SiteTargetLookups:
    """Finds the rows that lookups point to, for the length of a slice."""

    def __init__(
        self,
        client: GraphClient,
        site_id: str,
        lists: SiteTargetLists,
        make_row: Callable[[str, str, str], Awaitable[str]],
    ) -> None:
        self._client = client
        self._site = client.graph.sites.by_site_id(site_id)
        self._lists = lists
        self._make_row = make_row
        self._shown: dict[tuple[str, str], dict[str, str]] = {}

    async def resolved(
        self, values: Mapping[str, Any], texts: object, columns: Mapping[str, Column]
    ) -> tuple[dict[str, Any], int]:
        """The values with the numbers that the looked-up rows have here, and how many rows were not found. A row that
        shows the stored text under its stored number is it; else the only one that shows the text. Where the list was
        made anew and no row shows it yet, one is made, which becomes the stored one when its turn comes. Raises
        SourceError."""
        found, lost = dict(values), 0
        for name, column in columns.items():
            known = texts.get(name) if isinstance(texts, Mapping) else None
            if column.facet != "lookup" or name not in values or not isinstance(known, Mapping):
                continue
            shown, is_remade = known.get(TEXTS), text_of(known.get(LIST)).lower() != column.looked_up_list
            numbers = []
            for number in values[name]:
                text = text_of(shown.get(number)) if isinstance(shown, Mapping) else ""
                here = await self._row_of(column, number, text, is_remade=is_remade)
                if here:
                    numbers.append(here)
                else:
                    lost += 1
            found[name] = numbers
            if not numbers:
                del found[name]
        return found, lost

    def remember(self, list_id: str, number: str, values: Mapping[str, Any]) -> None:
        """A row has been written: lookups may point to it from now on."""
        for (known_list, column), rows in self._shown.items():
            if known_list == list_id.lower():
                rows[number] = text_of(values.get(column))

    async def _row_of(self, column: Column, number: str, text: str, *, is_remade: bool) -> str:
        target = await self._lists.by_id(column.looked_up_list)
        if target is None:
            return ""
        rows = await self._rows_of(column)
        if not text:
            return number if number in rows and not is_remade else ""
        if rows.get(number) == text:
            return number
        same = [other for other, shown in rows.items() if shown == text]
        if len(same) == 1:
            return same[0]
        if same or not is_remade:
            return ""
        made = await self._make_row(target.id, column.looked_up_column, text)
        rows[made] = text
        return made

    async def _rows_of(self, column: Column) -> dict[str, str]:
        """What each row of the looked-up list shows, by its number."""
        key = column.looked_up_list, column.looked_up_column
        if key not in self._shown:
            items = self._site.lists.by_list_id(key[0]).items.to_get_request_information()
            request = with_query(items, expand=f"fields($select={key[1]})", top=_ROWS_A_PAGE)
            found: dict[str, str] = {}
            async with aclosing(self._client.get_pages(request, Asked("list rows", READ))) as pages:
                async for page in pages:
                    for value in values_of(page):
                        fields = value.get("fields")
                        found[text_of(value.get("id"))] = (
                            text_of(fields.get(key[1])) if isinstance(fields, Mapping) else ""
                        )
            self._shown[key] = found
        return self._shown[key]
