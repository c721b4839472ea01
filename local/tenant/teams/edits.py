"""What people do in Teams, as operations of the control interface. Nothing here asks for a permission."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from typing import Any

from local.tenant.answers import Json
from local.tenant.mailboxes.edits import EditError
from local.tenant.teams.schema import user_identity
from local.tenant.teams.team import Channel, Message, Tab, Team, TeamRefusal, hosted_content, moment_of
from local.tenant.tenant import Tenant


def _user(tenant: Tenant, key: str) -> str:
    person = tenant.person(key)
    if person is None:
        raise EditError(f"no user {key!r}")
    return person.user_id


def _team(tenant: Tenant, op: Json) -> Team:
    team = tenant.team_book.teams.get(str(op["team"]))
    if team is None:
        raise EditError(f"no team {op['team']!r}")
    return team


def _channel(tenant: Tenant, op: Json) -> tuple[Team, Channel]:
    team = _team(tenant, op)
    key = str(op.get("channel", "General"))
    for channel in team.living_channels():
        if key in (channel.channel_id, channel.name):
            return team, channel
    raise EditError(f"no channel {key!r}")


def _message(tenant: Tenant, op: Json) -> tuple[Channel, Message]:
    _, channel = _channel(tenant, op)
    found = [message for message in channel.messages.values() if message.message_id == str(op["message"])]
    if not found:
        raise EditError(f"no message {op['message']!r}")
    return channel, found[0]


def _add_team(tenant: Tenant, op: Json) -> Json:
    owners = [_user(tenant, key) for key in op["owners"]]
    members = [_user(tenant, key) for key in op.get("members") or []]
    more = {name: op[name] for name in ("description", "visibility") if op.get(name) is not None}
    team = tenant.team_book.new_team(str(op["name"]), owners, members, **more)
    team.installed_apps.update(op.get("apps") or [])
    return {"team": team.team_id}


def _change_team(tenant: Tenant, op: Json) -> Json:
    team = _team(tenant, op)
    for name in ("name", "description", "visibility", "is_archived"):
        if op.get(name) is not None:
            setattr(team, name, op[name])
    for name, value in (op.get("settings") or {}).items():
        team.settings[name].update(value)
    team.installed_apps.update(op.get("apps") or [])
    return {}


def _delete_team(tenant: Tenant, op: Json) -> Json:
    del tenant.team_book.teams[_team(tenant, op).team_id]
    return {}


def _set_member(tenant: Tenant, op: Json) -> Json:
    """Of a channel where one is named, else of the team. ``role``: owner, member, or none to remove."""
    members = _channel(tenant, op)[1].members if op.get("channel") else _team(tenant, op).members
    user, role = _user(tenant, str(op["user"])), op["role"]
    if role == "none":
        members.pop(user, None)
    else:
        members[user] = ["owner"] if role == "owner" else []
    return {}


def _add_channel(tenant: Tenant, op: Json) -> Json:
    team = _team(tenant, op)
    members: dict[str, list[str]] = {_user(tenant, key): [] for key in op.get("members") or []}
    members |= {_user(tenant, key): ["owner"] for key in op.get("owners") or []}
    channel = tenant.team_book.new_channel(
        team, str(op["name"]), str(op.get("membership", "standard")), members, description=op.get("description")
    )
    return {"channel": channel.channel_id}


def _change_channel(tenant: Tenant, op: Json) -> Json:
    _, channel = _channel(tenant, op)
    for name in ("name", "description", "is_favorite"):
        if op.get(f"new_{name}") is not None:
            setattr(channel, name, op[f"new_{name}"])
    if op.get("shared_with"):
        channel.shared_with.add(str(op["shared_with"]))
    return {}


def _delete_channel(tenant: Tenant, op: Json) -> Json:
    _, channel = _channel(tenant, op)
    channel.deleted_ms = tenant.team_book.now_ms()
    return {}


def _add_tab(tenant: Tenant, op: Json) -> Json:
    _, channel = _channel(tenant, op)
    app = str(op.get("app", "com.microsoft.teamspace.tab.web"))
    tab = Tab(str(uuid.uuid4()), str(op["name"]), app, dict(op.get("configuration") or {}))
    channel.tabs[tab.tab_id] = tab
    return {"tab": tab.tab_id}


def _post(tenant: Tenant, op: Json) -> Json:
    """``images`` are base64; ``{image}`` in the content stands for the next of them. ``created`` backdates."""
    _, channel = _channel(tenant, op)
    if channel.migration == "inProgress":
        raise EditError("nobody can post while the channel is in migration mode")
    book = tenant.team_book
    created_ms = moment_of(op["created"]) if op.get("created") else book.free_ms(channel)
    while channel.is_taken(created_ms):
        created_ms += 1
    root_id = str(op.get("reply_to") or "")
    if root_id and ("", root_id) not in channel.messages:
        raise EditError(f"no message {root_id!r}")
    message = Message(str(created_ms), root_id, created_ms, created_ms)
    message.user_id = _user(tenant, str(op["user"])) if op.get("user") else ""
    message.app_name = str(op.get("app_name") or "")
    message.content = str(op.get("content", ""))
    for name in ("subject", "importance", "content_type", "message_type", "attachments", "event"):
        if op.get(name) is not None:
            setattr(message, name, op[name])
    _set_images(message, op.get("images") or [])
    for number, key in enumerate(op.get("mentions") or []):
        user = user_identity(tenant, _user(tenant, key))
        mentioned = {"application": None, "device": None, "conversation": None, "user": user}
        message.mentions.append({"id": number, "mentionText": user["displayName"], "mentioned": mentioned})
    book.add_message(channel, message)
    return {"message": message.message_id}


def _set_images(message: Message, images: list[str]) -> None:
    for number, text in enumerate(images, 1):
        hosted = hosted_content(base64.b64decode(text), "image/png", number)
        message.hosted[hosted.content_id] = hosted
        message.content = message.content.replace("{image}", f'<img src="hosted:{hosted.content_id}">', 1)


def _edit_message(tenant: Tenant, op: Json) -> Json:
    _, message = _message(tenant, op)
    message.content = str(op["content"])
    tenant.team_book.touch(message)
    message.edited_ms = message.modified_ms
    return {}


def _delete_message(tenant: Tenant, op: Json) -> Json:
    _, message = _message(tenant, op)
    tenant.team_book.touch(message)
    message.deleted_ms = None if op.get("undo") else message.modified_ms
    return {}


def _purge_message(tenant: Tenant, op: Json) -> Json:
    """As a retention policy does: gone without a trace."""
    channel, message = _message(tenant, op)
    del channel.messages[message.root_id, message.message_id]
    return {}


def _react(tenant: Tenant, op: Json) -> Json:
    _, message = _message(tenant, op)
    identity = user_identity(tenant, _user(tenant, str(op["user"])))
    user = {"application": None, "device": None, "user": identity}
    message.reactions = [
        each
        for each in message.reactions
        if (each["user"]["user"]["id"], each["reactionType"]) != (identity["id"], op["reaction"])
    ]
    if not op.get("undo"):
        created = f"{tenant.clock.stamp()[:-1]}.000Z"
        shown = {"reactionType": op["reaction"], "displayName": None, "reactionContentUrl": None}
        message.reactions.append({**shown, "createdDateTime": created, "user": user})
    tenant.team_book.touch(message)
    return {}


def _list_teams(tenant: Tenant, op: Json) -> Json:
    del op
    return {
        "teams": [
            {
                "team": team.team_id,
                "name": team.name,
                "channels": [
                    {"channel": each.channel_id, "name": each.name, "migration": each.migration}
                    for each in team.living_channels()
                ],
            }
            for team in tenant.team_book.teams.values()
        ]
    }


def _refusing(run: Callable[[Tenant, Json], Json]) -> Callable[[Tenant, Json], Json]:
    def refused(tenant: Tenant, op: Json) -> Any:
        try:
            return run(tenant, op)
        except TeamRefusal as refusal:
            raise EditError(str(refusal)) from refusal

    return refused


TEAM_OPS: dict[str, Callable[[Tenant, Json], Json]] = {
    name: _refusing(run)
    for name, run in {
        "add_team": _add_team,
        "change_team": _change_team,
        "delete_team": _delete_team,
        "set_team_member": _set_member,
        "add_channel": _add_channel,
        "change_channel": _change_channel,
        "delete_channel": _delete_channel,
        "add_tab": _add_tab,
        "post_message": _post,
        "edit_message": _edit_message,
        "delete_message": _delete_message,
        "purge_message": _purge_message,
        "react": _react,
        "list_teams": _list_teams,
    }.items()
}
