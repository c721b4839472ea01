"""Finding and making the lists and libraries of a site that is restored into, with their columns.

Sources: graph-docs list-create, list-post-columns (v1.0, checked 2026-11). Views, content types, and columns of managed
metadata and location cannot be made by these calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from shared_code.errors import SourceError, SourceNotFoundError, TargetConflictError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.target_names import escaped
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.sites.columns import COLUMN_SELECT, Column, peoples_columns
from shared_code.graph.target_outcomes import is_items_own

MANAGE = "Sites.Manage.All"
READ = "Sites.Read.All"
_GENERIC = "genericList"
_LIBRARY = "documentLibrary"
_MOST_NAMES = 20
_DEFINED = ("description", "columnGroup", "enforceUniqueValues", "indexed", "required", "defaultValue", "validation")


@dataclass(frozen=True, slots=True)
class SeenList:
    """A list as it was read at the target."""

    id: str
    title: str
    template: str

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> SeenList:
        """From Graph's JSON."""
        info = value.get("list")
        template = text_of(info.get("template")) if isinstance(info, Mapping) else ""
        return cls(text_of(value.get("id")), text_of(value.get("displayName")) or text_of(value.get("name")), template)


class SiteTargetLists:
    """The lists of one site. Making one is safe to replay: it is found by its title."""

    def __init__(self, client: GraphClient, site_id: str) -> None:
        self._client = client
        self._site_id = site_id
        self._site = client.graph.sites.by_site_id(site_id)
        self._lists: dict[str, SeenList] | None = None
        self._definitions: dict[str, list[dict[str, Any]]] = {}
        self._types: dict[str, list[dict[str, Any]]] = {}

    async def by_id(self, list_id: str) -> SeenList | None:
        """A list, or None when it is gone. Raises SourceError."""
        return (await self._all()).get(list_id.lower())

    async def named(self, title: str, template: str, description: str = "") -> SeenList:
        """The list of that title and template, made when missing; where another one has the title, under the next best.
        A template that Graph does not make becomes a plain list, and a title that it does not take an escaped one.
        Raises TargetConflictError when none can be made."""
        plain = _LIBRARY if template == _LIBRARY else _GENERIC
        reason = "Too many lists have the titles that it could have."
        for kind, titles in ((template, _titles(title)), (plain, _titles(title)), (plain, iter([escaped(title)]))):
            for candidate in titles:
                found: SeenList | None
                try:
                    found = await self._titled(candidate) or await self._create(candidate, kind, description)
                except SourceError as error:
                    if error.context.get("status") == 400:
                        reason = error.message
                        break
                    if error.context.get("status") != 409:  # made by somebody else meanwhile, or by a lost request
                        if is_items_own(error):
                            raise TargetConflictError(f"The list cannot be made there. {error.message}") from error
                        raise
                    self._lists = None
                    found = await self._titled(candidate)
                if found is not None and found.template == kind:
                    return found
        raise TargetConflictError(f"The list cannot be made there. {reason}")

    async def drive_id(self, list_id: str) -> str:
        """The drive of a library. Raises SourceError."""
        info = self._site.lists.by_list_id(list_id).drive.to_get_request_information()
        value = await self._client.get_json(with_query(info, select=["id"]), Asked("read a library's drive", READ))
        drive_id = text_of(value.get("id"))
        if not drive_id:
            raise SourceError("A library answers without a drive.", list_id=list_id)
        return drive_id

    async def definitions(self, list_id: str) -> list[dict[str, Any]]:
        """The definitions of a list's columns, hidden ones too. Raises SourceError."""
        if list_id not in self._definitions:
            info = self._site.lists.by_list_id(list_id).columns.to_get_request_information()
            request = with_query(info, select=COLUMN_SELECT, top=200)
            self._definitions[list_id] = await self._all_of(request, "read columns of a list")
        return self._definitions[list_id]

    async def add_columns(self, list_id: str, stored: Sequence[Mapping[str, Any]]) -> None:
        """Make the columns that people had and the list has not. One that is there stays as it is, and what Graph
        refuses to make shows by the values that have no place. Raises SourceError."""
        there = {text_of(definition.get("name")) for definition in await self.definitions(list_id)}
        for name, column in peoples_columns(stored).items():
            if name in there or not column.facet:
                continue
            body = await self._column_body(column)
            info = self._client.request("POST", "/sites/{site}/lists/{list}/columns", site=self._site_id, list=list_id)
            try:
                await self._client.send_json(info, body, Asked("make a column", MANAGE))
            except SourceError as error:
                if not is_items_own(error):
                    raise
            self._definitions.pop(list_id, None)

    async def content_types(self, list_id: str) -> list[dict[str, Any]]:
        """The content types of a list, the default one first. Raises SourceError."""
        if list_id not in self._types:
            types = self._site.lists.by_list_id(list_id).content_types.to_get_request_information()
            self._types[list_id] = await self._all_of(types, "read content types of a list")
        return self._types[list_id]

    async def add_content_types(self, list_id: str, stored: Sequence[Mapping[str, Any]]) -> None:
        """Copy into the list those content types of the site that it had and has not ("contentType: addCopy", v1.0,
        checked 2026-11). What the site has not any more shows by the rows of that type. Raises SourceError."""
        there = {text_of(each.get("name")) for each in await self.content_types(list_id)}
        missing = {text_of(each.get("name")) for each in stored if each.get("hidden") is not True} - there
        if not missing:
            return
        types = self._site.content_types.to_get_request_information()
        for each in await self._all_of(types, "read content types of a site"):
            if text_of(each.get("name")) not in missing:
                continue
            path = "/sites/{site}/lists/{list}/contentTypes/addCopy"
            info = self._client.request("POST", path, site=self._site_id, list=list_id)
            own = f"{self._client.base_url}/sites/{self._site_id}/contentTypes/{text_of(each.get('id'))}"
            try:
                await self._client.send_json(info, {"contentType": own}, Asked("add a content type to a list", MANAGE))
            except SourceError as error:
                if not is_items_own(error):
                    raise
        self._types.pop(list_id, None)
        self._definitions.pop(list_id, None)

    async def _all_of(self, info: Any, operation: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        async with aclosing(self._client.get_pages(info, Asked(operation, READ))) as listing:
            async for page in listing:
                found += values_of(page)
        return found

    async def pointed_to(self, list_id: str, title: str) -> SeenList | None:
        """The list that a lookup points to: itself while it lives, else the one of its title, made when missing."""
        found = await self.by_id(list_id) if list_id else None
        if found is None and title:
            found = await self.named(title, _GENERIC)
        return found

    async def _column_body(self, column: Column) -> dict[str, Any]:
        definition = column.definition
        facet = dict(definition[column.facet]) if isinstance(definition.get(column.facet), Mapping) else {}
        if column.facet == "lookup":
            title = text_of(facet.pop("listTitle", ""))
            target = await self.pointed_to(column.looked_up_list, title)
            facet["listId"] = target.id if target else column.looked_up_list
        body = {name: definition[name] for name in _DEFINED if definition.get(name) not in (None, "")}
        facet = {name: value for name, value in facet.items() if value is not None}
        return {
            "name": column.name,
            "displayName": text_of(definition.get("displayName")) or column.name,
            **body,
            column.facet: facet,
        }

    async def _all(self) -> dict[str, SeenList]:
        if self._lists is None:
            info = self._site.lists.to_get_request_information()
            request = with_query(info, select=["id", "name", "displayName", "list"], top=200)
            found: dict[str, SeenList] = {}
            async with aclosing(self._client.get_pages(request, Asked("list lists", READ))) as listing:
                async for page in listing:
                    found |= {seen.id.lower(): seen for seen in map(SeenList.of, values_of(page))}
            self._lists = found
        return self._lists

    async def _titled(self, title: str) -> SeenList | None:
        wanted = title.casefold()
        return next((seen for seen in (await self._all()).values() if seen.title.casefold() == wanted), None)

    async def _create(self, title: str, template: str, description: str) -> SeenList:
        info = self._client.request("POST", "/sites/{site}/lists", site=self._site_id)
        body: dict[str, Any] = {"displayName": title, "list": {"template": template or _GENERIC}}
        if description:
            body["description"] = description
        value = await self._client.send_json(info, body, Asked("make a list", MANAGE))
        made = SeenList(text_of(value.get("id")), title, template)
        if not made.id:
            raise SourceNotFoundError("A list was made and answers without an id.")
        self._lists = None
        return made


def _titles(title: str) -> Iterator[str]:
    yield title
    for number in range(1, _MOST_NAMES):
        yield f"{title} (restored{'' if number == 1 else f' {number}'})"
