"""Settings, members and tabs of a team and its channels, written back.

What is missing is added under every rule: members, owners, tabs. What is otherwise than stored is made so under
``replace`` alone; under the other rules it is left and named. Nobody is removed. Sources: graph-docs team-update,
team-post-members, team-update-members, channel-patch, channel-post-members, channel-post-tabs (v1.0, checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shared_code.errors import AccessDeniedError, SourceError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of
from shared_code.graph.teams.changes import UNREAD, roles_of
from shared_code.graph.teams.channels import TeamChannels
from shared_code.graph.teams.target_channels import TargetChannels, read_of, restored_name
from shared_code.graph.teams.target_home import marked
from shared_code.model.resource import Resource
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import RestoreItem, WriteState, Written

_TEAM_SETTINGS = (
    "displayName",
    "description",
    "visibility",
    "memberSettings",
    "guestSettings",
    "messagingSettings",
    "funSettings",
)
_CHANNEL_SETTINGS = ("displayName", "description", "isFavoriteByDefault")
_MEMBER = "#microsoft.graph.aadUserConversationMember"
_CONFIGURATION = ("entityId", "contentUrl", "removeUrl", "websiteUrl")


@dataclass(slots=True)
class _Work:
    """What was done for one item, and what could not be. ``refused``: what it is -> why."""

    written: bool = False
    left: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def tried(self) -> bool:
        """Whether anything was sent, so that what is there has to be read again."""
        return self.written or bool(self.refused)


class TargetSettings:
    """Writes settings items of one team."""

    def __init__(self, client: GraphClient, resource: Resource, channels: TargetChannels) -> None:
        self._client = client
        self._team_id = resource.source_id
        self._resource = resource
        self._channels = channels
        self._ids = {"resource_id": resource.id}

    async def write_team(self, item: RestoreItem, stored: Mapping[str, Any], *, made_for: str) -> Written:
        """The team's settings, members and owners; read again at the end. ``made_for``: the id of the team that this
        one was made for by a restore, so that nothing of it is anybody's choice but its name, and the mark in its
        description by which it is found again; "" for an original."""
        work = _Work()
        present = await self._team()
        own: dict[str, str] = {"team": self._team_id}
        if made_for:
            item = replace(item, conflict=ConflictRule.REPLACE)
            was = stored.get("team")
            settings = dict(was) if isinstance(was, Mapping) else {}
            settings["displayName"] = present["team"]["displayName"]
            settings["description"] = marked(text_of(settings.get("description")), made_for)
            stored = {**stored, "team": settings}
        await self._settings(item, work, _TEAM_SETTINGS, stored.get("team"), present.get("team"), "/teams/{team}", own)
        await self._members(item, work, stored, present, "/teams/{team}/members", own)
        again = await self._team() if work.tried else present
        return _outcome(item, work, _still_missing(stored, again), self._team_id)

    async def write_channel(self, item: RestoreItem, stored: Mapping[str, Any], channel_id: str) -> Written:
        """A channel's definition, members and tabs; read again at the end."""
        work, own = _Work(), {"team": self._team_id, "channel": channel_id}
        present = await self._channel(channel_id)
        path = "/teams/{team}/channels/{channel}"
        wanted = dict(stored.get("channel") or {})
        name = text_of(wanted.get("displayName"))
        if text_of((present.get("channel") or {}).get("displayName")) == restored_name(name):
            wanted.pop("displayName", None)  # made again under the next best name
        await self._settings(item, work, _CHANNEL_SETTINGS, wanted, present.get("channel"), path, own)
        await self._members(item, work, stored, present, f"{path}/members", own)
        await self._tabs(work, stored, present, f"{path}/tabs", own)
        unread = stored.get(UNREAD)
        for name, status in unread.items() if isinstance(unread, Mapping) else ():
            work.refused[f"{name}, not read on the day of the backup"] = str(status)
        again = await self._channel(channel_id) if work.tried else present
        return _outcome(item, work, _still_missing(stored, again), channel_id)

    async def _team(self) -> dict[str, Any]:
        return read_of((await TeamChannels(self._client, self._resource).settings()).transient)

    async def _channel(self, channel_id: str) -> dict[str, Any]:
        return read_of((await TeamChannels(self._client, self._resource).one(channel_id)).transient)

    async def _settings(
        self,
        item: RestoreItem,
        work: _Work,
        names: tuple[str, ...],
        stored: Any,
        present: Any,
        path: str,
        own: dict[str, str],
    ) -> None:
        wanted, has = (value if isinstance(value, Mapping) else {} for value in (stored, present))
        changed = {name: wanted[name] for name in names if name in wanted and wanted[name] != has.get(name)}
        if not changed:
            return
        if item.conflict is not ConflictRule.REPLACE:
            work.left += sorted(changed)
            return
        asked = Asked("change settings", "TeamSettings.ReadWrite.All and ChannelSettings.ReadWrite.All", self._ids)
        await self._try(work, "settings", self._client.request("PATCH", path, **own), changed, asked)

    async def _members(
        self,
        item: RestoreItem,
        work: _Work,
        stored: Mapping[str, Any],
        present: Mapping[str, Any],
        path: str,
        own: dict[str, str],
    ) -> None:
        there = {text_of(each.get("userId")): each for each in present.get("members") or []}
        asked = Asked("add members", "TeamMember.ReadWrite.All and ChannelMember.ReadWrite.All", self._ids)
        for member in stored.get("members") or []:
            user_id, roles = text_of(member.get("userId")), roles_of(member)
            if not user_id:
                work.refused["a member without an account"] = "no id"
            elif user_id not in there:
                body = self._channels.member_body(user_id, [role for role in roles if role == "owner"])
                await self._try(work, f"member {user_id}", self._client.request("POST", path, **own), body, asked)
            elif roles != roles_of(there[user_id]):
                if item.conflict is not ConflictRule.REPLACE and "owner" not in roles:
                    work.left.append(f"roles of {user_id}")
                    continue
                membership = text_of(there[user_id].get("id"))
                info = self._client.request("PATCH", f"{path}/{{membership}}", **own, membership=membership)
                body = {"@odata.type": _MEMBER, "roles": [role for role in roles if role == "owner"]}
                await self._try(work, f"roles of {user_id}", info, body, asked)

    async def _tabs(
        self,
        work: _Work,
        stored: Mapping[str, Any],
        present: Mapping[str, Any],
        path: str,
        own: dict[str, str],
    ) -> None:
        there = {_tab_key(tab) for tab in present.get("tabs") or []}
        asked = Asked("add tabs", "TeamsTab.ReadWrite.All", self._ids)
        for tab in stored.get("tabs") or []:
            if _tab_key(tab) in there:
                continue
            name, app_id = _tab_key(tab)
            was = tab.get("configuration")
            configuration = was if isinstance(was, Mapping) else {}
            body = {
                "displayName": name,
                "teamsApp@odata.bind": f"{self._client.base_url}/appCatalogs/teamsApps/{app_id}",
                "configuration": {part: configuration.get(part) for part in _CONFIGURATION},
            }
            await self._try(work, f"a tab of the app {app_id}", self._client.request("POST", path, **own), body, asked)

    async def _try(self, work: _Work, what: str, info: Any, body: Any, asked: Asked) -> None:
        """What Graph refuses of one thing is noted, and the others go on: a user who has left, an app that is not
        installed. Raises what concerns all."""
        try:
            await self._client.send_json(info, body, asked, idempotent=True)
        except AccessDeniedError as error:
            if what.startswith(("settings", "roles")):
                raise
            work.refused[what] = str(error.context.get("status"))
        except SourceError as error:
            if error.retryable:
                raise
            work.refused[what] = str(error.context.get("status"))
        else:
            work.written = True


