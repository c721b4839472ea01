"""Reading what a team's items hold. Most of it came with the feeds; inline images are fetched here.

Sources: graph-docs chatmessage-get, chatmessagehostedcontent-get (v1.0, checked 2026-11).
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

from shared_code.errors import (
    AccessDeniedError,
    SourceError,
    SourceNotFoundError,
    SourceUnavailableError,
    ThrottledError,
)
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.concurrency import as_they_come
from shared_code.graph.failure_run import FailureRun
from shared_code.graph.odata import text_of
from shared_code.graph.teams.changes import READ, canonical, message_change
from shared_code.graph.teams.channels import TeamChannels
from shared_code.graph.teams.messages import READ_MESSAGES
from shared_code.graph.teams.readable import HOSTED, UNREAD_IMAGES, readable
from shared_code.model.feed import Fetched, FetchState
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.resource import Resource

# "Microsoft Graph service-specific throttling limits" (checked 2026-11): 4 requests a second and team.
_AT_ONCE = 4
_MAX_FAILURES_IN_A_ROW = 8
_ABSENT = "404"


class TeamFetch:
    """Fetches items of one team."""

    def __init__(self, client: GraphClient, resource: Resource) -> None:
        self._client = client
        self._resource = resource
        self._failures = FailureRun(_MAX_FAILURES_IN_A_ROW)
        self._team = client.graph.teams.by_team_id(resource.source_id)
        self._ids = {"resource_id": resource.id}

    async def fetch(self, changes: Sequence[Change]) -> AsyncGenerator[Fetched, None]:
        """One answer for each change, at most four under way."""
        jobs: list[Callable[[], Awaitable[Fetched]]] = [partial(self._fetch_one, change) for change in changes]
        async with aclosing(as_they_come(jobs, _AT_ONCE)) as results:
            async for fetched in results:
                yield fetched

    async def _fetch_one(self, change: Change) -> Fetched:
        try:
            if change.kind is ItemKind.CHANNEL_MESSAGE:
                fetched = await self._message(change)
            else:
                fetched = await self._settings(change)
        except ThrottledError:
            raise
        except (AccessDeniedError, SourceUnavailableError) as error:
            return Fetched(change, change, FetchState.FAILED, {}, error=self._failures.failure(error))
        except SourceError as error:
            return Fetched(change, change, FetchState.FAILED, {}, error=error.message)
        self._failures.success()
        return fetched

    async def _settings(self, change: Change) -> Fetched:
        if READ in change.transient:
            return Fetched(change, change, FetchState.FETCHED, {Form.NATIVE: change.transient[READ].encode()})
        reader = TeamChannels(self._client, self._resource)
        known = [await reader.settings()] if change.kind is ItemKind.TEAM_SETTINGS else await reader.changes()
        for fresh in known:
            if fresh.item_id == change.item_id:
                return Fetched(change, fresh, FetchState.FETCHED, {Form.NATIVE: fresh.transient[READ].encode()})
        return Fetched(change, change, FetchState.GONE, {})

    async def _message(self, change: Change) -> Fetched:
        fresh: Change | None = change
        if READ not in change.transient:
            asked = Asked("read a message of a channel", READ_MESSAGES, self._ids)
            try:
                value = await self._client.get_json(self._builder(change).to_get_request_information(), asked)
            except SourceNotFoundError:
                return Fetched(change, change, FetchState.GONE, {})
            if text_of(value.get("id")) != change.properties.get("messageId") or not text_of(value.get("messageType")):
                raise SourceUnavailableError("The answer for a message is not that message.", **self._ids)
            fresh = message_change(value, text_of(change.properties.get("channelId")))
        if fresh is None or fresh.deleted or fresh.item_id != change.item_id:
            return Fetched(change, change, FetchState.GONE, {})
        if READ not in fresh.transient:
            raise SourceError("The message is nested too deep to be kept.", **self._ids)
        message: dict[str, Any] = json.loads(fresh.transient[READ])
        images, unread = await self._images(fresh, message)
        native: dict[str, Any] = {"message": message, "hostedContents": images}
        if unread:
            native[UNREAD_IMAGES] = unread
            # Another etag than a listing brings, so that the next one has the message read again.
            etag = fresh.etag if set(unread.values()) == {_ABSENT} else f"{fresh.etag}#unread"
            fresh = replace(fresh, etag=etag, properties={**fresh.properties, UNREAD_IMAGES: unread})
        forms = {Form.NATIVE: canonical(native).encode(), Form.READABLE: readable(native)}
        return Fetched(change, fresh, FetchState.FETCHED, forms)

    async def _images(self, change: Change, message: Mapping[str, Any]) -> tuple[list[dict[str, str]], dict[str, str]]:
        """The images that could be read, and the status that was answered for each of the others: the text is kept all
        the same. Raises for throttling and a service that is down."""
        body = message.get("body")
        content = text_of(body.get("content")) if isinstance(body, Mapping) else ""
        images: list[dict[str, str]] = []
        unread: dict[str, str] = {}
        for content_id in dict.fromkeys(HOSTED.findall(content)):
            hosted = self._builder(change).hosted_contents.by_chat_message_hosted_content_id(content_id)
            asked = Asked("read an inline image", READ_MESSAGES, self._ids)
            try:
                answer = await self._client.send(hosted.content.to_get_request_information(), asked)
            except SourceError as error:
                if error.retryable:
                    raise
                unread[content_id] = str(error.context.get("status", ""))
                continue
            images.append(
                {
                    "id": content_id,
                    "contentType": str(answer.headers.get("content-type", "")).partition(";")[0],
                    "contentBytes": base64.b64encode(answer.body).decode("ascii"),
                }
            )
        return images, unread

    def _builder(self, change: Change) -> Any:
        properties = change.properties
        messages = self._team.channels.by_channel_id(text_of(properties.get("channelId"))).messages
        root_id = text_of(properties.get("rootId"))
        message_id = text_of(properties.get("messageId"))
        if not root_id:
            return messages.by_chat_message_id(message_id)
        return messages.by_chat_message_id(root_id).replies.by_chat_message_id1(message_id)
