"""Reading a team and its channels: settings, members, tabs, and which channels others share with it.

Sources: graph-docs team-get, team-list-members, channel-list, team-get-primarychannel, team-list-incomingchannels,
channel-list-members, channel-list-tabs (v1.0, checked 2026-11).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from shared_code.errors import SourceNotFoundError
from shared_code.graph.answer import Asked
from shared_code.graph.batch import BatchAnswer
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.team_changes import (
    READ,
    channel_change,
    channel_settings_change,
    incoming_change,
    membership_of,
    team_change,
)
from shared_code.model.item import Change
from shared_code.model.resource import Resource

_ABSENT = 404
MOST_OWNERS = 5  # as many as a restore tries, should the first have left


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
        team = await self._client.get_json(self._team.to_get_request_information(), asked)
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
        primary = await self._client.get_json(self._team.primary_channel.to_get_request_information(), asked)
        incoming = await self._all(self._team.incoming_channels.to_get_request_information(), asked)
        team_owners = owners_of(json.loads((await self.settings()).transient[READ])["members"])
        found: list[Change] = []
        for channel, (members, tabs) in zip(channels, await self._parts(channels), strict=True):
            if members is None or tabs is None:
                continue  # deleted meanwhile
            is_primary = channel.get("id") == primary.get("id")
            owners = team_owners if membership_of(channel) == "standard" else owners_of(members)
            found.append(channel_change(channel, is_primary=is_primary, owners=owners[:MOST_OWNERS]))
            found.append(channel_settings_change(channel, members, tabs))
        found += [incoming_change(channel) for channel in incoming if channel.get("id")]
        return found

    async def one(self, channel_id: str) -> Change:
        """The settings item of one channel. Raises SourceNotFoundError."""
        asked = Asked("read a channel", "ChannelSettings.Read.All", self._ids)
        info = self._team.channels.by_channel_id(channel_id).to_get_request_information()
        channel = await self._client.get_json(info, asked)
        [(members, tabs)] = await self._parts([channel])
        if members is None or tabs is None:
            raise SourceNotFoundError("The channel is gone.", channel_id=channel_id)
        return channel_settings_change(channel, members, tabs)

    async def _parts(self, channels: Sequence[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
        """Members and tabs of each channel; None where the channel is gone. A standard channel's members are the
        team's, and are not read again for it."""
        asked_members = Asked("read members of a channel", "ChannelMember.Read.All", self._ids)
        asked_tabs = Asked("read tabs of a channel", "TeamsTab.Read.All", self._ids)
        infos: list[Any] = []
        for channel in channels:
            builder = self._team.channels.by_channel_id(text_of(channel.get("id")))
            if membership_of(channel) != "standard":
                infos.append(builder.members.to_get_request_information())
            infos.append(with_query(builder.tabs.to_get_request_information(), expand="teamsApp"))
        answers = iter(await self._client.batch(infos, asked_tabs))
        parts: list[tuple[Any, Any]] = []
        for channel in channels:
            has_own = membership_of(channel) != "standard"
            members = await self._rest(next(answers), asked_members) if has_own else []
            parts.append((members, await self._rest(next(answers), asked_tabs)))
        return parts

    async def _rest(self, answer: BatchAnswer, asked: Asked) -> list[dict[str, Any]] | None:
        if answer.status == _ABSENT:
            return None
        if not answer.is_success:
            raise answer.error(asked)
        page = answer.json_object()
        found = values_of(page)
        link = text_of(page.get("@odata.nextLink"))
        if link:
            try:
                found += await self._all(self._client.link(link), asked)
            except SourceNotFoundError:
                return None
        return found

    async def _all(self, info: Any, asked: Asked) -> list[dict[str, Any]]:
        async with aclosing(self._client.get_pages(info, asked)) as pages:
            return [value async for page in pages for value in values_of(page)]


def owners_of(members: Sequence[Mapping[str, Any]]) -> list[str]:
    """User ids of those members who own the team or channel, in order."""
    owners = [text_of(each.get("userId")) for each in members if "owner" in (each.get("roles") or [])]
    return sorted(owner for owner in owners if owner)
