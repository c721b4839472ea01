"""Reading the items of a mailbox: native form by exportItems, MIME of messages, a few properties of the
rest."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from shared_code.errors import (
    AccessDeniedError,
    SourceError,
    SourceNotFoundError,
    SourceUnavailableError,
    ThrottledError,
)
from shared_code.graph.answer import Asked
from shared_code.graph.batch import BatchAnswer
from shared_code.graph.client import GraphClient
from shared_code.graph.concurrency import as_they_come, together
from shared_code.graph.failure_run import FailureRun
from shared_code.graph.mailboxes.headers import MAX_TEXT, read_headers
from shared_code.graph.odata import prefer, text_of, time_of, values_of, with_query
from shared_code.graph.retry_policy import THROTTLED_STATUS
from shared_code.model.feed import Fetched, FetchState
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.outcome import SkipCause
from shared_code.model.resource import Resource

# "mailbox: exportItems" and "JSON batching", checked 2026-11.
_MAX_ITEMS = 20
_MAX_GROUP_BYTES = 16 * 1024 * 1024
# Larger ones travel alone and outside of batches, one after the other, so that only one is ever held.
_LARGE_BYTES = 4 * 1024 * 1024
# Outlook serves 4 requests at once per app and mailbox ("Microsoft Graph service-specific throttling limits",
# checked 2026-11); each group has two under way.
_GROUPS_AT_ONCE = 2
_MAX_FAILURES_IN_A_ROW = 5

_MESSAGE_ID = "MESSAGE-ID"
_IMMUTABLE = 'IdType="ImmutableId"'
_GONE_CODES = frozenset({"erroritemnotfound"})
_CORRUPT_CODES = frozenset({"errorcorruptdata", "erroritemcorrupt"})

_SUBJECT = "String 0x0037"
_DISPLAY_NAME = "String 0x3001"
_START = "SystemTime {00062002-0000-0000-C000-000000000046} Id 0x820D"
_DUE = "SystemTime {00062003-0000-0000-C000-000000000046} Id 0x8105"
# MS-OXPROPS: PidTagSubject, PidTagDisplayName, PidLidAppointmentStartWhole, PidLidTaskDueDate.
_PROPERTIES = (_SUBJECT, _DISPLAY_NAME, _START, _DUE)
_EXPAND = "singleValueExtendedProperties($filter={})".format(" or ".join(f"id eq '{name}'" for name in _PROPERTIES))


class MailboxFetch:
    """Fetches items of one mailbox with at most four requests under way."""

    def __init__(self, client: GraphClient, resource: Resource) -> None:
        self._client = client
        self._resource = resource
        self._failures = FailureRun(_MAX_FAILURES_IN_A_ROW)
        self._user_id = resource.attributes.get("user_id") or resource.source_id
        self._mime_url = self._mime_template()
        self._mailbox = client.graph.admin.exchange.mailboxes.by_mailbox_id(resource.attributes["mailbox_id"])

    def _mime_template(self) -> tuple[str, str]:
        """The address of a message's MIME, before and after the message's id. Made once: to expand the SDK's template
        for every message takes as long as all the rest that is done with it."""
        message = self._client.graph.users.by_user_id(self._user_id).messages.by_message_id(_MESSAGE_ID)
        info = message.content.to_get_request_information()
        info.path_parameters["baseurl"] = self._client.base_url
        before, _, after = str(info.url).rpartition(_MESSAGE_ID)
        return before, after

    async def fetch(self, changes: Sequence[Change]) -> AsyncGenerator[Fetched, None]:
        """One answer for each change. Memory: two groups of at most 16 MiB, or two single larger items."""
        jobs: list[Callable[[], Awaitable[list[Fetched]]]] = [
            partial(self._fetch_group, group) for group in groups_of(changes)
        ]
        async with aclosing(as_they_come(jobs, _GROUPS_AT_ONCE)) as groups:
            async for group in groups:
                for fetched in group:
                    yield fetched

    async def _fetch_group(self, group: Sequence[Change]) -> list[Fetched]:
        if len(group) == 1 and group[0].size_bytes > _LARGE_BYTES:
            return [await self._fetch_large(group[0])]
        return await self._fetch_small(group)

    async def _fetch_small(self, group: Sequence[Change]) -> list[Fetched]:
        try:
            exported, descriptions = await together(
                self._export([change.item_id for change in group]), self._describe(group)
            )
        except (AccessDeniedError, ThrottledError, SourceNotFoundError):
            raise
        except SourceError as error:
            if len(group) == 1:
                return [self._unreadable(group[0], error)]
            if "status" not in error.context:
                raise
            # Graph answers, but not for this group: one item in it may be the cause, so ask one by one.
            return [fetched for change in group for fetched in await self._fetch_small([change])]
        self._failures.success()
        return [
            self._fetched(change, exported.get(change.item_id), answer)
            for change, answer in zip(group, descriptions, strict=True)
        ]

    def _unreadable(self, change: Change, error: SourceError) -> Fetched:
        """An item that Graph refuses or cannot answer for is data; a Graph that is not there is raised."""
        if "status" not in error.context:
            raise error
        text = self._failures.failure(error) if isinstance(error, SourceUnavailableError) else error.message
        return Fetched(change, change, FetchState.FAILED, {}, error=text)

    async def _export(self, item_ids: list[str]) -> dict[str, Mapping[str, Any]]:
        info = self._client.request(
            "POST",
            "/admin/exchange/mailboxes/{mailbox}/exportItems",
            mailbox=self._resource.attributes["mailbox_id"],
        )
        ids = {"resource_id": self._resource.id}
        asked = Asked("export items", "MailboxItem.Export.All", ids)
        answer = await self._client.send_json(info, {"itemIds": item_ids}, asked, idempotent=True)
        return {text_of(value.get("itemId")): value for value in values_of(answer)}

    async def _describe(self, group: Sequence[Change]) -> list[BatchAnswer]:
        """MIME of messages and properties of the rest, in one batch. Raises AccessDeniedError when all of one
        sort are refused: then a permission is missing, not an item special. Raises ThrottledError when one
        still is."""
        asked = Asked("read messages as MIME", "Mail.Read", {"resource_id": self._resource.id})
        answers = await self._client.batch([self._description_request(change) for change in group], asked)
        mime = [answer for change, answer in zip(group, answers, strict=True) if change.kind is ItemKind.MESSAGE]
        if mime and all(answer.status in (401, 403) for answer in mime):
            raise mime[0].error(asked)
        for answer in answers:
            if answer.status == THROTTLED_STATUS:
                raise answer.error(asked)
        return answers

    def _description_request(self, change: Change) -> Any:
        if change.kind is ItemKind.MESSAGE:
            return self._mime_request(change)
        item = self._mailbox.folders.by_mailbox_folder_id(change.parent_id).items.by_mailbox_item_id(change.item_id)
        return with_query(item.to_get_request_information(), select=["id"], expand=_EXPAND)

    def _mime_request(self, change: Change) -> Any:
        before, after = self._mime_url
        return prefer(self._client.link(before + quote(change.item_id, safe="") + after), _IMMUTABLE)

    async def _fetch_large(self, change: Change) -> Fetched:
        try:
            exported = (await self._export([change.item_id])).get(change.item_id)
        except (AccessDeniedError, ThrottledError, SourceNotFoundError):
            raise
        except SourceError as error:
            return self._unreadable(change, error)
        if change.kind is not ItemKind.MESSAGE:
            [answer] = await self._describe([change])
            return self._fetched(change, exported, answer)
        native = self._native(change, exported)
        del exported  # the base64 of up to 150 MB is not kept while the MIME arrives
        if native.state is not FetchState.FETCHED:
            return native
        asked = Asked("read a message as MIME", "Mail.Read", {"resource_id": self._resource.id})
        try:
            mime = (await self._client.send(self._mime_request(change), asked)).body
        except (ThrottledError, AccessDeniedError):
            raise
        except SourceError as error:
            return _without_mime(native, str(error.context.get("code") or error.context.get("status", "lost")))
        return _with_mime(native, mime)

    def _fetched(self, change: Change, exported: Mapping[str, Any] | None, answer: BatchAnswer) -> Fetched:
        native = self._native(change, exported)
        if native.state is not FetchState.FETCHED:
            return native
        if change.kind is ItemKind.MESSAGE:
            if answer.is_success:
                return _with_mime(native, answer.content())
            return _without_mime(native, _code_of(answer))
        return replace(native, change=_described(native.change, answer.json_object()))

    def _native(self, change: Change, exported: Mapping[str, Any] | None) -> Fetched:
        if exported is None:
            return Fetched(change, change, FetchState.FAILED, {}, error="the export holds no answer for this item")
        error = exported.get("error")
        if isinstance(error, Mapping):
            return _refused(change, text_of(error.get("code")) or "an error without a code")
        data = exported.get("data")
        try:
            native = base64.b64decode(data, validate=True) if isinstance(data, str) else b""
        except (binascii.Error, ValueError):
            native = b""
        if not native:
            return Fetched(change, change, FetchState.FAILED, {}, error="the export of this item holds no data")
        fresh = replace(change, etag=text_of(exported.get("changeKey")) or change.etag)
        return Fetched(change, fresh, FetchState.FETCHED, {Form.NATIVE: native})


def groups_of(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Split into groups of at most 20 items and 16 MiB by their reported sizes; larger items stand alone."""
    group: list[Change] = []
    size_bytes = 0
    for change in changes:
        if change.size_bytes > _LARGE_BYTES:
            yield [change]
            continue
        if len(group) == _MAX_ITEMS or (group and size_bytes + change.size_bytes > _MAX_GROUP_BYTES):
            yield group
            group, size_bytes = [], 0
        group.append(change)
        size_bytes += change.size_bytes
    if group:
        yield group


