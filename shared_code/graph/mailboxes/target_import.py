"""Writing native items into a mailbox: import sessions of the import/export API.

"mailbox: createImportSession" and "Import an Exchange mailbox item" (Graph v1.0 reference, checked 2026-11):
POST to the pre-authenticated importUrl with FolderId, Mode (create, or update with ItemId and ChangeKey) and
Data in base64.
"""

from __future__ import annotations

import asyncio
import base64

from shared_code.errors import AccessDeniedError, SourceError, SourceUnavailableError
from shared_code.graph.answer import Answer, Asked, error_of, parsed_or_none
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of

PERMISSION = "MailboxItem.ImportExport.All"
# How an import URL that has run out answers is documented nowhere, so each of these asks for a new one, once.
_RUN_OUT = frozenset({401, 403, 404, 410})


class LostImportError(SourceUnavailableError):
    """The answer to an import was lost: the item may be there or not."""


class MailboxTargetImport:
    """One mailbox's import session, made when first needed and renewed when it has run out."""

    def __init__(self, client: GraphClient, mailbox_id: str) -> None:
        self._client = client
        self._mailbox_id = mailbox_id
        self._url = ""
        self._lock = asyncio.Lock()

    async def create(self, folder_id: str, native: bytes) -> str:
        """Make a new item; returns its id. Not safe to replay. Raises LostImportError when it may have been
        made, SourceError when it was not."""
        return await self._import({"FolderId": folder_id, "Mode": "create"}, native)

    async def update(self, folder_id: str, item_id: str, change_key: str, native: bytes) -> str:
        """Make an item what ``native`` is, if it still has that change key; returns its id. Raises as
        create."""
        fields = {"FolderId": folder_id, "Mode": "update", "ItemId": item_id, "ChangeKey": change_key}
        return await self._import(fields, native)

    async def _import(self, fields: dict[str, str], native: bytes) -> str:
        body = {**fields, "Data": base64.b64encode(native).decode("ascii")}
        url = await self._session("")
        answer = await self._post(url, body)
        if answer.status in _RUN_OUT:
            url = await self._session(url)
            answer = await self._post(url, body)
        asked = Asked("import an item", PERMISSION)
        if not answer.is_success:
            error = error_of(answer.status, answer.headers, parsed_or_none(answer.body), asked)
            if isinstance(error, SourceUnavailableError):
                raise LostImportError(error.message, **error.context) from error
            if isinstance(error, AccessDeniedError) and answer.status == 401:
                raise SourceUnavailableError(
                    "A fresh import session is refused; try again later.", **error.context
                ) from error
            raise error
        parsed = parsed_or_none(answer.body)
        # OData names are matched without case: the host behind importUrl is not Graph itself.
        names = {name.casefold(): value for name, value in parsed.items()} if isinstance(parsed, dict) else {}
        item_id = text_of(names.get("itemid"))
        if not item_id:
            raise LostImportError("The answer to an import names no item.")
        return item_id

    async def _post(self, url: str, body: dict[str, str]) -> Answer:
        try:
            return await self._client.send_preauthenticated("POST", url, json_body=body, idempotent=False)
        except SourceUnavailableError as error:
            raise LostImportError(error.message, **error.context) from error

    async def _session(self, used_up: str) -> str:
        """The import URL, a new one when the present one is ``used_up``."""
        async with self._lock:
            if not self._url or self._url == used_up:
                info = self._client.request(
                    "POST",
                    "/admin/exchange/mailboxes/{mailbox}/createImportSession",
                    mailbox=self._mailbox_id,
                )
                asked = Asked("open an import session", PERMISSION)
                answer = await self._client.send_json(info, None, asked, idempotent=True)
                self._url = text_of(answer.get("importUrl"))
                if not self._url:
                    raise SourceError("An import session came without its URL.")
            return self._url
