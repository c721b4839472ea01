"""Messages written back into one channel, in migration mode: with their authors and times, replies below their message.

*Untouched* (it lives under its id with the stored text): left alone. *Edited since*: left alone, or restored beside; an
app cannot change a message. *Gone*: imported as a new message. Graph refuses a second message of the same millisecond,
so one that was imported before is found by its author, text and time, and nothing is doubled; where something else has
that millisecond (the remains of a deleted message), the next free one is taken, and said.
Sources: graph-docs teams-import-messages (409 for a taken time), channel-post-messages (v1.0, checked 2026-11).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from shared_code.errors import AccessDeniedError, BackupError, SourceError, SourceUnavailableError, TargetConflictError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.target_outcomes import is_items_own
from shared_code.graph.team_ids import MessagePlace
from shared_code.graph.team_import import StoredMessage, created_of, format_ms, image_ids
from shared_code.graph.team_messages import PAGE_SIZE, READ_MESSAGES
from shared_code.graph.team_migration import PERMISSION, Migration
from shared_code.model.resource import Resource
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import RestoreItem, WriteState, Written

_REFUSED, _TAKEN = 400, 409
_TRIES = 3
_MOST_SHIFTS_MS = 50
_WITHIN = timedelta(milliseconds=_MOST_SHIFTS_MS)
_CHANGED = (
    "It is there and was edited since; an app cannot change it. Choose keep_both to have the stored one beside it."
)
_NO_AUTHOR = "its author is an app or has no account here, so it stands in an owner's name and says who wrote it"
_LOST_ROOT = "<em>The message that was answered here had been deleted before the backup; this note stands for it.</em>"


@dataclass(frozen=True, slots=True)
class MessageWork:
    """A message that is to be restored, with what is stored of it."""

    item: RestoreItem
    stored: StoredMessage
    is_in_anothers_name: bool = False

    @property
    def root_id(self) -> str:
        """Id of the message that it answers; empty for a root message."""
        return text_of(self.item.version.change.properties.get("rootId"))

    @property
    def message_id(self) -> str:
        """Its id in the snapshot."""
        return text_of(self.item.version.change.properties.get("messageId"))


class TargetMessages:
    """The messages of one channel of the target, for the length of a slice."""

    def __init__(
        self, client: GraphClient, resource: Resource, channel_id: str, owner: Callable[[], Awaitable[str]]
    ) -> None:
        self._owner = owner
        self._client = client
        self._team_id = resource.source_id
        self._channel_id = channel_id
        self._ids = {"resource_id": resource.id, "channel_id": channel_id}
        team = client.graph.teams.by_team_id(resource.source_id)
        self._messages = team.channels.by_channel_id(channel_id).messages
        self._listed: list[dict[str, Any]] | None = None
        self._roots: dict[str, str] = {}
        self._claimed: set[str] = set()

    async def write(self, works: Sequence[MessageWork]) -> list[Written]:
        """Write messages back, oldest first; one answer for each, and the channel out of migration mode."""
        ordered = sorted(works, key=lambda work: (work.stored.created, bool(work.root_id)))
        outcomes: list[Written] = []
        async with Migration(self._client, self._team_id, self._channel_id) as migration:
            living = await self._living(ordered)
            for work in ordered:
                try:
                    outcomes.append(await self._write_one(work, living.get(work.item.id), migration))
                except BackupError as error:
                    if not is_items_own(error) and not isinstance(error, TargetConflictError):
                        raise
                    outcomes.append(Written(work.item.id, WriteState.FAILED, error=error.message))
        return outcomes

    async def _write_one(self, work: MessageWork, present: Mapping[str, Any] | None, migration: Migration) -> Written:
        stored, item = work.stored, work.item
        if present is not None:
            if not work.root_id:
                self._roots[work.message_id] = work.message_id
            if not await self._differences(stored, present, work.root_id):
                return Written(item.id, WriteState.EXISTING, self._place(present))
            if item.conflict is not ConflictRule.KEEP_BOTH:
                return Written(item.id, WriteState.OCCUPIED, self._place(present), error=_CHANGED)
        if not stored.author_id:
            return await self._write_new(await self._in_an_owners_name(work), migration)
        try:
            return await self._write_new(work, migration)
        except SourceError as error:
            if error.context.get("status") != _REFUSED:
                raise
            # Mostly an author who has left; when that is not the cause, it is refused again.
            return await self._write_new(await self._in_an_owners_name(work), migration)

    async def _write_new(self, work: MessageWork, migration: Migration) -> Written:
        if work.item.tried_before:
            earlier = await self._earlier(work)
            if earlier is not None:
                return await self._verified(work, earlier, 0, WriteState.RESTORED)
        root_id = await self._root_of(work, migration) if work.root_id else ""
        return await self._import(work, root_id, migration)

    async def _in_an_owners_name(self, work: MessageWork) -> MessageWork:
        return replace(work, stored=work.stored.in_name_of(await self._owner()), is_in_anothers_name=True)

    async def _import(self, work: MessageWork, root_id: str, migration: Migration) -> Written:
        stored = work.stored
        await migration.begin(stored.created)
        for shift_ms in range(_MOST_SHIFTS_MS):
            payload = stored.payload(shift_ms)
            try:
                made = await self._post(root_id, payload, partial(self._earlier, work))
            except SourceError as error:
                if error.context.get("status") != _TAKEN:
                    raise
                earlier = await self._earlier(work) if not shift_ms else None
                if earlier is not None:
                    return await self._verified(work, earlier, 0, WriteState.EXISTING)
                continue
            return await self._verified(work, made, shift_ms, WriteState.RESTORED)
        return Written(work.item.id, WriteState.FAILED, error="Other messages have its time and those after it.")

    async def _post(
        self, root_id: str, payload: Mapping[str, Any], find: Callable[[], Awaitable[dict[str, Any] | None]]
    ) -> dict[str, Any]:
        """Import one message. After an answer that was lost, what it may have left there is looked for with ``find``
        in a fresh listing before anything is sent again."""
        path = "/teams/{team}/channels/{channel}/messages" + ("/{root}/replies" if root_id else "")
        own = {"team": self._team_id, "channel": self._channel_id} | ({"root": root_id} if root_id else {})
        asked = Asked("import a message", PERMISSION, self._ids)
        for attempt in range(_TRIES):
            info = self._client.request("POST", path, **own)
            try:
                made = await self._client.send_json(info, dict(payload), asked, idempotent=False)
            except SourceUnavailableError:
                self._listed = None
                found = await find()
                if found is not None:
                    return found
                if attempt == _TRIES - 1:
                    raise
            else:
                self._note(made, root_id)
                return made
        raise AssertionError("unreachable")

    async def _verified(self, work: MessageWork, made: Mapping[str, Any], shift_ms: int, state: WriteState) -> Written:
        target_id, root_id = text_of(made.get("id")), text_of(made.get("replyToId"))
        if not work.root_id:
            self._roots[work.message_id] = target_id
        seen = await self._read(target_id, root_id)
        differences = await self._differences(work.stored, seen, root_id)
        created = created_of(seen)
        if shift_ms and created is not None:
            shift_ms = round((created - work.stored.created).total_seconds() * 1000)
        notes = work.stored.losses()
        if work.is_in_anothers_name:
            state = WriteState.DIFFERS if state is WriteState.RESTORED else state
            notes.append(_NO_AUTHOR)
        if shift_ms:
            notes.append(f"its time is {shift_ms} ms later, for the remains of the deleted message have its own")
        if differences:
            state, notes = WriteState.DIFFERS, ["differs in " + ", ".join(differences), *notes]
        text = ("Restored; " + "; ".join(notes) + ".") if notes else ""
        return Written(work.item.id, state, self._place(seen), work.item.version.change.size_bytes, text)

    async def _differences(self, stored: StoredMessage, seen: Mapping[str, Any], root_id: str) -> list[str]:
        digests = [await self._image_digest(seen, root_id, content_id) for content_id in image_ids(seen)]
        return stored.differences(seen, digests)

    async def _image_digest(self, seen: Mapping[str, Any], root_id: str, content_id: str) -> str:
        hosted = self._one(text_of(seen.get("id")), root_id).hosted_contents
        builder = hosted.by_chat_message_hosted_content_id(content_id).content
        asked = Asked("read an inline image", READ_MESSAGES, self._ids)
        answer = await self._client.send(builder.to_get_request_information(), asked)
        return hashlib.sha256(answer.body).hexdigest()

    async def _root_of(self, work: MessageWork, migration: Migration) -> str:
        """Id at the target of the message that this one answers: the original where it lives, one that was imported
        for it, or a note in its place."""
        known = self._roots.get(work.root_id)
        if known is None:
            known = await self._living_root(work)
            if not known:
                imported = await self._imported_root(work.root_id)
                known = text_of(imported.get("id")) if imported else await self._note_in_place(work, migration)
            self._roots[work.root_id] = known
        return known

    async def _living_root(self, work: MessageWork) -> str:
        if work.item.version.change.parent_id != self._channel_id:
            return ""
        try:
            root = await self._read(work.root_id, "")
        except AccessDeniedError:
            raise
        except SourceError as error:
            if error.retryable:
                raise
            return ""
        return "" if root.get("deletedDateTime") else work.root_id

    async def _imported_root(self, root_id: str) -> dict[str, Any] | None:
        moment = _moment_of(root_id)
        if moment is None:
            return None
        for message in await self._all():
            created = created_of(message)
            if created is None or message.get("replyToId") or message.get("deletedDateTime"):
                continue
            if timedelta(0) <= created - moment <= _WITHIN:
                return message
        return None

    async def _note_in_place(self, work: MessageWork, migration: Migration) -> str:
        """A reply needs a message to stand below."""
        moment = _moment_of(work.root_id) or work.stored.created - timedelta(seconds=1)
        for shift_ms in range(_MOST_SHIFTS_MS):
            at = moment + timedelta(milliseconds=shift_ms)
            await migration.begin(at)
            payload = {
                "createdDateTime": format_ms(at),
                "from": {"user": {"id": await self._owner(), "userIdentityType": "aadUser"}},
                "body": {"contentType": "html", "content": _LOST_ROOT},
            }
            try:
                made = await self._post("", payload, partial(self._imported_root, work.root_id))
            except SourceError as error:
                if error.context.get("status") != _TAKEN:
                    raise
                continue
            return text_of(made.get("id"))
        raise SourceError("Other messages have the time of the message that this one answers.")

    async def _earlier(self, work: MessageWork) -> dict[str, Any] | None:
        """A living message of the target that is an earlier import of this one and nobody else's."""
        for message in await self._all():
            message_id = text_of(message.get("id"))
            if message_id in self._claimed or bool(message.get("replyToId")) != bool(work.root_id):
                continue
            if work.stored.is_like(message, _WITHIN) and not await work.item.belongs_to_other(self._place(message)):
                self._claimed.add(message_id)
                return message
        return None

    async def _all(self) -> list[dict[str, Any]]:
        """Every message of the channel with replies, read once."""
        if self._listed is None:
            self._listed = [message async for message in self._read_all()]
        return self._listed

    async def _read_all(self) -> AsyncGenerator[dict[str, Any], None]:
        asked = Asked("read messages of a channel", READ_MESSAGES, self._ids)
        info = with_query(self._messages.to_get_request_information(), top=PAGE_SIZE, expand="replies")
        async with aclosing(self._client.get_pages(info, asked)) as pages:
            async for page in pages:
                for root in values_of(page):
                    replies = [each for each in root.pop("replies", None) or [] if isinstance(each, dict)]
                    yield root
                    for reply in replies:
                        yield reply
                    link = text_of(root.get("replies@odata.nextLink"))
                    if link:
                        async with aclosing(self._client.get_pages(self._client.link(link), asked)) as more:
                            async for further in more:
                                for reply in values_of(further):
                                    yield reply

    async def _living(self, works: Sequence[MessageWork]) -> dict[str, dict[str, Any]]:
        """Those of the originals that live in this channel, by item id."""
        own = [work for work in works if work.item.version.change.parent_id == self._channel_id]
        infos = [self._one(work.message_id, work.root_id).to_get_request_information() for work in own]
        asked = Asked("read messages of a channel", READ_MESSAGES, self._ids)
        found: dict[str, dict[str, Any]] = {}
        for work, answer in zip(own, await self._client.batch(infos, asked) if infos else [], strict=True):
            if answer.is_success and not answer.json_object().get("deletedDateTime"):
                found[work.item.id] = answer.json_object()
            elif not answer.is_success and answer.status != 404:
                raise answer.error(asked)
        return found

    async def _read(self, message_id: str, root_id: str) -> dict[str, Any]:
        asked = Asked("read a message of a channel", READ_MESSAGES, self._ids)
        return await self._client.get_json(self._one(message_id, root_id).to_get_request_information(), asked)

    def _one(self, message_id: str, root_id: str) -> Any:
        if root_id:
            return self._messages.by_chat_message_id(root_id).replies.by_chat_message_id1(message_id)
        return self._messages.by_chat_message_id(message_id)

    def _place(self, message: Mapping[str, Any]) -> str:
        """Id of a message of this channel, of the form that items have."""
        return MessagePlace(self._channel_id, text_of(message.get("id")), text_of(message.get("replyToId"))).item_id

    def _note(self, made: dict[str, Any], root_id: str) -> None:
        if self._listed is not None:
            self._listed.append({**made, "replyToId": root_id or None})
        self._claimed.add(text_of(made.get("id")))


def _moment_of(message_id: str) -> datetime | None:
    """Ids of channel messages are the milliseconds since 1970 of their creation."""
    if not (message_id.isascii() and message_id.isdigit() and len(message_id) <= 14):
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(message_id))
