"""Reading a team and its channels: settings, members, tabs, and which channels others share with it.

Sources: graph-docs team-get, team-list-members, channel-list, team-get-primarychannel, team-list-incomingchannels,
channel-list-members, channel-list-tabs (v1.0, checked 2026-11).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from shared_code.errors import AccessDeniedError, SourceError, SourceNotFoundError, SourceUnavailableError
from shared_code.graph.answer import Asked
from shared_code.graph.batch import BatchAnswer
from shared_code.graph.client import GraphClient
from shared_code.graph.collection_page import page_values
from shared_code.graph.odata import text_of, with_query
from shared_code.graph.teams.changes import (
    READ,
    channel_change,
    channel_settings_change,
    incoming_change,
    membership_of,
    roles_of,
    team_change,
    unlisted_incoming_change,
)
from shared_code.graph.whole_collections import all_values
from shared_code.model.item import Change
from shared_code.model.resource import Resource

MOST_OWNERS = 5  # as many as a restore tries, should the first have left
_MEMBERS, _TABS = "members", "tabs"


@dataclass(slots=True)
class _Parts:
    """Members and tabs of a channel, and why one of them could not be read."""

    read: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    errors: dict[str, SourceError] = field(default_factory=dict)
    is_gone: bool = False

    @property
    def unread(self) -> dict[str, str]:
        """What could not be read -> the status that was answered."""
        return {name: str(error.context.get("status", "")) for name, error in self.errors.items()}


class TeamChannels:
    """Reads one team."""

    def __init__(self, client: GraphClient, resource: Resource) -> None:
        self._client = client
        self._ids = {"resource_id": resource.id}
        self._settings: Change | None = None
        self._team = client.graph.teams.by_team_id(resource.source_id)

    async def settings(self) -> Change:
        """The team's settings with its members and owners, read once. Raises SourceNotFoundError when there is no such
        team."""
        if self._settings is None:
            self._settings = await self._read_settings()
        return self._settings

    async def _read_settings(self) -> Change:
        asked = Asked("read a team", "TeamSettings.Read.All", self._ids)
        team = _named(await self._client.get_json(self._team.to_get_request_information(), asked), asked)
        asked = Asked("read members of a team", "TeamMember.Read.All", self._ids)
        return team_change(team, await self._all(self._team.members.to_get_request_information(), asked))

    async def channels(self) -> list[dict[str, Any]]:
        """The channels that this team hosts."""
        asked = Asked("read channels", "ChannelSettings.Read.All", self._ids)
        found = await self._all(self._team.channels.to_get_request_information(), asked)
        return [channel for channel in found if text_of(channel.get("id"))]

    async def changes(self) -> list[Change]:
        """A folder and a settings item for each channel, and the channels of other teams by name."""
        asked = Asked("read channels", "ChannelSettings.Read.All", self._ids)
        channels = await self.channels()
        info = self._team.primary_channel.to_get_request_information()
        primary = _named(await self._client.get_json(info, asked), asked)
        incoming = await self._incoming(asked)
        team_owners = owners_of(json.loads((await self.settings()).transient[READ])["members"])
        found: list[Change] = []
        for channel, parts in zip(channels, await self._parts(channels), strict=True):
            if parts.is_gone:
                continue  # deleted meanwhile
            is_primary = channel.get("id") == primary.get("id")
            members, tabs = parts.read.get(_MEMBERS, []), parts.read.get(_TABS, [])
            owners = team_owners if membership_of(channel) == "standard" else owners_of(members)
            found.append(channel_change(channel, is_primary=is_primary, owners=owners[:MOST_OWNERS]))
            found.append(channel_settings_change(channel, members, tabs, parts.unread))
        return found + incoming

    async def _incoming(self, asked: Asked) -> list[Change]:
        """The channels of other teams by name; one item that says so where they cannot be listed, for none of them is
        stored here, and those that are keep being read."""
        try:
            listed = await self._all(self._team.incoming_channels.to_get_request_information(), asked)
        except AccessDeniedError:
            raise  # the same permission as for the team's own channels
        except SourceError as error:
            if error.retryable:
                raise
            return [unlisted_incoming_change(str(error.context.get("status", "")))]
        return [incoming_change(channel) for channel in listed if text_of(channel.get("id"))]

    async def one(self, channel_id: str) -> Change:
        """The settings item of one channel, whole. Raises SourceNotFoundError, and SourceError when a part cannot be
        read."""
        asked = Asked("read a channel", "ChannelSettings.Read.All", self._ids)
        info = self._team.channels.by_channel_id(channel_id).to_get_request_information()
        channel = _named(await self._client.get_json(info, asked), asked)
        [parts] = await self._parts([channel])
        for error in parts.errors.values():
            raise error
        return channel_settings_change(channel, parts.read[_MEMBERS], parts.read[_TABS])

    async def _parts(self, channels: Sequence[Mapping[str, Any]]) -> list[_Parts]:
        """Members and tabs of each channel. A standard channel's members are the team's, and are not read again for
        it. Raises what concerns all: AccessDeniedError only when a kind of part is denied for every channel, since
        then a permission is missing and no channel is to blame."""
        asked = {
            _MEMBERS: Asked("read members of a channel", "ChannelMember.Read.All", self._ids),
            _TABS: Asked("read tabs of a channel", "TeamsTab.Read.All", self._ids),
        }
        parts = [_Parts() for _ in channels]
        infos: list[Any] = []
        wanted: list[tuple[_Parts, str]] = []
        for channel, part in zip(channels, parts, strict=True):
            builder = self._team.channels.by_channel_id(text_of(channel.get("id")))
            if membership_of(channel) == "standard":
                part.read[_MEMBERS] = []
            else:
                infos.append(builder.members.to_get_request_information())
                wanted.append((part, _MEMBERS))
            infos.append(with_query(builder.tabs.to_get_request_information(), expand="teamsApp"))
            wanted.append((part, _TABS))
        answers = await self._client.batch(infos, asked[_TABS])
        for (part, name), answer in zip(wanted, answers, strict=True):
            await self._sort_in(part, name, answer, asked[name])
        for name in (_MEMBERS, _TABS):
            errors = [part.errors.get(name) for part, what in wanted if what == name]
            if errors and all(isinstance(error, AccessDeniedError) for error in errors):
                raise next(error for error in errors if error)
        for channel, part in zip(channels, parts, strict=True):
            if any(isinstance(error, SourceNotFoundError) for error in part.errors.values()):
                part.is_gone = await self._is_gone(text_of(channel.get("id")))
        return parts

    async def _sort_in(self, parts: _Parts, name: str, answer: BatchAnswer, asked: Asked) -> None:
        try:
            if not answer.is_success:
                raise answer.error(asked)
            parts.read[name] = await all_values(self._client, answer, asked)
        except SourceError as error:
            if error.retryable:
                raise
            parts.errors[name] = error

    async def _is_gone(self, channel_id: str) -> bool:
        """Whether a channel that was just listed is gone: only its own absence says so, not that of a part of it."""
        asked = Asked("read a channel", "ChannelSettings.Read.All", self._ids)
        info = self._team.channels.by_channel_id(channel_id).to_get_request_information()
        try:
            await self._client.get_json(with_query(info, select=["id"]), asked)
        except SourceNotFoundError:
            return True
        return False

    async def _all(self, info: Any, asked: Asked) -> list[dict[str, Any]]:
        async with aclosing(self._client.get_pages(info, asked)) as pages:
            return [value async for page in pages for value in page_values(page, asked)]


def _named(value: dict[str, Any], asked: Asked) -> dict[str, Any]:
    if not text_of(value.get("id")):
        raise SourceUnavailableError(f"{asked.operation}: an answer without an id.", **(asked.ids or {}))
    return value


def owners_of(members: Sequence[Mapping[str, Any]]) -> list[str]:
    """User ids of those members who own the team or channel, in order."""
    owners = [text_of(each.get("userId")) for each in members if "owner" in roles_of(each)]
    return sorted(owner for owner in owners if owner)
