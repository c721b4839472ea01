"""A mailbox in the differential test."""

from __future__ import annotations

import base64
import json
from random import Random
from typing import Any
from urllib.parse import quote

from local.tenant.plain_client import PlainClient
from shared_code.graph.client import GraphClient
from shared_code.graph.mailboxes.source import MailboxSource
from shared_code.model.item import Change, ItemKind
from shared_code.model.resource import Resource
from tests.fakes.differential import Facts, digest
from tests.fakes.simulated_tenant import SimulatedTenant

_EXPORTED_AT_ONCE = 20


class MailboxWorkload:
    """Mail, events, contacts and tasks of one person."""

    def __init__(self, tenant: SimulatedTenant) -> None:
        self._tenant = tenant
        self._made = 0
        self._poisoned = False
        for _ in range(6):
            self._message("inbox")

    @property
    def resource(self) -> Resource:
        return self._tenant.mailbox

    def source(self, client: GraphClient) -> MailboxSource:
        return MailboxSource(client)

    def edit(self, random: Random) -> None:
        self._made += 1
        folders = self._tenant.control.folders(self._tenant.id, self._tenant.user)
        own = [folder["folder"] for folder in folders if not folder["well_known"]]
        filled = [folder["folder"] for folder in folders if folder["count"]]
        anywhere = [*own, "inbox", "drafts", "junkemail", "sentitems"]
        edit = random.choices(
            [
                "new",
                "event",
                "contact",
                "task",
                "read",
                "change",
                "move",
                "delete",
                "folder",
                "under",
                "rename",
                "away",
                "settings",
            ],
            [8, 2, 1, 1, 4, 3, 4, 4, 2, 2, 1, 1, 1],
        )[0]
        match edit:
            case "new":
                self._message(random.choice(anywhere))
            case "event" | "contact" | "task":
                self._do(f"add_{edit}", properties={"subject": f"{edit} {self._made}", "displayName": str(self._made)})
            case "read" | "change" | "move" | "delete" if filled:
                self._edit_item(edit, random.choice(filled), random.choice(anywhere), random)
            case "folder":
                self._do("add_folder", path=[f"Folder {self._made}"])
            case "under" if own:
                self._do("move_folder", folder=random.choice(own), parent=random.choice(anywhere))
            case "rename" if own:
                self._do("rename_folder", folder=random.choice(own), name=f"renamed {self._made}")
            case "away" if own:
                self._do("delete_folder", folder=random.choice(own))
            case "settings":
                zone = random.choice(["UTC", "Tokyo Standard Time"])
                self._tenant.control.change_mailbox_settings(self._tenant.id, self._tenant.user, timeZone=zone)

    def poison(self) -> None:
        """From now on a message of the inbox cannot be exported."""
        item = self._message("inbox")
        self._do("break_export", item=item, code="ErrorInternalServerError")

    def _edit_item(self, edit: str, folder: str, to: str, random: Random) -> None:
        control, tenant = self._tenant.control, self._tenant
        item = random.choice(control.items(tenant.id, tenant.user, folder))["item"]
        match edit:
            case "read":
                self._do("update_item", item=item, properties={"isRead": random.random() < 0.5})
            case "change":
                self._do("update_item", item=item, properties={"subject": f"changed {self._made}"}, categories=["Red"])
            case "move":
                self._do("move_item", item=item, folder=to)
            case "delete":
                self._do("delete_item", item=item)

    def truth(self, client: PlainClient) -> dict[str, Facts]:
        mailbox = f"/admin/exchange/mailboxes/{quote(self._tenant.mailbox_id, safe='')}"
        root = client.get(f"{mailbox}/folders/msgfolderroot").json()["id"]
        listed, _ = client.delta(f"{mailbox}/folders/delta")
        folders = {entry["id"]: entry for entry in listed if "@removed" not in entry and entry["id"] != root}
        found = {"mailbox-settings": Facts("", content=self._settings(client))}
        for folder_id, folder in folders.items():
            parent_id = folder["parentFolderId"]
            found[folder_id] = Facts("" if parent_id == root else parent_id, folder["displayName"])
            for page in client.pages(f"{mailbox}/folders/{folder_id}/items?$top=100"):
                items = page["value"]
                for at in range(0, len(items), _EXPORTED_AT_ONCE):
                    part = items[at : at + _EXPORTED_AT_ONCE]
                    asked = {"itemIds": [item["id"] for item in part]}
                    exported = {e["itemId"]: e for e in client.post(f"{mailbox}/exportItems", asked).json()["value"]}
                    found.update((item["id"], _facts(item, folder_id, exported[item["id"]])) for item in part)
        return found

    def content(self, change: Change, data: bytes | None) -> object:
        if change.kind is not ItemKind.MAILBOX_SETTINGS:
            return digest(data)
        assert data is not None
        told = json.loads(data)
        return told["mailboxSettings"], told["messageRules"]

    def _settings(self, client: PlainClient) -> object:
        user = f"/users/{self._tenant.user_id}"
        settings = client.get(f"{user}/mailboxSettings").json()
        rules = client.get(f"{user}/mailFolders/inbox/messageRules").json()["value"]
        kept = {name: value for name, value in settings.items() if "@odata." not in name and name != "userPurpose"}
        return kept, rules

    def _message(self, folder: str) -> str:
        mime = f"From: a@x.example\r\nSubject: {self._made}\r\nMessage-ID: <{self._made}@x>\r\n\r\nHello\r\n".encode()
        return self._tenant.control.add_message(self._tenant.id, self._tenant.user, mime, folder=folder)

    def _do(self, operation: str, **fields: Any) -> None:
        self._tenant.control.edit(self._tenant.id, operation, user=self._tenant.user, **fields)


def _facts(item: dict[str, Any], folder_id: str, exported: dict[str, Any]) -> Facts:
    data = base64.b64decode(exported["data"]) if exported.get("data") else None
    return Facts(folder_id, None, item["changeKey"], item["size"], digest(data))
