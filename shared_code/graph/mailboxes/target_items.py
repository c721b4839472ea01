"""Reading items at the mailbox that is restored into: what lives where, and whether it equals what is
stored."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import prefer, size_of, text_of, values_of, with_query
from shared_code.graph.target_outcomes import read_form
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.write_back import RestoreItem

# "mailbox: exportItems", checked 2026-11.
MOST_EXPORTED = 20
_PAGE_SIZE = 1_000
_SELECT = ("id", "changeKey", "type", "size", "categories", "lastModifiedDateTime")
_PERMISSION = "MailboxItem.ImportExport.All"
_MOST_CANDIDATES = 20
_MOST_CANDIDATES_AFTER_A_TRY = 200


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item's stored bytes. ``mime_digest`` is None for what is no message, or stored without its MIME."""

    change: Change
    native: bytes = field(repr=False)
    native_digest: bytes
    mime_digest: bytes | None

    @classmethod
    async def read(cls, item: RestoreItem) -> StoredItem:
        """Raises VaultError."""
        native = await read_form(item, Form.NATIVE)
        mime_digest = None
        if item.version.change.kind is ItemKind.MESSAGE and item.version.representation(Form.READABLE):
            mime_digest = digest_of(await read_form(item, Form.READABLE))
        return cls(item.version.change, native, digest_of(native), mime_digest)


@dataclass(frozen=True, slots=True)
class SeenItem:
    """An item as it was read at the target; None for what could not be read."""

    native_digest: bytes | None = None
    mime_digest: bytes | None = None
    properties: Mapping[str, Any] | None = None


