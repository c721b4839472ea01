"""What tests and the demo do to mail: one method for each edit operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from local.tenant.control.connection import ControlConnection, Json, Path, base64_text, plain_path


class MailControl(ControlConnection):
    """Mail, calendar, contacts, tasks and notes of a user."""

    def add_folder(
        self, tenant: str, user: str, path: Path, *, folder_type: str = "IPF.Note", hidden: bool = False
    ) -> str:
        """Create a mail folder (and missing parents); return its id."""
        result = self.edit(
            tenant, "add_folder", user=user, path=plain_path(path), folder_type=folder_type, hidden=hidden
        )
        return str(result["folder"])

    def add_message(
        self,
        tenant: str,
        user: str,
        mime: bytes,
        *,
        folder: Path = "inbox",
        read: bool = False,
        categories: Sequence[str] = (),
        flag: bool | Json = False,
        received: str | None = None,
        extended: Json | None = None,
    ) -> str:
        """Put a message into a folder; return its id."""
        fields: Json = {"folder": plain_path(folder), "read": read, "categories": list(categories), "flag": flag}
        fields |= {"received": received, "extended": extended, "mime_base64": base64_text(mime)}
        return str(self.edit(tenant, "add_message", user=user, **fields)["item"])

    def load_eml(self, tenant: str, user: str, raw: bytes, *, folder: Path = "inbox") -> str:
        """Put the raw bytes of an .eml file into a folder; return the item's id."""
        return self.add_message(tenant, user, raw, folder=folder)

    def load_ics(self, tenant: str, user: str, raw: bytes, *, folder: Path = "calendar") -> list[str]:
        """Put the events of an .ics file into a calendar; return the items' ids."""
        return self._load(tenant, "load_ics", user, raw, folder)

    def load_vcf(self, tenant: str, user: str, raw: bytes, *, folder: Path = "contacts") -> list[str]:
        """Put the contacts of a .vcf file into a folder; return the items' ids."""
        return self._load(tenant, "load_vcf", user, raw, folder)

    def add_event(self, tenant: str, user: str, properties: Json, **more: Any) -> str:
        """Add an event (Graph schema); `folder`, `extended`, `created`, `modified`, `categories` are optional."""
        return str(self.edit(tenant, "add_event", user=user, properties=properties, **more)["item"])

    def add_contact(self, tenant: str, user: str, properties: Json, **more: Any) -> str:
        """Add a contact, as `add_event`."""
        return str(self.edit(tenant, "add_contact", user=user, properties=properties, **more)["item"])

    def add_task(self, tenant: str, user: str, properties: Json, **more: Any) -> str:
        """Add a task, as `add_event`."""
        return str(self.edit(tenant, "add_task", user=user, properties=properties, **more)["item"])

    def add_note(self, tenant: str, user: str, properties: Json, **more: Any) -> str:
        """Add a sticky note, as `add_event`."""
        return str(self.edit(tenant, "add_note", user=user, properties=properties, **more)["item"])

    def update_item(self, tenant: str, user: str, item: str, properties: Json | None = None, **more: Any) -> Json:
        """Change properties (`isRead`, `subject`, ...), `categories` or `extended` of an item."""
        return self.edit(tenant, "update_item", user=user, item=item, properties=properties or {}, **more)

    def move_item(self, tenant: str, user: str, item: str, folder: Path) -> str:
        """Move an item; return its id, which is a new one where the setting ids_change_on_move says so."""
        return str(self.edit(tenant, "move_item", user=user, item=item, folder=plain_path(folder))["item"])

    def delete_item(self, tenant: str, user: str, item: str) -> None:
        """Delete an item for good."""
        self.edit(tenant, "delete_item", user=user, item=item)

    def rename_folder(self, tenant: str, user: str, folder: Path, name: str) -> None:
        """Rename a mail folder."""
        self.edit(tenant, "rename_folder", user=user, folder=plain_path(folder), name=name)

    def move_folder(self, tenant: str, user: str, folder: Path, parent: Path = "") -> None:
        """Move a mail folder below another, or to the top."""
        self.edit(tenant, "move_folder", user=user, folder=plain_path(folder), parent=plain_path(parent))

    def delete_folder(self, tenant: str, user: str, folder: Path) -> None:
        """Delete a mail folder with all it holds, for good."""
        self.edit(tenant, "delete_folder", user=user, folder=plain_path(folder))

    def break_export(
        self,
        tenant: str,
        user: str,
        item: str,
        code: str | None = "ErrorItemCorrupt",
        message: str = "Corrupt.",
    ) -> None:
        """Let the export of an item fail with this error; None mends it. The item counts as changed."""
        self.edit(tenant, "break_export", user=user, item=item, code=code, message=message)

    def items(self, tenant: str, user: str, folder: Path = "inbox", limit: int = 1000) -> list[Json]:
        """Return `item` (id), `class` and `subject` of a folder's items."""
        result = self.edit(tenant, "list_items", user=user, folder=plain_path(folder), limit=limit)
        return list(result["items"])

    def folders(self, tenant: str, user: str) -> list[Json]:
        """Return `folder` (id), `path`, `well_known` and `count` of all mail folders."""
        return list(self.edit(tenant, "list_folders", user=user)["folders"])

    def generate_items(
        self,
        tenant: str,
        user: str,
        count: int,
        *,
        kind: str = "message",
        seed: str = "0",
        folder: Path | None = None,
    ) -> None:
        """Let generated items (message, event, contact) appear in a mailbox."""
        place = None if folder is None else plain_path(folder)
        self.edit(tenant, "generate_items", user=user, count=count, kind=kind, seed=seed, folder=place)

    def _load(self, tenant: str, op: str, user: str, raw: bytes, folder: Path) -> list[str]:
        return list(self.edit(tenant, op, user=user, data_base64=base64_text(raw), folder=plain_path(folder))["items"])
