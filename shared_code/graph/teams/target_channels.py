"""Channels of the team that is restored into: found again, or made again.

Sources: graph-docs channel-post, team-post-members (v1.0, checked 2026-11); "Limits and specifications for Microsoft
Teams": a channel's name has at most 50 characters, and a deleted channel keeps its own for 30 days.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from shared_code.errors import SourceError, TargetConflictError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of
from shared_code.graph.teams.changes import READ, membership_of, roles_of
from shared_code.graph.teams.channels import TeamChannels
from shared_code.model.item import ItemVersion
from shared_code.model.resource import Resource

LONGEST_NAME = 50
_SUFFIX = " (restored)"
_LOOKS_FOR_A_NEW_ONE = 10
_BETWEEN_LOOKS_S = 3.0
_REFUSED = 400


class TargetChannels:
    """The channels of one team, read once and kept in step with what is made."""

    def __init__(self, client: GraphClient, resource: Resource) -> None:
        self._client = client
        self._resource = resource
        self._reader = TeamChannels(client, resource)
        self._builder = client.graph.teams.by_team_id(resource.source_id)
        self._ids = {"resource_id": resource.id}
        self._known: dict[str, dict[str, Any]] | None = None

    async def named(self, name: str) -> str:
        """Id of the channel of this name, whatever its kind; a new standard one when there is none. Raises
        TargetConflictError for a name that cannot be had."""
        for channel in (await self._all()).values():
            if text_of(channel.get("displayName")).casefold() == name.casefold():
                return text_of(channel.get("id"))
        if len(name) > LONGEST_NAME:
            raise TargetConflictError(f"Teams takes at most {LONGEST_NAME} characters in a channel's name.")
        made = await self._create({"displayName": name, "membershipType": "standard"})
        if not made:
            raise TargetConflictError(
                "Teams refuses that name for a new channel; a deleted channel keeps its own for 30 days. Take another."
            )
        return made

    async def of(self, version: ItemVersion) -> str:
        """Id of the original channel where it lives, else of the one of its name and kind, else of a new one. Raises
        TargetConflictError."""
        known = await self._all()
        stored, properties = version.change, version.change.properties
        if stored.item_id in known:
            return stored.item_id
        if properties.get("primary"):
            return await self._primary()
        membership = text_of(properties.get("membershipType")) or "standard"
        names = [stored.name, restored_name(stored.name)]
        for name in names:
            for channel in known.values():
                if text_of(channel.get("displayName")) == name and membership_of(channel) == membership:
                    return text_of(channel.get("id"))
        members = await self._first_owner(properties, membership)
        for name in names:
            body: dict[str, Any] = {"displayName": name, "membershipType": membership, **members}
            if properties.get("description"):
                body["description"] = properties["description"]
            made = await self._create(body)
            if made:
                return made
        raise TargetConflictError("Teams refuses to make this channel again, under its own name and another.")

    async def _all(self) -> dict[str, dict[str, Any]]:
        if self._known is None:
            self._known = {text_of(channel["id"]): channel for channel in await self._reader.channels()}
        return self._known

    async def _primary(self) -> str:
        asked = Asked("read the primary channel", "ChannelSettings.Read.All", self._ids)
        primary = await self._client.get_json(self._builder.primary_channel.to_get_request_information(), asked)
        return text_of(primary.get("id"))

    async def _first_owner(self, properties: Mapping[str, Any], membership: str) -> dict[str, Any]:
        """The owner with whom a private or shared channel has to be made: a stored one who is in the team, else a
        stored one who comes back into it, else any owner of the team."""
        if membership == "standard":
            return {}
        wanted = [str(owner) for owner in properties.get("owners") or []]
        team = await self._team_members()
        present = [owner for owner in wanted if owner in team]
        if not present:
            present = [owner for owner in wanted[:3] if await self.add_team_member(owner, [])]
        present += [user for user, roles in team.items() if "owner" in roles]
        if not present:
            raise TargetConflictError("Nobody is there to own this channel: give the team an owner first.")
        return {"members": [self.member_body(present[0], ["owner"])]}

    async def owner(self) -> str:
        """An owner of the team, always the same one. Raises TargetConflictError when it has none."""
        owners = sorted(user for user, roles in (await self._team_members()).items() if "owner" in roles)
        if not owners:
            raise TargetConflictError("The team has no owner. Give it one first.")
        return owners[0]

    async def add_team_member(self, user_id: str, roles: Sequence[str]) -> bool:
        """Make somebody a member of the team; False when Graph refuses, for one who has left the tenant."""
        info = self._client.request("POST", "/teams/{team}/members", team=self._team_id)
        asked = Asked("add a member to a team", "TeamMember.ReadWrite.All", self._ids)
        return await _taken(self._client, info, self.member_body(user_id, roles), asked)

    def member_body(self, user_id: str, roles: Sequence[str]) -> dict[str, Any]:
        """A member as Graph wants it."""
        return member_body(self._client, user_id, roles)

    @property
    def _team_id(self) -> str:
        return self._resource.source_id

    async def _team_members(self) -> dict[str, list[str]]:
        return members_of((await TeamChannels(self._client, self._resource).settings()).transient)

    async def _create(self, body: Mapping[str, Any]) -> str:
        """Id of a new channel; empty when Teams refuses, mostly because of the name. A shared channel is made in the
        background: it is waited for."""
        info = self._client.request("POST", "/teams/{team}/channels", team=self._team_id)
        asked = Asked("make a channel", "Channel.Create", self._ids)
        try:
            made = await self._client.send_json(info, dict(body), asked, idempotent=False)
        except SourceError as error:
            if error.context.get("status") == _REFUSED:
                return ""
            raise
        if made.get("id"):
            known = await self._all()
            known[text_of(made["id"])] = made
            return text_of(made["id"])
        for look in range(_LOOKS_FOR_A_NEW_ONE):
            if look:
                await asyncio.sleep(_BETWEEN_LOOKS_S)
            self._known = None
            for channel_id, channel in (await self._all()).items():
                if channel.get("displayName") == body["displayName"]:
                    return channel_id
        raise TargetConflictError("Teams has not made this channel yet. Restore once more; what is there is used.")


def member_body(client: GraphClient, user_id: str, roles: Sequence[str]) -> dict[str, Any]:
    """A member as Graph wants it."""
    return {
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "roles": list(roles),
        "user@odata.bind": f"{client.base_url}/users('{user_id.replace(chr(39), '')}')",
    }


def members_of(transient: Mapping[str, str]) -> dict[str, list[str]]:
    """User id -> roles of a settings item that was just read."""
    return {
        text_of(member.get("userId")): roles_of(member)
        for member in read_of(transient).get("members", [])
        if member.get("userId")
    }


def read_of(transient: Mapping[str, str]) -> dict[str, Any]:
    """What was read of a settings item."""
    value: dict[str, Any] = json.loads(transient[READ])
    return value


async def _taken(client: GraphClient, info: Any, body: Mapping[str, Any], asked: Asked) -> bool:
    try:
        await client.send_json(info, dict(body), asked, idempotent=True)
    except SourceError as error:
        if error.context.get("status") in (_REFUSED, 404):
            return False
        raise
    return True


def restored_name(name: str) -> str:
    """The name that a channel comes back under when its own is taken."""
    return name[: LONGEST_NAME - len(_SUFFIX)].rstrip() + _SUFFIX
