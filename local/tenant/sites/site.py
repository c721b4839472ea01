"""Sites of a tenant: the root site, others, subsites, and what each holds: lists, libraries, pages."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from local.tenant.answers import Json
from local.tenant.drives.drive import Drive
from local.tenant.sites.lists import LIBRARY, PAGES, SiteList, built_in_columns
from local.tenant.sites.page import SitePage

HOSTNAME = "simulated.sharepoint.com"


class SiteNameTakenError(Exception):
    """Another site, list or page has that address."""


@dataclass(slots=True)
class Site:
    """One site. `path` is its address below the host and can change; the two GUIDs never do."""

    collection_id: str
    web_id: str
    path: str
    display_name: str
    created: str
    modified: str
    description: str = ""
    parent: str | None = None
    group_id: str | None = None
    archive_status: str | None = None
    lists: dict[str, SiteList] = field(default_factory=dict)
    pages: dict[str, SitePage] = field(default_factory=dict)
    columns: list[Json] = field(default_factory=list)
    content_types: list[Json] = field(default_factory=list)
    users: dict[int, Json] = field(default_factory=dict)

    @property
    def site_id(self) -> str:
        """Graph's id."""
        return f"{HOSTNAME},{self.collection_id},{self.web_id}"

    @property
    def url(self) -> str:
        """The address of now."""
        return f"https://{HOSTNAME}{self.path}"

    def list_by_key(self, key: str) -> SiteList | None:
        """Return the list with this id, name or title."""
        found = self.lists.get(key.lower())
        if found is None:
            found = next((each for each in self.lists.values() if key in (each.display_name, each.name)), None)
        return found

    def add_list(self, display_name: str, template: str, stamp: str, tenant_id: str) -> SiteList:
        """Add a list or library. Raises SiteNameTakenError."""
        name = display_name.replace(" ", "")
        if any(each.display_name.casefold() == display_name.casefold() for each in self.lists.values()):
            raise SiteNameTakenError(display_name)
        list_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{tenant_id}/{self.web_id}/{uuid.uuid4()}"))
        made = SiteList(list_id, name, display_name, template, stamp, stamp)
        for column in built_in_columns():
            made.add_column(column)
        kind, type_id = ("Document", "0x0101") if template in (LIBRARY, PAGES) else ("Item", "0x01")
        made.content_types.append({"id": f"{type_id}00{list_id.replace('-', '').upper()}", "name": kind})
        if template == LIBRARY:
            made.drive = Drive(tenant_id, list_id, stamp)
            made.drive.name = display_name
            made.drive.drive_type = "documentLibrary"
            made.drive.url = f"{self.url}/{name}"
        self.lists[list_id] = made
        return made

    def add_page(self, page: SitePage) -> SitePage:
        """Add a page. Raises SiteNameTakenError."""
        if any(each.name.casefold() == page.name.casefold() for each in self.pages.values()):
            raise SiteNameTakenError(page.name)
        self.pages[page.page_id] = page
        return page


class SiteCollection:
    """All sites of one tenant."""

    def __init__(self, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self.by_web: dict[str, Site] = {}

    def add(
        self,
        path: str,
        display_name: str,
        stamp: str,
        *,
        parent: Site | None = None,
        group_id: str | None = None,
    ) -> Site:
        """Add a site with its libraries `Documents` and `Site Pages`. Raises SiteNameTakenError."""
        if any(each.path.casefold() == path.casefold() for each in self.by_web.values()):
            raise SiteNameTakenError(path)
        seed = f"{self._tenant_id}/{path}/{len(self.by_web)}"
        collection = parent.collection_id if parent else str(uuid.uuid5(uuid.NAMESPACE_URL, f"collection/{seed}"))
        web = str(uuid.uuid5(uuid.NAMESPACE_URL, f"web/{seed}"))
        site = Site(collection, web, path, display_name, stamp, stamp, group_id=group_id)
        site.parent = parent.web_id if parent else None
        site.content_types = [{"id": "0x01", "name": "Item"}, {"id": "0x0101", "name": "Document"}]
        self.by_web[web] = site
        site.add_list("Documents", LIBRARY, stamp, self._tenant_id)
        site.add_list("Site Pages", PAGES, stamp, self._tenant_id)
        return site

    def find(self, key: str) -> Site | None:
        """Return the site with this id (of two or three parts, or the web's GUID alone), path, or `root`."""
        key = key.lower()
        if key == "root":
            return next((each for each in self.by_web.values() if not each.path), None)
        parts = key.split(",")
        for each in self.by_web.values():
            ids = [HOSTNAME, each.collection_id, each.web_id]
            if parts in (ids, ids[1:], ids[2:]) or (len(parts) == 1 and key == each.path.lower()):
                return each
        return None

    def below(self, site: Site) -> list[Site]:
        """Return the subsites of a site."""
        return [each for each in self.by_web.values() if each.parent == site.web_id]

    def remove(self, site: Site) -> None:
        """Delete a site with its subsites."""
        for each in self.below(site):
            self.remove(each)
        self.by_web.pop(site.web_id, None)

    def drive(self, drive_id: str) -> Drive | None:
        """Return the library with this drive id."""
        found = self.library(drive_id)
        return found[1].drive if found else None

    def library(self, drive_id: str) -> tuple[Site, SiteList] | None:
        """Return the site and the list that a drive belongs to."""
        for site in self.by_web.values():
            for each in site.lists.values():
                if each.drive is not None and each.drive.drive_id == drive_id:
                    return site, each
        return None
