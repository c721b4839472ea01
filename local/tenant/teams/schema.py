"""Teams, channels, members, tabs and messages as Graph shows them."""

from __future__ import annotations

import uuid
from typing import Any

from local.tenant.answers import Json
from local.tenant.call import Call
from local.tenant.teams.team import Channel, Message, Tab, Team, stamp_of
from local.tenant.tenant import Tenant

_APPS = {
    "com.microsoft.teamspace.tab.web": "Website",
    "com.microsoft.teamspace.tab.planner": "Planner",
}


def group_json(tenant: Tenant, team: Team) -> Json:
    """The group that a team is."""
    nickname = "".join(each for each in team.name if each.isalnum()) or "team"
    return {
        "id": team.team_id,
        "displayName": team.name,
        "description": team.description,
        "createdDateTime": stamp_of(team.created_ms)[:-5] + "Z",
        "groupTypes": ["Unified"],
        "mail": f"{nickname}@{tenant.domain}",
        "mailEnabled": True,
        "mailNickname": nickname,
        "resourceProvisioningOptions": ["Team"],
        "securityEnabled": False,
        "visibility": team.visibility.capitalize(),
    }


def team_json(tenant: Tenant, team: Team) -> Json:
    """A team with its settings."""
    return {
        "id": team.team_id,
        "createdDateTime": stamp_of(team.created_ms),
        "displayName": team.name,
        "description": team.description,
        "internalId": team.living_channels()[0].channel_id if team.channels else "",
        "classification": None,
        "specialization": "none",
        "visibility": team.visibility,
        "webUrl": f"https://teams.microsoft.com/l/team/{team.team_id}?tenantId={tenant.tenant_id}",
        "isArchived": team.is_archived,
        "tenantId": tenant.tenant_id,
        **{name: dict(value) for name, value in team.settings.items()},
    }


def channel_json(tenant: Tenant, team: Team, channel: Channel) -> Json:
    """A channel."""
    return {
        "id": channel.channel_id,
        "createdDateTime": stamp_of(channel.created_ms),
        "displayName": channel.name,
        "description": channel.description,
        "isFavoriteByDefault": channel.is_favorite,
        "email": "",
        "tenantId": tenant.tenant_id,
        "webUrl": f"https://teams.microsoft.com/l/channel/{channel.channel_id}/x?groupId={team.team_id}",
        "membershipType": channel.membership,
        "isArchived": False,
        "migrationMode": channel.migration,
        "originalCreatedDateTime": None
        if channel.original_created_ms is None
        else stamp_of(channel.original_created_ms),
    }


def member_json(tenant: Tenant, where: str, user_id: str, roles: list[str]) -> Json:
    """A member of a team or channel."""
    person = tenant.people.get(user_id)
    return {
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "id": membership_id(where, user_id),
        "roles": list(roles) or (["guest"] if person and person.is_guest else []),
        "displayName": person.display_name if person else None,
        "visibleHistoryStartDateTime": "0001-01-01T00:00:00Z",
        "userId": user_id,
        "email": person.upn if person else None,
        "tenantId": tenant.tenant_id,
    }


def membership_id(where: str, user_id: str) -> str:
    """The id of a membership, which is not that of the user."""
    return f"MCMjMCMj{uuid.uuid5(uuid.NAMESPACE_URL, f'{where}/{user_id}').hex}=="


def tab_json(tab: Tab, *, with_app: bool) -> Json:
    """A tab; its app only where the request expands it."""
    shown: Json = {
        "id": tab.tab_id,
        "displayName": tab.name,
        "webUrl": f"https://teams.microsoft.com/l/entity/{tab.app_id}",
        "configuration": {
            name: tab.configuration.get(name) for name in ("entityId", "contentUrl", "removeUrl", "websiteUrl")
        },
    }
    if with_app:
        shown["teamsApp"] = {
            "id": tab.app_id,
            "externalId": None,
            "displayName": _APPS.get(tab.app_id, tab.app_id),
            "distributionMethod": "store",
        }
    return shown


def message_json(call: Call, team: Team, channel: Channel, message: Message) -> Json:
    """A message. One that is deleted keeps its place and nothing of its content."""
    deleted = message.deleted_ms is not None
    content = "" if deleted else _content(call, team, channel, message)
    return {
        "id": message.message_id,
        "replyToId": message.root_id or None,
        "etag": str(message.modified_ms),
        "messageType": message.message_type,
        "createdDateTime": stamp_of(message.created_ms),
        "lastModifiedDateTime": stamp_of(message.modified_ms),
        "lastEditedDateTime": None if message.edited_ms is None else stamp_of(message.edited_ms),
        "deletedDateTime": None if message.deleted_ms is None else stamp_of(message.deleted_ms),
        "subject": None if deleted else message.subject,
        "summary": None,
        "chatId": None,
        "importance": message.importance,
        "locale": "en-us",
        "webUrl": f"https://teams.microsoft.com/l/message/{channel.channel_id}/{message.message_id}",
        "policyViolation": None,
        "eventDetail": message.event,
        "from": _from(call.home, message),
        "body": {"contentType": message.content_type, "content": content},
        "channelIdentity": {"teamId": team.team_id, "channelId": channel.channel_id},
        "attachments": [] if deleted else message.attachments,
        "mentions": [] if deleted else message.mentions,
        "reactions": [] if deleted else message.reactions,
        "messageHistory": [],
    }


def hosted_url(call: Call, team: Team, channel: Channel, message: Message, content_id: str) -> str:
    """The address of an inline image."""
    thread = f"{message.root_id}/replies/{message.message_id}" if message.root_id else message.message_id
    return (
        f"{call.base_url}/v1.0/teams/{team.team_id}/channels/{channel.channel_id}/messages/{thread}"
        f"/hostedContents/{content_id}/$value"
    )


def _content(call: Call, team: Team, channel: Channel, message: Message) -> str:
    text = message.content
    for content_id in message.hosted:
        text = text.replace(f"hosted:{content_id}", hosted_url(call, team, channel, message, content_id))
    return text


def _from(tenant: Tenant, message: Message) -> Json | None:
    if message.message_type != "message":
        return None
    if message.app_name:
        app_id = str(uuid.uuid5(uuid.NAMESPACE_URL, message.app_name))
        application: Json = {"id": app_id, "displayName": message.app_name}
        return {"application": application, "device": None, "user": None}
    return {"application": None, "device": None, "user": user_identity(tenant, message.user_id)}


def user_identity(tenant: Tenant, user_id: str) -> dict[str, Any]:
    """A user as messages name people."""
    person = tenant.people.get(user_id)
    return {
        "@odata.type": "#microsoft.graph.teamworkUserIdentity",
        "id": user_id,
        "displayName": person.display_name if person else None,
        "userIdentityType": "aadUser",
    }
