"""What lookups show: a row that is restored gets another number, so the text is stored beside the number.

Source: fieldValueSet (learn.microsoft.com/graph/api/resources, checked 2026-11): a lookup is shown as the number of the
row that it points to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, with_query
from shared_code.graph.sites.columns import Column, own_values, peoples_columns
from shared_code.graph.sites.definitions import PERMISSION, SiteDefinitions, raise_if_out_of_reach
from shared_code.graph.sites.names import site_id_of
from shared_code.model.resource import Resource

LOOKUPS = "lookups"
_MOST_REMEMBERED = 50_000
LIST, TEXTS = "list", "texts"
Texts = dict[str, dict[str, Any]]
"""By column: the list that it points to, and for each number that it holds the text that it shows."""


class LookupTexts:
    """Reads the rows that lookups of one site point to, each once a slice."""

    def __init__(self, client: GraphClient, resource: Resource, definitions: SiteDefinitions) -> None:
        self._client = client
        self._site = client.graph.sites.by_site_id(site_id_of(resource))
        self._definitions = definitions
        self._known: dict[tuple[str, str, str], str] = {}

    async def of(self, list_id: str, rows: Iterable[Mapping[str, Any]]) -> list[Texts]:
        """The texts of each row's lookups. A lookup that points to nothing has none. Raises SourceError."""
        waiting = list(rows)
        columns = {
            name: column
            for name, column in peoples_columns(await self._definitions.columns(list_id)).items()
            if column.facet == "lookup" and column.looked_up_list
        }
        if not columns:
            return [{} for _ in waiting]
        held = [own_values(_fields(row), columns) for row in waiting]
        wanted = {
            (columns[name].looked_up_list, columns[name].looked_up_column, number)
            for values in held
            for name, numbers in values.items()
            for number in numbers
        }
        await self._read(sorted(wanted - self._known.keys()))
        return [
            {
                name: {LIST: columns[name].looked_up_list, TEXTS: self._texts(columns[name], numbers)}
                for name, numbers in values.items()
            }
            for values in held
        ]

    def _texts(self, column: Column, numbers: Iterable[str]) -> dict[str, str]:
        found = {
            number: self._known.get((column.looked_up_list, column.looked_up_column, number), "") for number in numbers
        }
        return {number: text for number, text in found.items() if text}

    async def _read(self, wanted: list[tuple[str, str, str]]) -> None:
        if len(self._known) > _MOST_REMEMBERED:
            self._known.clear()
        asked = Asked("read the rows that lookups point to", PERMISSION)
        infos = [
            with_query(
                self._site.lists.by_list_id(list_id).items.by_list_item_id(number).to_get_request_information(),
                expand=f"fields($select={column})",
            )
            for list_id, column, number in wanted
        ]
        for key, answer in zip(wanted, await self._client.batch(infos, asked) if infos else [], strict=True):
            if answer.is_success:
                self._known[key] = text_of(_fields(answer.json_object()).get(key[1]))
            else:
                raise_if_out_of_reach(answer, asked)
                self._known[key] = ""


def _fields(row: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = row.get("fields")
    return fields if isinstance(fields, Mapping) else {}
