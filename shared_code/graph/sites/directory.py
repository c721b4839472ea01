"""The sites of a tenant: all site collections, private and shared channels' sites among them, and their subsites.

Sources: graph-docs site-getallsites, site-list-subsites (v1.0, checked 2026-11). Personal sites are left out: they are
the OneDrives, which are covered as drives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from shared_code.errors import InvalidIdError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.whole_collections import all_values
from shared_code.model.census import Census, NotCoveredCause, Unseen
from shared_code.model.resource import Resource, ResourceKind, check_resource_id
from shared_code.model.run import NotCovered

_SELECT = ("id", "name", "displayName", "webUrl", "isPersonalSite", "siteCollection")
_LIST_SITES = Asked("list sites", "Sites.Read.All")
_LIST_SUBSITES = Asked("list subsites", "Sites.Read.All")


@dataclass(slots=True)
class _Found:
    resources: dict[str, Resource] = field(default_factory=dict)
    not_covered: list[NotCovered] = field(default_factory=list)
    unseen: list[Unseen] = field(default_factory=list)
    archived: list[str] = field(default_factory=list)


class SiteListing:
    """Lists the sites of one tenant."""

    kinds = (ResourceKind.SITE,)

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    async def census(self) -> Census:
        """Every site that is nobody's own, each once, and what cannot be covered and why. Raises AccessDeniedError
        naming the permission, ThrottledError, SourceUnavailableError: then no site may be taken for gone.
        """
        found = _Found()
        request = with_query(self._client.graph.sites.get_all_sites.to_get_request_information(), select=_SELECT)
        values = await self._all_of(request, _LIST_SITES)
        fresh = self._added(values, found)
        while fresh:
            fresh = self._added(await self._subsites(fresh, found), found)
        return Census(
            tuple(found.resources.values()),
            tuple(found.not_covered),
            tuple(found.unseen),
            present=tuple(found.archived),
        )

    def _added(self, values: Sequence[Mapping[str, Any]], found: _Found) -> list[str]:
        """Take over what is new; returns Graph's ids of it."""
        fresh: list[str] = []
        for value in values:
            if _is_personal(value):
                continue
            name = text_of(value.get("displayName")) or text_of(value.get("name")) or text_of(value.get("webUrl"))
            resource = _resource(value, name)
            if _is_archived(value):
                found.not_covered.append(NotCovered(f"site {name}", NotCoveredCause.ARCHIVED_SITE))
                found.archived += [resource.id] if resource else []
            elif resource is None:
                found.not_covered.append(NotCovered(f"site {name}", NotCoveredCause.ODD_ID))
            elif resource.id not in found.resources:
                found.resources[resource.id] = resource
                fresh.append(text_of(value.get("id")))
        return fresh

    async def _subsites(self, site_ids: Sequence[str], found: _Found) -> list[dict[str, Any]]:
        infos = [
            with_query(self._client.graph.sites.by_site_id(site_id).sites.to_get_request_information(), select=_SELECT)
            for site_id in site_ids
        ]
        values: list[dict[str, Any]] = []
        for answer in await self._client.batch(infos, _LIST_SUBSITES):
            if answer.status == 404:  # gone since it was listed
                continue
            if not answer.is_success:
                refusal = answer.error(_LIST_SUBSITES)
                if refusal.retryable:
                    raise refusal
                # One site that is locked keeps nobody else from being backed up; what lies below it is not gone.
                found.unseen.append(Unseen(ResourceKind.SITE, refusal.message))
                continue
            values += await all_values(self._client, answer, _LIST_SUBSITES)
        return values

    async def _all_of(self, request: Any, asked: Asked) -> list[dict[str, Any]]:
        values: list[dict[str, Any]] = []
        async with aclosing(self._client.get_pages(request, asked)) as pages:
            async for page in pages:
                values += values_of(page)
        return values


def _resource(value: Mapping[str, Any], name: str) -> Resource | None:
    """A site by its two GUIDs, which survive renames and moves to another address; None for an id that is none."""
    hostname, _, guids = text_of(value.get("id")).partition(",")
    resource = Resource(
        ResourceKind.SITE,
        guids.lower(),
        name,
        {"hostname": hostname, "url": text_of(value.get("webUrl"))},
    )
    try:
        check_resource_id(resource.id)
    except InvalidIdError:
        return None
    return resource if hostname and guids.count(",") == 1 else None


def _is_archived(value: Mapping[str, Any]) -> bool:
    """What is archived cannot be read ("siteArchivalDetails", learn.microsoft.com/graph/api, checked 2026-11)."""
    collection = value.get("siteCollection")
    details = collection.get("archivalDetails") if isinstance(collection, Mapping) else None
    status = text_of(details.get("archiveStatus")) if isinstance(details, Mapping) else ""
    return status in ("recentlyArchived", "fullyArchived")


def _is_personal(value: Mapping[str, Any]) -> bool:
    if value.get("isPersonalSite") is True:
        return True
    address = urlsplit(text_of(value.get("webUrl")))
    return "-my." in (address.hostname or "") and address.path.startswith("/personal/")
