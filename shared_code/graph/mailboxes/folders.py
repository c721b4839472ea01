"""Which folder of a mailbox is which: its root, the well-known ones, whose display names are localised, and the hidden
ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, with_query
from shared_code.model.resource import Resource

# Names of "mailFolder resource type" (checked 2026-11) and, where a service takes them, the folders of the
# other workloads; what a mailbox does not have or a service does not know answers 4xx and is left out.
WELL_KNOWN_NAMES = (
    "inbox",
    "drafts",
    "sentitems",
    "deleteditems",
    "junkemail",
    "archive",
    "outbox",
    "conversationhistory",
    "clutter",
    "scheduled",
    "searchfolders",
    "syncissues",
    "recoverableitemsdeletions",
    "calendar",
    "contacts",
    "tasks",
    "notes",
)
# MS-OXPROPS: PidTagAttributeHidden. A mailboxFolder has no property of its own for it, but takes extended ones
# ("mailboxFolder resource type", checked 2026-11).
HIDDEN = "Boolean 0x10F4"
_EXPAND_HIDDEN = f"singleValueExtendedProperties($filter=id eq '{HIDDEN}')"
_ROOT_NAME = "msgfolderroot"
_MAX_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class KnownFolders:
    """``well_known``: folder id -> name."""

    root_id: str
    well_known: Mapping[str, str] = field(default_factory=dict)


class MailboxFolders:
    """Looks the folders of a mailbox up, in one batch, and remembers them: their ids never change."""

    nothing = KnownFolders("")

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._known: dict[str, KnownFolders] = {}

    async def of(self, resource: Resource) -> KnownFolders:
        """Raises AccessDeniedError without the permission to read mail folders."""
        known = self._known.get(resource.id)
        if known is None:
            known = await self._look_up(resource)
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            self._known[resource.id] = known
        return known

    async def hidden(self, mailbox_id: str, folder_ids: Sequence[str]) -> frozenset[str]:
        """Which of these folders are hidden; one that does not tell counts as shown. Raises ThrottledError and what
        concerns the whole mailbox."""
        mailbox = self._client.graph.admin.exchange.mailboxes.by_mailbox_id(mailbox_id)
        infos = [
            with_query(
                mailbox.folders.by_mailbox_folder_id(folder_id).to_get_request_information(),
                select=["id"],
                expand=_EXPAND_HIDDEN,
            )
            for folder_id in folder_ids
        ]
        asked = Asked("read whether folders are hidden", "MailboxFolder.Read.All")
        answers = await self._client.batch(infos, asked) if infos else []
        found: set[str] = set()
        for folder_id, answer in zip(folder_ids, answers, strict=True):
            if answer.is_success:
                found |= {folder_id} if _is_hidden(answer.json_object()) else set()
            elif answer.status in (401, 403, 429) or answer.status >= 500:
                raise answer.error(asked)
        return frozenset(found)

    async def _look_up(self, resource: Resource) -> KnownFolders:
        user = self._client.graph.users.by_user_id(resource.attributes.get("user_id") or resource.source_id)
        names = (_ROOT_NAME, *WELL_KNOWN_NAMES)
        infos = [
            with_query(user.mail_folders.by_mail_folder_id(name).to_get_request_information(), select=["id"])
            for name in names
        ]
        asked = Asked("look up well-known folders", "Mail.Read", {"resource_id": resource.id})
        answers = await self._client.batch(infos, asked)
        found: dict[str, str] = {}
        for name, answer in zip(names, answers, strict=True):
            if answer.is_success:
                found[name] = text_of(answer.json_object().get("id"))
            elif answer.status not in (400, 404):
                raise answer.error(asked)
        # Without the root's id, or where the two APIs name it differently, the topmost folders have a parent that
        # nobody has heard of. That hides and buries nothing: the catalog shows such folders at the top.
        root_id = found.get(_ROOT_NAME, "")
        well_known = {found[name]: name for name in WELL_KNOWN_NAMES if found.get(name)}
        return KnownFolders(root_id, well_known)


def _is_hidden(folder: Mapping[str, Any]) -> bool:
    extended = folder.get("singleValueExtendedProperties")
    return isinstance(extended, list) and any(
        isinstance(entry, Mapping)
        and text_of(entry.get("id")).casefold() == HIDDEN.casefold()
        and text_of(entry.get("value")).casefold() == "true"
        for entry in extended
    )
