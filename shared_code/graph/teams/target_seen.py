"""What is in the channel that is restored into: originals that live, earlier imports, and what was just written.

Sources: graph-docs chatmessage-get, channel-list-messages, chatmessagehostedcontent-get (v1.0, checked 2026-11).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared_code.errors import SourceNotFoundError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.teams.ids import MessagePlace
from shared_code.graph.teams.import_body import StoredMessage, created_of, image_ids
from shared_code.graph.teams.messages import PAGE_SIZE, READ_MESSAGES
from shared_code.model.resource import Resource
from shared_code.model.write_back import RestoreItem

MOST_SHIFTS_MS = 50
_WITHIN = timedelta(milliseconds=MOST_SHIFTS_MS)
_ABSENT = 404


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


class SeenMessages:
    """Reads one channel of the target; remembers what it has listed and what belongs to whom."""

    def __init__(self, client: GraphClient, resource: Resource, channel_id: str) -> None:
        self._client = client
        self._channel_id = channel_id
        team = client.graph.teams.by_team_id(resource.source_id)
        self._messages = team.channels.by_channel_id(channel_id).messages
        self._asked = Asked("read messages of a channel", READ_MESSAGES, {"channel_id": channel_id})
        self._listed: list[dict[str, Any]] | None = None
        self._claimed: set[str] = set()

    def place(self, message: Mapping[str, Any]) -> str:
        """Id of a message of this channel, of the form that items have."""
        return MessagePlace(self._channel_id, text_of(message.get("id")), text_of(message.get("replyToId"))).item_id

    def forget(self) -> None:
        """An answer was lost: what was listed may not be all that is there."""
        self._listed = None

    def note(self, made: dict[str, Any]) -> None:
        """A message was imported."""
        if self._listed is not None:
            self._listed.append(made)
        self._claimed.add(text_of(made.get("id")))

    async def living(self, works: Sequence[MessageWork]) -> dict[str, dict[str, Any]]:
        """Those of the originals that live in this channel, by item id."""
        own = [work for work in works if work.item.version.change.parent_id == self._channel_id]
        found = await self.read((work.message_id, work.root_id) for work in own)
        return {work.item.id: message for work, message in zip(own, found, strict=True) if message is not None}

    async def read(self, places: Iterable[tuple[str, str]]) -> list[dict[str, Any] | None]:
        """Messages by (id, root id), in batches; None for one that is not there or deleted."""
        infos = [self._one(*place).to_get_request_information() for place in places]
        found: list[dict[str, Any] | None] = []
        for answer in await self._client.batch(infos, self._asked) if infos else []:
            if not answer.is_success and answer.status != _ABSENT:
                raise answer.error(self._asked)
            message = answer.json_object() if answer.is_success else {}
            found.append(message if message and not message.get("deletedDateTime") else None)
        return found

    async def differences(self, stored: StoredMessage, seen: Mapping[str, Any]) -> list[str]:
        """Which properties of a message are not the stored ones, images by their bytes."""
        digests = [await self._image_digest(seen, content_id) for content_id in image_ids(seen)]
        return stored.differences(seen, digests)

    async def earlier(self, work: MessageWork) -> dict[str, Any] | None:
        """A living message that is an earlier import of this one and nobody else's."""
        for message in await self._all():
            message_id = text_of(message.get("id"))
            if message_id in self._claimed or bool(message.get("replyToId")) != bool(work.root_id):
                continue
            if work.stored.is_like(message, _WITHIN) and not await work.item.belongs_to_other(self.place(message)):
                self._claimed.add(message_id)
                return message
        return None

    async def root_at(self, moment: datetime | None) -> dict[str, Any] | None:
        """The living root message of that time, or of a little later."""
        for message in await self._all() if moment is not None else []:
            created = created_of(message)
            if created is None or message.get("replyToId") or message.get("deletedDateTime"):
                continue
            if moment is not None and timedelta(0) <= created - moment <= _WITHIN:
                return message
        return None

    async def _image_digest(self, seen: Mapping[str, Any], content_id: str) -> str:
        hosted = self._one(text_of(seen.get("id")), text_of(seen.get("replyToId"))).hosted_contents
        builder = hosted.by_chat_message_hosted_content_id(content_id).content
        try:
            answer = await self._client.send(builder.to_get_request_information(), self._asked)
        except SourceNotFoundError:
            return "not there"
        return hashlib.sha256(answer.body).hexdigest()

    async def _all(self) -> list[dict[str, Any]]:
        if self._listed is None:
            self._listed = [message async for message in self._read_all()]
        return self._listed

    async def _read_all(self) -> AsyncGenerator[dict[str, Any], None]:
        """Every message of the channel, with replies."""
        info = with_query(self._messages.to_get_request_information(), top=PAGE_SIZE, expand="replies")
        async with aclosing(self._client.get_pages(info, self._asked)) as pages:
            async for page in pages:
                for root in values_of(page):
                    replies = [each for each in root.pop("replies", None) or [] if isinstance(each, dict)]
                    yield root
                    for reply in replies:
                        yield reply
                    link = text_of(root.get("replies@odata.nextLink"))
                    if link:
                        async with aclosing(self._client.get_pages(self._client.link(link), self._asked)) as more:
                            async for further in more:
                                for reply in values_of(further):
                                    yield reply

    def _one(self, message_id: str, root_id: str) -> Any:
        if root_id:
            return self._messages.by_chat_message_id(root_id).replies.by_chat_message_id1(message_id)
        return self._messages.by_chat_message_id(message_id)


def moment_of(message_id: str) -> datetime | None:
    """Ids of channel messages are the milliseconds since 1970 of their creation; None for an id of another form."""
    if not (message_id.isascii() and message_id.isdigit() and len(message_id) <= 14):
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(message_id))
