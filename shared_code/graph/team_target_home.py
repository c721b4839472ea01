"""The team that is restored into: the original where it lives, else the one that a restore has made in its place.

A team that was deleted is made again under its name and " (restored)", by which the next slice, or the next restore,
finds it. Within 30 days the directory can bring the group itself back, with everything in it; that is better. Sources:
graph-docs team-post (app-only: exactly one member, who owns it; made in the background), group-list (v1.0, checked
2026-11).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import replace

from shared_code.errors import SourceError, SourceNotFoundError, SourceUnavailableError, TargetConflictError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.team_target_channels import member_body
from shared_code.model.resource import Resource

_SUFFIX = " (restored)"
_TEMPLATE = "/teamsTemplates('standard')"
_PLACE = re.compile(r"/teams\('([0-9a-fA-F-]{36})'\)")
_LOOKS = 20
_BETWEEN_LOOKS_S = 3.0
_REFUSED = (400, 404)


class TargetHome:
    """Finds the team, once."""

    def __init__(self, client: GraphClient, resource: Resource) -> None:
        self._client = client
        self._original = resource
        self._found: Resource | None = None

    async def find(self) -> Resource | None:
        """The team that there is, or None. Raises SourceError for what is not just its absence."""
        if self._found is None:
            if await self._lives(self._original.source_id):
                self._found = self._original
            else:
                team_id = await self._named(self._name)
                self._found = replace(self._original, source_id=team_id) if team_id else None
        return self._found

    async def make(self, owners: Sequence[str]) -> Resource:
        """A new team, owned by the first of these who is still in the tenant. Raises TargetConflictError."""
        for owner in owners:
            team_id = await self._create(owner)
            if team_id:
                self._found = replace(self._original, source_id=team_id)
                return self._found
        raise TargetConflictError(
            "The team is gone, and none of its owners is there to own a new one. Restore its group in the directory "
            "(30 days), or bring one of the owners back."
        )

    @property
    def _name(self) -> str:
        return self._original.display_name + _SUFFIX

    async def _lives(self, team_id: str) -> bool:
        info = self._client.graph.teams.by_team_id(team_id).to_get_request_information()
        try:
            await self._client.get_json(
                with_query(info, select=["id"]), self._asked("read a team", "TeamSettings.Read.All")
            )
        except SourceNotFoundError:
            return False
        return True

    async def _named(self, name: str) -> str:
        quoted = name.replace("'", "''")
        info = with_query(self._client.graph.groups.to_get_request_information(), select=["id", "displayName"])
        is_team = "resourceProvisioningOptions/Any(x:x eq 'Team')"
        info.query_parameters["%24filter"] = f"{is_team} and displayName eq '{quoted}'"
        page = await self._client.get_json(info, Asked("find a team", "GroupMember.Read.All"))
        return next((text_of(group.get("id")) for group in values_of(page)), "")

    async def _create(self, owner: str) -> str:
        info = self._client.request("POST", "/teams")
        body = {
            "template@odata.bind": self._client.base_url + _TEMPLATE,
            "displayName": self._name,
            "visibility": "private",
            "members": [member_body(self._client, owner, ["owner"])],
        }
        info.content = json.dumps(body).encode()
        info.headers.add("Content-Type", "application/json")
        try:
            # Not repeated after a lost answer: the next slice finds by its name what it has made.
            made = await self._client.send(info, self._asked("make a team", "Team.Create"), idempotent=False)
        except SourceError as error:
            if error.context.get("status") in _REFUSED:
                return ""
            raise
        place = _PLACE.search(made.headers.get("content-location", "") or made.headers.get("location", ""))
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(_BETWEEN_LOOKS_S)
            team_id = place[1] if place else await self._named(self._name)
            if team_id and await self._lives(team_id):
                return team_id
        raise SourceUnavailableError("Teams is still making the new team; the restore goes on when it is there.")

    def _asked(self, operation: str, permission: str) -> Asked:
        return Asked(operation, permission, {"resource_id": self._original.id})