def _tab_key(tab: Mapping[str, Any]) -> tuple[str, str]:
    app = tab.get("teamsApp")
    return text_of(tab.get("displayName")), text_of(app.get("id")) if isinstance(app, Mapping) else ""


def _still_missing(stored: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    """Members and tabs that are not there at the end."""
    people = {text_of(each.get("userId")) for each in again.get("members") or []}
    tabs = {_tab_key(tab) for tab in again.get("tabs") or []}
    wanted = [text_of(each.get("userId")) for each in stored.get("members") or []]
    pages = [_tab_key(tab) for tab in stored.get("tabs") or []]
    missing = [f"member {user}" for user in wanted if user not in people]
    return missing + [f"a tab of the app {key[1]}" for key in pages if key not in tabs]


def _outcome(item: RestoreItem, work: _Work, missing: list[str], target_id: str) -> Written:
    notes = []
    # Graph refuses also what is there already, after an answer that was lost.
    lost = [what for what in work.refused if not what.startswith(("member ", "a tab ")) or what in missing]
    lost += [what for what in missing if what not in lost]
    if lost:
        notes.append(
            "Not restored: " + ", ".join(f"{what} ({work.refused.get(what, 'unseen')})" for what in lost) + "."
        )
    if work.left:
        notes.append("Left as they are now: " + ", ".join(work.left) + "; choose replace to have the stored ones.")
    if lost:
        state = WriteState.DIFFERS
    elif work.left:
        state = WriteState.OCCUPIED
    else:
        state = WriteState.RESTORED if work.written or item.tried_before else WriteState.EXISTING
    return Written(item.id, state, target_id, error=" ".join(notes))
