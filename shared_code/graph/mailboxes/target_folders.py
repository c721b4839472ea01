"""Finding and making the folders of a mailbox that items are restored into.

"mailboxFolder", "mailbox: post folders" (Graph v1.0 reference, checked 2026-11): a folder is made with
displayName and type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared_code.errors import RestoreError, SourceError, SourceNotFoundError, TargetConflictError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.mailboxes.changes import FOLDER_SELECT
from shared_code.graph.mailboxes.folders import HIDDEN
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.target_outcomes import is_items_own
from shared_code.model.item import ItemVersion

ROOT = "msgfolderroot"
TRASH = "deleteditems"
_PERMISSION = "MailboxFolder.ReadWrite.All"
_PAGE_SIZE = 500
_MOST_LEVELS = 300
_DEFAULT_TYPE = "IPF.Note"


class MailboxTargetFolders:
    """The folders of one mailbox, remembered for the length of a slice."""

    def __init__(self, client: GraphClient, mailbox_id: str) -> None:
        self._client = client
        self._mailbox_id = mailbox_id
        self._folders: dict[str, dict[str, Any] | None] = {}
        self._children: dict[str, list[dict[str, Any]]] = {}

    async def root_id(self) -> str:
        """Id of the mailbox's top. Raises SourceError."""
        root = await self._get(ROOT)
        if root is None:
            raise RestoreError("The mailbox has no top folder; nothing can be restored into it.")
        return text_of(root.get("id"))

    async def original(self, version: ItemVersion) -> str:
        """Id of the stored folder itself where it still lives outside Deleted Items, or of the well-known
        folder that it was; else empty. Well-known folders are matched by that name, since their display
        names are localised."""
        folder = await self._get(version.change.item_id)
        if folder is not None and not await self._is_in_trash(folder):
            return text_of(folder.get("id"))
        well_known = text_of(version.change.properties.get("wellKnownName"))
        found = await self._get(well_known) if well_known else None
        return text_of(found.get("id")) if found else ""

    async def named(self, name: str, kind: str, parent_id: str, *, hidden: bool = False) -> str:
        """Id of the folder of that name below ``parent_id``, made when missing, ``hidden`` where Exchange takes that.
        ``kind`` (``IPF.Note``) must be the same; when empty, any will do. Raises TargetConflictError when a folder of
        another kind has the name, or none can be made."""
        for fresh in (False, True):
            found = await self._child(name, parent_id, fresh)
            if found is not None:
                if kind and text_of(found.get("type")).casefold() != kind.casefold():
                    raise TargetConflictError(
                        "A folder of another kind has that name; rename it, or restore into a named folder."
                    )
                return text_of(found.get("id"))
            try:
                return await self._create(name, kind or _DEFAULT_TYPE, parent_id, hidden)
            except SourceError as error:
                if error.context.get("status") == 409 and not fresh:
                    continue  # made by somebody else since it was listed
                if not is_items_own(error):
                    raise
                raise TargetConflictError(f"The folder cannot be made there. {error.message}") from error
        raise AssertionError("unreachable")

    async def _create(self, name: str, kind: str, parent_id: str, hidden: bool) -> str:
        extended = {"singleValueExtendedProperties": [{"id": HIDDEN, "value": "true"}]} if hidden else {}
        info = self._client.request(
            "POST",
            "/admin/exchange/mailboxes/{mailbox}/folders/{folder}/childFolders",
            mailbox=self._mailbox_id,
            folder=parent_id,
        )
        body = {"displayName": name, "type": kind, **extended}
        try:
            folder = await self._client.send_json(info, body, Asked("make a mail folder", _PERMISSION))
        except SourceError as error:
            if not hidden or error.context.get("status") != 400:
                raise
            # The property is not taken: a folder that shows is better than none.
            return await self._create(name, kind, parent_id, hidden=False)
        self._children.setdefault(parent_id, []).append(folder)
        self._folders[text_of(folder.get("id"))] = folder
        return text_of(folder.get("id"))

    async def _child(self, name: str, parent_id: str, fresh: bool) -> dict[str, Any] | None:
        if fresh or parent_id not in self._children:
            self._children[parent_id] = await self._list(parent_id)
        wanted = name.casefold()
        same = [child for child in self._children[parent_id] if text_of(child.get("displayName")).casefold() == wanted]
        return same[0] if same else None

    async def _list(self, parent_id: str) -> list[dict[str, Any]]:
        info = self._client.request(
            "GET",
            "/admin/exchange/mailboxes/{mailbox}/folders/{folder}/childFolders{?%24select,%24top}",
            mailbox=self._mailbox_id,
            folder=parent_id,
        )
        asked = Asked("list mail folders", _PERMISSION)
        pages = self._client.get_pages(with_query(info, select=FOLDER_SELECT, top=_PAGE_SIZE), asked)
        return [child async for page in pages for child in values_of(page)]

    async def _get(self, key: str) -> dict[str, Any] | None:
        """A folder by id or well-known name; None when it is not there."""
        if key not in self._folders:
            info = self._client.request(
                "GET",
                "/admin/exchange/mailboxes/{mailbox}/folders/{folder}{?%24select}",
                mailbox=self._mailbox_id,
                folder=key,
            )
            asked = Asked("read a mail folder", _PERMISSION)
            try:
                self._folders[key] = await self._client.get_json(with_query(info, select=FOLDER_SELECT), asked)
            except SourceNotFoundError as error:
                if str(error.context.get("code")).casefold() == "errornonexistentmailbox":
                    raise
                self._folders[key] = None
            except SourceError as error:
                if error.context.get("status") != 400:  # an id that is none here
                    raise
                self._folders[key] = None
        return self._folders[key]

    async def _is_in_trash(self, folder: Mapping[str, Any]) -> bool:
        trash = await self._get(TRASH)
        if trash is None or folder.get("id") == trash.get("id"):
            return False  # Deleted Items itself is where it should be
        current: Mapping[str, Any] | None = folder
        for _ in range(_MOST_LEVELS):
            parent_id = text_of(current.get("parentFolderId")) if current else ""
            if not parent_id:
                return False
            if parent_id == trash.get("id"):
                return True
            current = await self._get(parent_id)
        return False
