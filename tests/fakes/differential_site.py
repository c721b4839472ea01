"""A site in the differential test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any

from local.tenant.plain_client import PlainClient
from shared_code.graph.client import GraphClient
from shared_code.graph.sites.source import SiteSource
from shared_code.model.item import Change, ItemKind
from shared_code.model.resource import Resource
from tests.fakes.differential import Facts, digest
from tests.fakes.example_site import fill_site
from tests.fakes.simulated_tenant import SimulatedTenant
from tests.fakes.site_edits import SiteEdits

_PAGE = "microsoft.graph.sitePage"
_COLUMN = "Stage"  # the libraries' own one whose values are compared


class SiteWorkload:
    """A site with libraries, lists and pages."""

    def __init__(self, tenant: SimulatedTenant) -> None:
        self._example = fill_site(tenant.control, tenant.id)
        self._edits = SiteEdits(tenant, self._example)
        self._site = f"/sites/{self._example.site}"

    @property
    def resource(self) -> Resource:
        return self._example.resource

    def source(self, client: GraphClient) -> SiteSource:
        return SiteSource(client)

    def edit(self, random: Random) -> None:
        self._edits.one(random)

    def truth(self, client: PlainClient) -> dict[str, Facts]:
        site = client.get(self._site).json()
        columns, types = self._names(client, f"{self._site}/columns"), self._names(client, f"{self._site}/contentTypes")
        found = {"settings": Facts("", site["displayName"], content=(site["description"], columns, types))}
        for page in client.pages(f"{self._site}/lists"):
            for made in page["value"]:
                template = made["list"]["template"]
                if template == "webPageLibrary":
                    continue
                columns = self._names(client, f"{self._site}/lists/{made['id']}/columns")
                found[made["id"]] = Facts("", made["displayName"], content=columns)
                found |= self._files(client, made["id"]) if template == "documentLibrary" else self._rows(client, made)
        return found | self._pages(client)

    def content(self, change: Change, data: bytes | None) -> object:
        match change.kind:
            case ItemKind.LIST | ItemKind.LIBRARY if "definition" in change.properties:
                return sorted(column["name"] for column in change.properties["definition"]["columns"])
            case ItemKind.FILE:
                return digest(data), change.properties.get("fields", {}).get(_COLUMN)
            case ItemKind.SITE_SETTINGS:
                told = json.loads(data or b"")
                names = [sorted(each["name"] for each in told[part]) for part in ("columns", "contentTypes")]
                return told["site"]["description"], *names
            case ItemKind.LIST_ITEM:
                return json.loads(data or b"")["fields"]
            case ItemKind.PAGE:
                return _page(json.loads(data or b""))
        return None

    def _names(self, client: PlainClient, target: str) -> list[str]:
        return sorted(value["name"] for page in client.pages(target) for value in page["value"])

    def _rows(self, client: PlainClient, made: Mapping[str, Any]) -> dict[str, Facts]:
        found: dict[str, Facts] = {}
        for page in client.pages(f"{self._site}/lists/{made['id']}/items?$expand=fields"):
            for row in page["value"]:
                fields = {name: value for name, value in row["fields"].items() if not name.startswith("@odata.")}
                content = Facts(made["id"], fields.get("Title"), row["eTag"], content=fields)
                found[f"{made['id']}:{int(row['id']):010d}"] = content
        return found

    def _files(self, client: PlainClient, list_id: str) -> dict[str, Facts]:
        drive = f"/drives/{client.get(f'{self._site}/lists/{list_id}/drive').json()['id']}"
        found: dict[str, Facts] = {}
        folders = [(client.get(f"{drive}/root").json()["id"], list_id)]
        while folders:
            folder, parent_id = folders.pop()
            for page in client.pages(f"{drive}/items/{folder}/children"):
                for item in page["value"]:
                    item_id, content = f"{list_id}:{item['id']}", None
                    if "folder" in item:
                        folders.append((item["id"], item_id))
                    else:
                        content = self._file(client, f"{drive}/items/{item['id']}")
                    found[item_id] = Facts(parent_id, item["name"], item["eTag"], content=content)
        return found

    def _file(self, client: PlainClient, item: str) -> object:
        place = client.get(f"{item}/content").headers["location"]
        fields = client.get(f"{item}/listItem?$expand=fields").json()["fields"]
        return digest(client.get(place, signed=False).body), fields.get(_COLUMN)

    def _pages(self, client: PlainClient) -> dict[str, Facts]:
        pages = f"{self._site}/pages"
        listed = [value for page in client.pages(f"{pages}/{_PAGE}") for value in page["value"]]
        found = {"pages": Facts("")} if listed else {}
        for value in listed:
            whole = client.get(f"{pages}/{value['id']}/{_PAGE}?$expand=canvasLayout").json()
            found[value["id"]] = Facts("pages", value["name"], content=_page(whole))
        return found


def _page(value: Mapping[str, Any]) -> dict[str, Any]:
    """Without its address, which changes with the site's."""
    return {name: entry for name, entry in value.items() if not name.startswith("@odata.") and name != "webUrl"}
