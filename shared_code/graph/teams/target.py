"""Teams as a target.

Channels are folders: the original where it lives, else one of its name, else a new one. Messages go back in migration
mode (``target_messages.py``), settings, members and tabs item by item (``target_settings.py``). A restore
into a named channel brings messages alone. A team that is gone is made again (``target_home.py``).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from shared_code.errors import BackupError, TargetConflictError
from shared_code.graph.client import GraphClient
from shared_code.graph.target_outcomes import failed, read_form
from shared_code.graph.teams.channels import owners_of
from shared_code.graph.teams.import_body import StoredMessage
from shared_code.graph.teams.target_channels import TargetChannels
from shared_code.graph.teams.target_home import TargetHome
from shared_code.graph.teams.target_messages import TargetMessages
from shared_code.graph.teams.target_seen import MessageWork
from shared_code.graph.teams.target_settings import TargetSettings
from shared_code.model.item import Form, ItemKind, ItemVersion
from shared_code.model.outcome import SkipCause
from shared_code.model.resource import Resource
from shared_code.model.write_back import RestoreItem, WriteState, Written

_UNREADABLE = "What is stored of it is no Teams item."
_NOT_HERE = "Settings, members and tabs stay as they are in a restore into a named channel."


class TeamTarget:
    """Satisfies the port ``Target`` for ResourceKind.TEAM."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    def open(self, resource: Resource) -> TeamSession:
        """Begin a slice's work on one team."""
        return TeamSession(self._client, resource)


class TeamSession:
    """Satisfies the port ``TargetSession`` for one team."""

    def __init__(self, client: GraphClient, resource: Resource) -> None:
        self._client = client
        self._resource = resource
        self._home = TargetHome(client, resource)
        self._there: _Team | None = None

    async def top_folder(self, name: str, like: ItemVersion | None) -> str:
        """Id of the channel ``name``, made when missing. Raises TargetConflictError."""
        team = await self._team(_owners(like))
        return await team.channels.named(name)

    async def folder(self, version: ItemVersion, parent_target_id: str, original: bool) -> str:
        """Id of the channel for a stored one: with a named channel (``parent_target_id``) that one, for it takes
        the messages of all. Raises TargetConflictError."""
        if version.change.skip_cause == SkipCause.CHANNEL_OF_ANOTHER_TEAM:
            return parent_target_id or version.change.item_id  # nothing of it is stored here
        if not original and parent_target_id:
            return parent_target_id
        team = await self._team(_owners(version))
        return await team.channels.of(version)

    async def write(self, items: Sequence[RestoreItem]) -> AsyncIterator[Written]:
        """Write items back, settings of the team first, then each channel's messages, then channels' settings; read
        them again and compare. A message is reported only after its channel has left migration mode."""
        works: dict[str, list[MessageWork]] = {}
        settings: list[tuple[RestoreItem, Mapping[str, Any]]] = []
        for item in items:
            try:
                native = await _native_of(item)
            except BackupError as error:
                yield failed(item, error)
                continue
            kind = item.version.change.kind
            stored = StoredMessage.of(native) if kind is ItemKind.CHANNEL_MESSAGE else None
            if stored is not None:
                works.setdefault(item.parent_target_id, []).append(MessageWork(item, stored))
            elif kind is ItemKind.CHANNEL_MESSAGE or native is None:
                yield Written(item.id, WriteState.FAILED, error=_UNREADABLE)
            elif not item.to_original:
                yield Written(item.id, WriteState.EXISTING, error=_NOT_HERE)
            elif kind is ItemKind.TEAM_SETTINGS:
                yield await self._write_settings(item, native)
            else:
                settings.append((item, native))
        for channel_id, channel_works in works.items():
            try:
                team = await self._team(())
                outcomes = await team.messages_of(channel_id).write(channel_works)
            except BackupError as error:  # a channel that was deleted meanwhile, or that another app imports into
                outcomes = [failed(work.item, error) for work in channel_works]
            for written in outcomes:
                yield written
        for item, native in settings:
            yield await self._write_settings(item, native)

    async def _write_settings(self, item: RestoreItem, native: Mapping[str, Any]) -> Written:
        try:
            team = await self._team(owners_of([each for each in native.get("members") or [] if isinstance(each, dict)]))
            if item.version.change.kind is ItemKind.TEAM_SETTINGS:
                made_for = self._resource.source_id if team.resource != self._resource else ""
                return await team.settings.write_team(item, native, made_for=made_for)
            return await team.settings.write_channel(item, native, item.parent_target_id)
        except TargetConflictError as error:
            return Written(item.id, WriteState.FAILED, error=error.message)
        except BackupError as error:
            return failed(item, error)

    async def _team(self, owners: Sequence[str]) -> _Team:
        """The team that is written to; made when it is gone. Raises TargetConflictError."""
        if self._there is None:
            resource = await self._home.find() or await self._home.make(owners)
            self._there = _Team(self._client, resource)
        return self._there


class _Team:
    """What writes to one team that is there."""

    def __init__(self, client: GraphClient, resource: Resource) -> None:
        self._client = client
        self.resource = resource
        self.channels = TargetChannels(client, resource)
        self.settings = TargetSettings(client, resource, self.channels)
        self._messages: dict[str, TargetMessages] = {}

    def messages_of(self, channel_id: str) -> TargetMessages:
        """What writes to one channel; it remembers what it has seen there."""
        if channel_id not in self._messages:
            self._messages[channel_id] = TargetMessages(self._client, self.resource, channel_id, self.channels.owner)
        return self._messages[channel_id]


def _owners(version: ItemVersion | None) -> list[str]:
    owners = version.change.properties.get("owners") if version else None
    return [str(owner) for owner in owners] if isinstance(owners, list) else []


async def _native_of(item: RestoreItem) -> Mapping[str, Any] | None:
    try:
        native = json.loads(await read_form(item, Form.NATIVE))
    except (ValueError, RecursionError):
        return None
    return native if isinstance(native, dict) else None