def digest_of(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def difference(stored: StoredItem, seen: SeenItem) -> str:
    """Empty when what was written equals what is stored, else what differs.

    The MIME of a message decides where both sides have one. Otherwise the native form decides; and since
    Exchange may export an imported item with other ids and times inside that opaque stream `[?]`, an item
    whose native form differs counts as equal when its class and categories are those stored.
    """
    if stored.mime_digest is not None and seen.mime_digest is not None:
        return "" if stored.mime_digest == seen.mime_digest else "its MIME differs from the stored one"
    if seen.native_digest == stored.native_digest:
        return ""
    if seen.native_digest is None and seen.mime_digest is None:
        return "it could not be read again"
    return _difference_of_properties(stored, seen)


def _difference_of_properties(stored: StoredItem, seen: SeenItem) -> str:
    if seen.properties is None:
        return "its native form differs from the stored one"
    known = stored.change.properties
    if text_of(seen.properties.get("type")).casefold() != text_of(known.get("type")).casefold():
        return "its class differs from the stored one"
    if sorted(seen.properties.get("categories") or []) != sorted(known.get("categories") or []):
        return "its categories differ from the stored ones"
    return ""


class MailboxTargetItems:
    """Questions about one mailbox's items; listings are remembered for the length of a slice."""

    def __init__(self, client: GraphClient, mailbox_id: str, user_id: str) -> None:
        self._client = client
        self._mailbox_id = mailbox_id
        self._user_id = user_id
        self._listed: dict[str, list[dict[str, Any]]] = {}

    async def living(self, folder_of: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Of these items (id -> folder), those that live in that very folder, with their properties."""
        asked = Asked("read items of a folder", _PERMISSION)
        infos = [self._item_request(folder_id, item_id) for item_id, folder_id in folder_of.items()]
        answers = await self._client.batch(infos, asked) if infos else []
        found: dict[str, dict[str, Any]] = {}
        for item_id, answer in zip(folder_of, answers, strict=True):
            if answer.is_success:
                found[item_id] = answer.json_object()
            elif answer.status not in (400, 404):
                raise answer.error(asked)
        return found

    async def exported(self, item_ids: Sequence[str]) -> dict[str, bytes]:
        """Digests of the native forms of those of these items that live anywhere in the mailbox and can be
        exported."""
        found: dict[str, bytes] = {}
        for start in range(0, len(item_ids), MOST_EXPORTED):
            info = self._client.request(
                "POST", "/admin/exchange/mailboxes/{mailbox}/exportItems", mailbox=self._mailbox_id
            )
            body = {"itemIds": list(item_ids[start : start + MOST_EXPORTED])}
            answer = await self._client.send_json(info, body, Asked("export items", _PERMISSION), idempotent=True)
            for value in values_of(answer):
                data = value.get("data")
                try:
                    native = base64.b64decode(data, validate=True) if isinstance(data, str) else b""
                except (binascii.Error, ValueError):
                    native = b""
                if native:
                    found[text_of(value.get("itemId"))] = digest_of(native)
        return found

    async def mime_digests(self, item_ids: Sequence[str]) -> dict[str, bytes]:
        """Digests of the MIME of those of these messages whose MIME can be read."""
        user = self._client.graph.users.by_user_id(self._user_id)
        infos = [
            prefer(
                user.messages.by_message_id(item_id).content.to_get_request_information(),
                'IdType="ImmutableId"',
            )
            for item_id in item_ids
        ]
        answers = await self._client.batch(infos, Asked("read MIME", "Mail.Read")) if infos else []
        return {
            item_id: digest_of(answer.content())
            for item_id, answer in zip(item_ids, answers, strict=True)
            if answer.is_success
        }

    async def seen(self, folder_of: Mapping[str, str], messages: set[str]) -> dict[str, SeenItem]:
        """Read items (id -> folder) again, whole; ``messages`` are those with a MIME."""
        natives = await self.exported(list(folder_of))
        mimes = await self.mime_digests([item_id for item_id in folder_of if item_id in messages])
        properties = await self.living({item_id: folder_of[item_id] for item_id in folder_of if item_id not in mimes})
        return {
            item_id: SeenItem(natives.get(item_id), mimes.get(item_id), properties.get(item_id))
            for item_id in folder_of
        }

    async def equal_one(
        self, item: RestoreItem, stored: StoredItem, folder_id: str, claimed: set[str], fresh: bool
    ) -> str:
        """Id of an item in the folder that equals the stored one and is nobody else's; it is put into
        ``claimed``. Empty when there is none.

        ``fresh``: list the folder again. An item that may have been written before is looked for among all
        that have its size or its time; otherwise both must be the same, so that a large folder costs little.
        """
        thorough = item.tried_before or fresh
        if fresh or folder_id not in self._listed:
            self._listed[folder_id] = await self._list(folder_id)
        candidates = [
            item_id
            for item_id in _candidates(self._listed[folder_id], stored.change, thorough)
            if item_id not in claimed and not await item.belongs_to_other(item_id)
        ]
        for start in range(0, len(candidates), MOST_EXPORTED):
            some = candidates[start : start + MOST_EXPORTED]
            natives = await self.exported(some)
            unlike = [item_id for item_id in some if natives.get(item_id) != stored.native_digest]
            mimes = await self.mime_digests(unlike) if stored.mime_digest is not None else {}
            for item_id in some:
                same = natives.get(item_id) == stored.native_digest or (
                    item_id in mimes and mimes[item_id] == stored.mime_digest
                )
                if same and item_id not in claimed:  # others of the same group looked meanwhile
                    claimed.add(item_id)
                    return item_id
        return ""

    async def _list(self, folder_id: str) -> list[dict[str, Any]]:
        info = self._client.request(
            "GET",
            "/admin/exchange/mailboxes/{mailbox}/folders/{folder}/items{?%24select,%24top}",
            mailbox=self._mailbox_id,
            folder=folder_id,
        )
        asked = Asked("list items of a folder", _PERMISSION)
        pages = self._client.get_pages(with_query(info, select=_SELECT, top=_PAGE_SIZE), asked)
        return [item async for page in pages for item in values_of(page)]

    def _item_request(self, folder_id: str, item_id: str) -> Any:
        info = self._client.request(
            "GET",
            "/admin/exchange/mailboxes/{mailbox}/folders/{folder}/items/{item}{?%24select}",
            mailbox=self._mailbox_id,
            folder=folder_id,
            item=item_id,
        )
        return with_query(info, select=_SELECT)


def _candidates(listed: Sequence[Mapping[str, Any]], change: Change, thorough: bool) -> list[str]:
    """Ids that may be the same item, the likeliest first."""

    def ranked() -> Iterator[tuple[int, str]]:
        kind = text_of(change.properties.get("type")).casefold()
        modified = change.properties.get("lastModifiedDateTime")
        for value in listed:
            item_id = text_of(value.get("id"))
            if item_id == change.item_id or text_of(value.get("type")).casefold() != kind:
                continue
            same_size = size_of(value.get("size")) == change.size_bytes
            same_time = value.get("lastModifiedDateTime") == modified
            if same_size and same_time:
                yield 0, item_id
            elif thorough and (same_size or same_time):
                yield 1, item_id

    most = _MOST_CANDIDATES_AFTER_A_TRY if thorough else _MOST_CANDIDATES
    return [item_id for _, item_id in sorted(ranked())][:most]
