"""A team in the differential test."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from local.tenant.plain_client import PlainClient
from shared_code.graph.client import GraphClient
from shared_code.graph.teams.source import TeamSource
from shared_code.model.item import Change, ItemKind
from shared_code.model.resource import Resource
from tests.fakes.differential import Facts, digest
from tests.fakes.simulated_team import PNG, SimulatedTeam
from tests.fakes.simulated_tenant import SimulatedTenant
from tests.fakes.team_edits import TeamEdits

_COMPARED = (
    "createdDateTime",
    "lastModifiedDateTime",
    "lastEditedDateTime",
    "subject",
    "importance",
    "body",
    "attachments",
    "from",
)
_COUNTED = ("mentions", "reactions")
_HOSTED = re.compile(r"hostedContents/([^/\"]+)/\$value")


class TeamWorkload:
    """A team with channels of all kinds."""

    def __init__(self, tenant: SimulatedTenant) -> None:
        self._team = SimulatedTeam(tenant)
        self._team.fill()
        self._edits = TeamEdits(self._team)
        self._path = f"/teams/{self._team.id}"

    @property
    def resource(self) -> Resource:
        return self._team.resource

    def source(self, client: GraphClient) -> TeamSource:
        return TeamSource(client)

    def edit(self, random: Random) -> None:
        if random.random() < 0.05:
            self._team.post("{image}", images=[PNG + random.randbytes(10)])
        else:
            self._edits.one(random)

    def truth(self, client: PlainClient) -> dict[str, Facts]:
        team = client.get(self._path).json()
        members = _members(_all(client, f"{self._path}/members"))
        found = {"0.team": Facts("", team["displayName"], content=(team["description"], members))}
        for channel in _all(client, f"{self._path}/channels"):
            key, name, membership = channel["id"], channel["displayName"], channel["membershipType"]
            place = f"{self._path}/channels/{key}"
            people = [] if membership == "standard" else _members(_all(client, f"{place}/members"))
            tabs = sorted(tab["displayName"] for tab in _all(client, f"{place}/tabs"))
            found[key] = Facts("", name, content=(membership, channel["description"] or ""))
            found[f"{key}/settings"] = Facts(key, name, content=(people, tabs))
            for root in _all(client, f"{place}/messages"):
                message = f"{place}/messages/{root['id']}"
                found |= self._message(client, key, root, message, root["id"])
                for reply in _all(client, f"{message}/replies"):
                    own = f"{reply['id']}/{root['id']}"
                    found |= self._message(client, key, reply, f"{message}/replies/{reply['id']}", own)
        return found

    def content(self, change: Change, data: bytes | None) -> object:
        if change.kind is ItemKind.CHANNEL:
            return change.properties["membershipType"], change.properties.get("description", "")
        told = json.loads(data or b"")
        if change.kind is ItemKind.TEAM_SETTINGS:
            return told["team"]["description"], _members(told["members"])
        if change.kind is ItemKind.CHANNEL_SETTINGS:
            return _members(told["members"]), sorted(tab["displayName"] for tab in told["tabs"])
        return _comparable(told["message"]), [
            digest(base64.b64decode(image["contentBytes"])) for image in told["hostedContents"]
        ]

    def _message(
        self, client: PlainClient, channel: str, value: Mapping[str, Any], path: str, own_id: str
    ) -> dict[str, Facts]:
        """A message that lives, and that people wrote."""
        if value["deletedDateTime"] or value["messageType"] != "message":
            return {}
        images = dict.fromkeys(_HOSTED.findall(value["body"]["content"]))
        content = [digest(client.get(f"{path}/hostedContents/{image}/$value").body) for image in images]
        return {f"{channel}/{own_id}": Facts(channel, content=(_comparable(value), content))}


def _all(client: PlainClient, target: str) -> list[dict[str, Any]]:
    return [value for page in client.pages(target) for value in page["value"]]


def _members(members: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    return sorted((member["userId"], sorted(member["roles"])) for member in members)


def _comparable(message: Mapping[str, Any]) -> list[object]:
    counts = [len(message[name]) for name in _COUNTED]
    return [*counts, *(_bare(message[name]) for name in _COMPARED)]


def _bare(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _bare(entry) for name, entry in value.items() if not name.startswith("@")}
    return [_bare(entry) for entry in value] if isinstance(value, list) else value
