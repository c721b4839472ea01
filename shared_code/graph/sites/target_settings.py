"""A site's own settings: what of them can be written.

Graph v1.0 can add columns to a site and cannot change its name, description or address (the reference has no update
of a site, checked 2026-11): those are compared, and a difference is told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from shared_code.errors import BackupError, SourceError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of
from shared_code.graph.sites.columns import peoples_columns
from shared_code.graph.sites.definitions import DEFINITION, SiteDefinitions
from shared_code.graph.sites.target_lists import MANAGE
from shared_code.graph.target_outcomes import failed, is_items_own, read_form
from shared_code.model.item import Form
from shared_code.model.resource import Resource
from shared_code.model.write_back import RestoreItem, WriteState, Written

_NAMES_DIFFER = "The site's name or description is another one now; Graph cannot write those."
_COLUMNS_DIFFER = "Columns of the site could not be made."
_NOT_HERE = "Settings are restored to the site itself alone."
_DEFINED = ("description", "columnGroup", "enforceUniqueValues", "indexed", "required", "defaultValue", "validation")


class SiteTargetSettings:
    """The settings of one site."""

    def __init__(self, client: GraphClient, resource: Resource, site_id: str) -> None:
        self._client = client
        self._resource = resource
        self._site_id = site_id

    async def write(self, item: RestoreItem) -> Written:
        """Add the columns that are missing, and tell what differs after that."""
        if not item.to_original:
            return Written(item.id, WriteState.OCCUPIED, error=_NOT_HERE)
        try:
            stored = json.loads(await read_form(item, Form.NATIVE))
            present = await self._present()
            missing = _missing(stored, present)
            for column in missing:
                await self._add_column(column)
            if missing:
                present = await self._present()
        except BackupError as error:
            return failed(item, error)
        if _missing(stored, present):
            return Written(item.id, WriteState.DIFFERS, item.id, error=_COLUMNS_DIFFER)
        if _names(stored) != _names(present):
            return Written(item.id, WriteState.DIFFERS, item.id, error=_NAMES_DIFFER)
        state = WriteState.RESTORED if missing or item.tried_before else WriteState.EXISTING
        return Written(item.id, state, item.id)

    async def _present(self) -> Mapping[str, Any]:
        change = await SiteDefinitions(self._client, self._resource).settings()
        found: Mapping[str, Any] = json.loads(change.transient[DEFINITION])
        return found

    async def _add_column(self, definition: Mapping[str, Any]) -> None:
        """What is refused shows when the site is read again."""
        [column] = peoples_columns([definition]).values()
        facet = definition.get(column.facet) if column.facet else None
        if not isinstance(facet, Mapping):
            return
        body = {name: definition[name] for name in _DEFINED if definition.get(name) not in (None, "")}
        body |= {"name": column.name, "displayName": text_of(definition.get("displayName")) or column.name}
        info = self._client.request("POST", "/sites/{site}/columns", site=self._site_id)
        try:
            await self._client.send_json(
                info, {**body, column.facet: dict(facet)}, Asked("make a column of a site", MANAGE)
            )
        except SourceError as error:
            if not is_items_own(error):
                raise


def _columns(settings: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found = settings.get("columns")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _missing(stored: Mapping[str, Any], present: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    there = {text_of(column.get("name")) for column in _columns(present)}
    return [column.definition for name, column in peoples_columns(_columns(stored)).items() if name not in there]


def _names(settings: Mapping[str, Any]) -> tuple[str, str]:
    site = settings.get("site")
    if not isinstance(site, Mapping):
        return "", ""
    return text_of(site.get("displayName")), text_of(site.get("description"))
