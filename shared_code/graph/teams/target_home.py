"""The team that is restored into: the original where it lives, else the one that a restore has made in its place.

A team that was deleted is made again under its name and " (restored)", with a mark at the end of its description that
names the team it stands for. By both the next slice, or the next restore, finds it. The name alone would not do:
anybody may have given it to a team of theirs, and would get what is restored. A new team then takes the next name.
Within 30 days the directory can bring the group itself back, with everything in it; that is better. Sources: graph-docs
team-post (app-only: exactly one member, who owns it; made in the background), group-list (v1.0, checked 2026-11).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from shared_code.errors import SourceError, SourceNotFoundError, SourceUnavailableError, TargetConflictError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.collection_page import page_values
from shared_code.graph.odata import text_of, with_query
from shared_code.graph.teams.target_channels import member_body
from shared_code.model.resource import Resource

_SUFFIX = " (restored)"
_TEMPLATE = "/teamsTemplates('standard')"
_PLACE = re.compile(r"/teams\('([0-9a-fA-F-]{36})'\)")
_LOOKS = 20
_BETWEEN_LOOKS_S = 3.0
_REFUSED = (400, 404)
_MOST_NAMES = 20
_LONGEST_DESCRIPTION = 1024  # "group resource type" and "team resource type", checked 2026-11


def marked(description: str, team_id: str) -> str:
    """The description of a team that was made for the one with this id."""
    mark = _mark(team_id)
    kept = description.removesuffix(mark).rstrip()[: _LONGEST_DESCRIPTION - len(mark) - 1]
    return f"{kept} {mark}" if kept else mark


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
                team_id, _ = await self._made_before()
                self._found = replace(self._original, source_id=team_id) if team_id else None
        return self._found

    async def make(self, owners: Sequence[str]) -> Resource:
        """A new team, owned by the first of these who is still in the tenant. Raises TargetConflictError."""
        _, name = await self._made_before()
        for owner in owners:
            team_id = await self._create(owner, name)
            if team_id:
                self._found = replace(self._original, source_id=team_id)
                return self._found
        raise TargetConflictError(
            "The team is gone, and none of its owners is there to own a new one. Restore its group in the directory "
            "(30 days), or bring one of the owners back."
        )

    async def _lives(self, team_id: str) -> bool:
        info = self._client.graph.teams.by_team_id(team_id).to_get_request_information()
        try:
            await self._client.get_json(
                with_query(info, select=["id"]), self._asked("read a team", "TeamSettings.Read.All")
            )
        except SourceNotFoundError:
            return False
        return True

    async def _made_before(self) -> tuple[str, str]:
        """Id of the team that a restore has made for the original, or "", and the first name that no team has. Raises
        TargetConflictError when all names are taken."""
        for number in range(1, _MOST_NAMES + 1):
            suffix = _SUFFIX if number == 1 else f"{_SUFFIX[:-1]} {number})"
            name = self._original.display_name + suffix
            groups = await self._named(name)
            for group in groups:
                if text_of(group.get("description")).endswith(_mark(self._original.source_id)):
                    return text_of(group.get("id")), name
            if not groups:
                return "", name
        raise TargetConflictError(
            f"The team is gone, and the {_MOST_NAMES} names that it could come back under are taken. Rename a team."
        )

    async def _named(self, name: str) -> list[dict[str, Any]]:
        quoted = name.replace("'", "''")
        selected = ["id", "displayName", "description"]
        info = with_query(self._client.graph.groups.to_get_request_information(), select=selected)
        is_team = "resourceProvisioningOptions/Any(x:x eq 'Team')"
        info.query_parameters["%24filter"] = f"{is_team} and displayName eq '{quoted}'"
        asked = Asked("find a team", "GroupMember.Read.All")
        async with aclosing(self._client.get_pages(info, asked)) as pages:
            found = [group async for page in pages for group in page_values(page, asked) if text_of(group.get("id"))]
        return [group for group in found if text_of(group.get("displayName")).casefold() == name.casefold()]

    async def _create(self, owner: str, name: str) -> str:
        info = self._client.request("POST", "/teams")
        body = {
            "template@odata.bind": self._client.base_url + _TEMPLATE,
            "displayName": name,
            "description": marked("", self._original.source_id),
            "visibility": "private",
            "members": [member_body(self._client, owner, ["owner"])],
        }
        info.content = json.dumps(body).encode()
        info.headers.add("Content-Type", "application/json")
        try:
            # Not repeated after a lost answer: the next slice finds by its mark what it has made.
            made = await self._client.send(info, self._asked("make a team", "Team.Create"), idempotent=False)
        except SourceError as error:
            if error.context.get("status") in _REFUSED:
                return ""
            raise
        place = _PLACE.search(made.headers.get("content-location", "") or made.headers.get("location", ""))
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(_BETWEEN_LOOKS_S)
            team_id = place[1] if place else (await self._made_before())[0]
            if team_id and await self._lives(team_id):
                return team_id
        raise SourceUnavailableError("Teams is still making the new team; the restore goes on when it is there.")

    def _asked(self, operation: str, permission: str) -> Asked:
        return Asked(operation, permission, {"resource_id": self._original.id})


def _mark(team_id: str) -> str:
    return f"[restored from team {team_id}]"
