"""What tests and the demo do to sites: one method for each edit operation.

`site` is a site's id or its path, `list_name` a list's id, name or title. The files of a library are edited with the
methods for drives: the drive's id stands in the place of the user.
"""

from __future__ import annotations

from typing import Any

from local.tenant.control.connection import ControlConnection, Json


class SiteControl(ControlConnection):
    """The sites of a tenant."""

    def add_site(self, tenant: str, path: str, display_name: str, **more: Any) -> str:
        """Add a site with the libraries `Documents` and `Site Pages` ("" is the root's path; `parent`, `group_id`,
        `description` are optional). Return its id."""
        return str(self.edit(tenant, "add_site", path=path, display_name=display_name, **more)["site"])

    def change_site(self, tenant: str, site: str, **changes: Any) -> None:
        """Change path, display_name, description, group_id. The id stays."""
        self.edit(tenant, "change_site", site=site, **changes)

    def delete_site(self, tenant: str, site: str) -> None:
        """Delete a site with its subsites."""
        self.edit(tenant, "delete_site", site=site)

    def add_site_user(self, tenant: str, site: str, display_name: str, email: str = "") -> int:
        """Make somebody known to a site; return the number that person columns hold."""
        return int(self.edit(tenant, "add_site_user", site=site, display_name=display_name, email=email)["number"])

    def add_site_column(self, tenant: str, site: str, name: str, facet: str, definition: Json | None = None) -> None:
        """Add a column to the site itself."""
        self.edit(tenant, "add_site_column", site=site, name=name, facet=facet, definition=definition)

    def add_list(self, tenant: str, site: str, name: str, template: str = "genericList", **more: Any) -> Json:
        """Add a list or library (`hidden`, `system`, `description` are optional). Return `list` and `drive` ids."""
        return self.edit(tenant, "add_list", site=site, name=name, template=template, **more)

    def change_list(self, tenant: str, site: str, list_name: str, **changes: Any) -> Json:
        """Change display_name, description, hidden or system. Return `list` and `drive` ids."""
        return self.edit(tenant, "change_list", site=site, list=list_name, **changes)

    def delete_list(self, tenant: str, site: str, list_name: str) -> None:
        """Delete a list with all it holds."""
        self.edit(tenant, "delete_list", site=site, list=list_name)

    def add_column(
        self,
        tenant: str,
        site: str,
        list_name: str,
        name: str,
        facet: str,
        definition: Json | None = None,
        **more: Any,
    ) -> None:
        """Add a column; `facet` is the property of columnDefinition that tells its kind, "" a kind without one."""
        self.edit(
            tenant, "add_column", site=site, list=list_name, name=name, facet=facet, definition=definition, more=more
        )

    def change_column(self, tenant: str, site: str, list_name: str, name: str, **changes: Any) -> None:
        """Change properties of a column's definition."""
        self.edit(tenant, "change_column", site=site, list=list_name, name=name, changes=changes)

    def remove_column(self, tenant: str, site: str, list_name: str, name: str) -> None:
        """Remove a column with its values."""
        self.edit(tenant, "remove_column", site=site, list=list_name, name=name)

    def add_content_type(self, tenant: str, site: str, list_name: str, name: str) -> None:
        """Add a content type to a list, and to its site where it is new there."""
        self.edit(tenant, "add_content_type", site=site, list=list_name, name=name)

    def add_row(self, tenant: str, site: str, list_name: str, fields: Json, **more: Any) -> str:
        """Add a row (`author`, `attachments`, `content_type` are optional). Return its id."""
        return str(self.edit(tenant, "add_row", site=site, list=list_name, fields=fields, **more)["item"])

    def change_row(self, tenant: str, site: str, list_name: str, item: str, fields: Json) -> None:
        """Set values of a row; None takes one away."""
        self.edit(tenant, "change_row", site=site, list=list_name, item=item, fields=fields)

    def delete_row(self, tenant: str, site: str, list_name: str, item: str) -> None:
        """Delete a row."""
        self.edit(tenant, "delete_row", site=site, list=list_name, item=item)

    def set_file_fields(self, tenant: str, site: str, list_name: str, path: str, fields: Json) -> None:
        """Set the values of a library's columns for one of its files."""
        self.edit(tenant, "set_file_fields", site=site, list=list_name, path=path, fields=fields)

    def add_page(self, tenant: str, site: str, name: str, properties: Json | None = None, **more: Any) -> str:
        """Add a page (`layout`, `published` are optional). Return its id."""
        return str(self.edit(tenant, "add_page", site=site, name=name, properties=properties or {}, **more)["page"])

    def change_page(self, tenant: str, site: str, page: str, properties: Json, **more: Any) -> None:
        """Set properties of a page (`name`, `published` are optional)."""
        self.edit(tenant, "change_page", site=site, page=page, properties=properties, **more)

    def delete_page(self, tenant: str, site: str, page: str) -> None:
        """Delete a page."""
        self.edit(tenant, "delete_page", site=site, page=page)

    def site_oracle(self, tenant: str, site: str) -> list[Json]:
        """Return the truth about a site, record by record, without ids."""
        return list(self.edit(tenant, "site_oracle", site=site)["records"])
