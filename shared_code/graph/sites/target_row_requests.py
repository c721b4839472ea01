"""Requests about the rows of one list that is restored into: reading them by twenties, making and changing them.

One value that Graph refuses must not cost the others: then a row is written value by value, and what was refused shows
when it is read again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from shared_code.errors import SourceError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.sites.columns import CONTENT_TYPE, own_values, to_fields, without_empty
from shared_code.graph.sites.target_lists import READ
from shared_code.graph.sites.target_row_values import TargetColumns

WRITE = "Sites.ReadWrite.All"
_ROWS_A_PAGE = 500
_REFUSED = 400
_READ_ROWS = Asked("read rows of a list", READ)


class RowRequests:
    """The rows of one list."""

    def __init__(self, client: GraphClient, site_id: str, list_id: str, target: TargetColumns) -> None:
        self._client = client
        self._site_id = site_id
        self._list_id = list_id
        self._target = target
        self._items = client.graph.sites.by_site_id(site_id).lists.by_list_id(list_id).items

    async def read(self, numbers: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The values of those of these rows that are there. Raises SourceError."""
        infos = [
            with_query(self._items.by_list_item_id(number).to_get_request_information(), expand="fields")
            for number in numbers
        ]
        found: dict[str, dict[str, Any]] = {}
        answers = await self._client.batch(infos, _READ_ROWS) if infos else []
        for number, answer in zip(numbers, answers, strict=True):
            if answer.is_success:
                found[number] = own_values(fields_of(answer.json_object()), self._target.columns)
            elif answer.status not in (400, 404):
                raise answer.error(_READ_ROWS)
        return found

    async def all(self) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """Every row with its values. Raises SourceError."""
        request = with_query(self._items.to_get_request_information(), expand="fields", top=_ROWS_A_PAGE)
        async with aclosing(self._client.get_pages(request, _READ_ROWS)) as pages:
            async for page in pages:
                for value in values_of(page):
                    yield text_of(value.get("id")), own_values(fields_of(value), self._target.columns)

    async def create(self, values: Mapping[str, Any]) -> str:
        """Make a row with these values; its number. Raises SourceError with status 400 when one of them is refused."""
        return await self._post(without_empty(self._body(values)), self._target.type_id(values.get(CONTENT_TYPE)))

    async def create_bare(self) -> str:
        """Make a row without values."""
        return await self._post({}, "")

    async def change(self, number: str, values: Mapping[str, Any]) -> None:
        """Give a row these values, and no others. Raises SourceError, but not for a value that is refused."""
        body = self._body(values)
        if type_id := self._target.types.get(values.get(CONTENT_TYPE, "")):
            await self._set_type(number, type_id)
        try:
            await self._patch(number, body)
        except SourceError as error:
            if error.context.get("status") != _REFUSED:
                raise
            await self._piecemeal(number, body)

    def _body(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return to_fields(values, self._target.columns, self._target.note_columns)

    async def _set_type(self, number: str, type_id: str) -> None:
        path = "/sites/{site}/lists/{list}/items/{item}"
        info = self._client.request("PATCH", path, site=self._site_id, list=self._list_id, item=number)
        try:
            await self._client.send_json(
                info, {"contentType": {"id": type_id}}, Asked("change a row's content type", WRITE)
            )
        except SourceError as error:
            if error.context.get("status") != _REFUSED:
                raise

    async def _post(self, fields: Mapping[str, Any], type_id: str) -> str:
        info = self._client.request("POST", "/sites/{site}/lists/{list}/items", site=self._site_id, list=self._list_id)
        body: dict[str, Any] = {"fields": dict(fields)}
        if type_id:
            body["contentType"] = {"id": type_id}
        answer = await self._client.send_json(info, body, Asked("make a row of a list", WRITE))
        number = text_of(answer.get("id"))
        if not number:
            raise SourceError("A row was made and answers without an id.", list_id=self._list_id)
        return number

    async def _piecemeal(self, number: str, body: Mapping[str, Any]) -> None:
        for name, value in body.items():
            if name.endswith("@odata.type"):
                continue
            annotation = f"{name}@odata.type"
            part = {name: value, **({annotation: body[annotation]} if annotation in body else {})}
            try:
                await self._patch(number, part)
            except SourceError as error:
                if error.context.get("status") != _REFUSED:
                    raise

    async def _patch(self, number: str, body: Mapping[str, Any]) -> None:
        path = "/sites/{site}/lists/{list}/items/{item}/fields"
        info = self._client.request("PATCH", path, site=self._site_id, list=self._list_id, item=number)
        await self._client.send_json(info, dict(body), Asked("change a row of a list", WRITE))


def fields_of(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of a row as Graph shows them."""
    fields = value.get("fields")
    return fields if isinstance(fields, Mapping) else {}