def _refused(change: Change, code: str) -> Fetched:
    if code.lower() in _GONE_CODES:
        return Fetched(change, change, FetchState.GONE, {})
    if code.lower() in _CORRUPT_CODES:
        return Fetched(change, change, FetchState.SKIPPED, {}, SkipCause.CORRUPT_AT_SOURCE)
    return Fetched(change, change, FetchState.FAILED, {}, error=f"export refused: {code[:100]}")


def _with_mime(native: Fetched, mime: bytes) -> Fetched:
    headers = read_headers(mime)
    properties = dict(native.change.properties)
    if headers.message_id:
        properties["internetMessageId"] = headers.message_id
    change = replace(
        native.change,
        name=headers.subject,
        sender=headers.sender,
        time=headers.time or native.change.time,
        properties=properties,
    )
    return replace(native, change=change, forms={**native.forms, Form.READABLE: mime})


def _without_mime(native: Fetched, code: str) -> Fetched:
    properties = {**native.change.properties, "readableError": code[:100]}
    return replace(native, change=replace(native.change, properties=properties))


def _described(change: Change, item: Mapping[str, Any]) -> Change:
    extended = {
        text_of(entry.get("id")).casefold(): text_of(entry.get("value"))
        for entry in item.get("singleValueExtendedProperties") or []
        if isinstance(entry, Mapping)
    }
    name = extended.get(_SUBJECT.casefold()) or extended.get(_DISPLAY_NAME.casefold()) or change.name
    time = time_of(extended.get(_START.casefold())) or time_of(extended.get(_DUE.casefold())) or change.time
    return replace(change, name=name[:MAX_TEXT], time=time)


def _code_of(answer: BatchAnswer) -> str:
    error = answer.error(Asked("read a message as MIME"))
    return str(error.context.get("code") or answer.status)
