"""The full truth about a team, without ids, in an order that depends on the content alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from local.tenant.answers import Json
from local.tenant.teams.team import Channel, Message, Team, stamp_of
from local.tenant.tenant import Tenant


def team_truth(tenant: Tenant, team: Team) -> Iterator[Json]:
    """Yield one record for the team, each channel and each living message, system messages apart."""
    yield {
        "record": "team",
        "name": team.name,
        "description": team.description,
        "visibility": team.visibility,
        "settings": team.settings,
        "members": _members(tenant, team.members),
    }
    for channel in sorted(team.living_channels(), key=lambda each: each.name):
        yield {
            "record": "channel",
            "name": channel.name,
            "membership": channel.membership,
            "description": channel.description,
            "members": _members(tenant, channel.members),
            "tabs": sorted([tab.name, tab.app_id, _configured(tab.configuration)] for tab in channel.tabs.values()),
            "migration": channel.migration,
        }
        shown = [each for each in channel.messages.values() if each.deleted_ms is None]
        for message in sorted(shown, key=lambda each: (each.created_ms, each.root_id)):
            yield _message(tenant, channel, message)


def _configured(configuration: Json) -> Json:
    return {name: value for name, value in configuration.items() if value is not None}


def _members(tenant: Tenant, members: dict[str, list[str]]) -> list[list[str]]:
    known = [(tenant.people[user].upn, roles) for user, roles in members.items() if user in tenant.people]
    return sorted([upn, *roles] for upn, roles in known)


def _message(tenant: Tenant, channel: Channel, message: Message) -> Json:
    person = tenant.people.get(message.user_id)
    root = channel.messages.get(("", message.root_id))
    content = message.content
    for hosted in message.hosted.values():
        content = content.replace(f"hosted:{hosted.content_id}", f"sha256:{hashlib.sha256(hosted.data).hexdigest()}")
    return {
        "record": "message",
        "channel": channel.name,
        "created": stamp_of(message.created_ms),
        "reply_to": stamp_of(root.created_ms) if root else None,
        "type": message.message_type,
        "author": person.upn if person else message.user_id or message.app_name,
        "subject": message.subject,
        "importance": message.importance,
        "content_type": message.content_type,
        "content": content,
        "attachments": [
            [each.get(name) for name in ("contentType", "name", "contentUrl")] for each in message.attachments
        ],
        "mentions": [each["mentionText"] for each in message.mentions],
        "reactions": [[each["reactionType"], each["user"]["user"]["displayName"]] for each in message.reactions],
        "edited": message.edited_ms is not None,
    }
