"""Channels of a team: the three kinds, their members and tabs, and the migration mode.

Sources: graph-docs channel-list, channel-get, channel-post, channel-patch, team-list-allchannels,
team-list-incomingchannels, channel-list-members, channel-post-members, channel-list-tabs, channel-post-tabs,
channel-get-filesfolder, channel-startmigration, channel-completemigration (v1.0, checked 2026-11).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, Json, bad_request, json_answer
from local.tenant.call import Call, member
from local.tenant.routing import Handler
from local.tenant.teams.answers import channel_of, not_found, page_of, team_of
from local.tenant.teams.bodies import roles_of, wanted_member
from local.tenant.teams.schema import channel_json, member_json, membership_id, tab_json
from local.tenant.teams.team import Tab, TeamRefusal, moment_of

AddRoute = Callable[[str, str, str, frozenset[str], Handler], None]
_BOUND_APP = re.compile(r"/teamsApps(?:/|\(')([^/')]+)")
_KINDS = ("standard", "private", "shared")


def add_channel_routes(add: AddRoute) -> None:
    """Add the channels, without their messages."""
    channels, channel = "/teams/{team}/channels", "/teams/{team}/channels/{channel}"
    add("GET", channels, "channels.list", roles.CHANNELS_READ, _channels)
    add("POST", channels, "channels.create", roles.CHANNELS_CREATE, _create)
    add("GET", "/teams/{team}/allChannels", "channels.all", roles.CHANNELS_READ, _all_channels)
    add("GET", "/teams/{team}/incomingChannels", "channels.incoming", roles.CHANNELS_READ, _incoming)
    add("GET", "/teams/{team}/primaryChannel", "channels.primary", roles.CHANNELS_READ, _primary)
    add("GET", channel, "channel.get", roles.CHANNELS_READ, _channel)
    add("PATCH", channel, "channel.update", roles.CHANNELS_WRITE, _update)
    add("GET", f"{channel}/members", "channel.members", roles.CHANNEL_MEMBERS_READ, _members)
    add("POST", f"{channel}/members", "channel.members.add", roles.CHANNEL_MEMBERS_WRITE, _add_member)
    add("PATCH", f"{channel}/members/{{member}}", "channel.members.update", roles.CHANNEL_MEMBERS_WRITE, _change_member)
    add("GET", f"{channel}/tabs", "channel.tabs", roles.TABS_READ, _tabs)
    add("POST", f"{channel}/tabs", "channel.tabs.add", roles.TABS_WRITE, _add_tab)
    add("GET", f"{channel}/filesFolder", "channel.filesFolder", roles.FILES_READ, _files_folder)
    add("POST", f"{channel}/startMigration", "channel.startMigration", roles.MIGRATE, _start)
    add("POST", f"{channel}/completeMigration", "channel.completeMigration", roles.MIGRATE, _complete)


def _channels(call: Call) -> Answer:
    team = team_of(call)
    context = f"teams('{team.team_id}')/channels"
    return page_of(
        call, team.living_channels(), context, lambda each: channel_json(call.home, team, each), usual=100, most=999
    )


def _all_channels(call: Call) -> Answer:
    team, book = team_of(call), call.home.team_book
    found = [(team, each) for each in team.living_channels()] + list(book.incoming(team))
    return _of_teams(call, found, f"teams('{team.team_id}')/allChannels")


def _incoming(call: Call) -> Answer:
    team = team_of(call)
    return _of_teams(call, list(call.home.team_book.incoming(team)), f"teams('{team.team_id}')/incomingChannels")


def _of_teams(call: Call, found: list[Any], context: str) -> Answer:
    def show(entry: Any) -> Json:
        host, channel = entry
        address = f"{call.base_url}/v1.0/tenants/{call.home.tenant_id}/teams/{host.team_id}/channels/"
        return {"@odata.id": address + channel.channel_id, **channel_json(call.home, host, channel)}

    return page_of(call, found, context, show, usual=100, most=999)


def _primary(call: Call) -> Answer:
    team = team_of(call)
    [primary] = [each for each in team.living_channels() if each.is_primary]
    return json_answer(channel_json(call.home, team, primary))


def _channel(call: Call) -> Answer:
    team, channel = channel_of(call)
    shown, names = channel_json(call.home, team, channel), call.selected()
    return json_answer(shown if names is None else {name: shown[name] for name in names if name in shown})


def _create(call: Call) -> Answer:
    team, body = team_of(call), call.json_body()
    name, kind = member(body, "displayName", str), body.get("membershipType", "standard")
    if not name or len(name) > 50 or kind not in _KINDS:
        raise bad_request("Invalid channel specified in payload.")
    members: dict[str, list[str]] = {}
    for entry in body.get("members") or []:
        user, held = wanted_member(call, entry)
        members[user] = held
    channel = call.home.team_book.new_channel(
        team, name, kind, members, description=member(body, "description", str), is_favorite=False
    )
    if kind == "shared":
        # A shared channel is made in the background.
        location = f"/teams('{team.team_id}')/operations('{uuid.uuid4()}')"
        return Answer(202, headers={"Location": location, "Content-Location": f"/teams('{team.team_id}')"})
    return json_answer(channel_json(call.home, team, channel), 201)


def _update(call: Call) -> Answer:
    _, channel = channel_of(call)
    for name, value in call.json_body().items():
        if name == "displayName" and isinstance(value, str) and not channel.is_primary:
            channel.name = value
        elif name == "description":
            channel.description = value
        elif name == "isFavoriteByDefault":
            channel.is_favorite = bool(value)
        else:
            raise bad_request(f"The property '{name}' cannot be changed.")
    return Answer(204)


def _members(call: Call) -> Answer:
    team, channel = channel_of(call)
    members = team.members if channel.membership == "standard" else channel.members
    return page_of(
        call,
        list(members.items()),
        f"teams('{team.team_id}')/channels('{channel.channel_id}')/members",
        lambda entry: member_json(call.home, channel.channel_id, *entry),
        usual=100,
        most=999,
    )


def _add_member(call: Call) -> Answer:
    team, channel = channel_of(call)
    user, held = wanted_member(call, call.json_body())
    if channel.membership == "standard":
        raise TeamRefusal(400, "BadRequest", "A standard channel has the members of its team.")
    if channel.membership == "private" and user not in team.members:
        raise TeamRefusal(403, "Forbidden", "The user must be a member of the team.")
    if user in channel.members and channel.members[user] == held:
        raise TeamRefusal(400, "BadRequest", "The user is a member already.")
    channel.members[user] = held
    return json_answer(member_json(call.home, channel.channel_id, user, held), 201)


def _change_member(call: Call) -> Answer:
    _, channel = channel_of(call)
    for user in channel.members:
        if membership_id(channel.channel_id, user) == call.params["member"]:
            channel.members[user] = roles_of(call.json_body())
            return json_answer(member_json(call.home, channel.channel_id, user, channel.members[user]))
    raise not_found("The member")


def _tabs(call: Call) -> Answer:
    team, channel = channel_of(call)
    with_app = call.query.get("$expand") == "teamsApp"
    context = f"teams('{team.team_id}')/channels('{channel.channel_id}')/tabs"
    tabs = list(channel.tabs.values())
    return page_of(call, tabs, context, lambda tab: tab_json(tab, with_app=with_app), usual=100, most=999)


def _add_tab(call: Call) -> Answer:
    team, channel = channel_of(call)
    body = call.json_body()
    bound = _BOUND_APP.search(str(body.get("teamsApp@odata.bind", "")))
    if bound is None:
        raise bad_request("The tab names no app.")
    if bound[1] not in team.installed_apps:
        raise TeamRefusal(403, "Forbidden", "The app is not installed in this team.")
    configuration = member(body, "configuration", dict) or {}
    tab = Tab(str(uuid.uuid4()), member(body, "displayName", str) or "", bound[1], configuration)
    channel.tabs[tab.tab_id] = tab
    return json_answer(tab_json(tab, with_app=False), 201)


def _files_folder(call: Call) -> Answer:
    team, channel = channel_of(call)
    # Private and shared channels have a site, and so a drive, of their own.
    owner = team.team_id if channel.membership == "standard" else channel.channel_id
    drive_id = f"b!{uuid.uuid5(uuid.NAMESPACE_URL, f'channel-drive/{owner}').hex}"
    return json_answer(
        {
            "id": f"01{uuid.uuid5(uuid.NAMESPACE_URL, channel.channel_id).hex.upper()[:30]}",
            "name": channel.name,
            "folder": {"childCount": 0},
            "parentReference": {"driveId": drive_id, "driveType": "documentLibrary"},
        }
    )


def _start(call: Call) -> Answer:
    _, channel = channel_of(call)
    if channel.migration == "inProgress":
        raise bad_request("The channel is in migration mode already.")
    text = member(call.json_body(), "conversationCreationDateTime", str)
    if text is not None:
        try:
            moment_ms = moment_of(text)
        except ValueError as error:
            raise bad_request("conversationCreationDateTime is no time.") from error
        if moment_ms >= channel.created_ms:
            raise bad_request("conversationCreationDateTime must be older than the channel's createdDateTime.")
        if channel.original_created_ms is None:
            channel.original_created_ms = channel.created_ms
        channel.created_ms = moment_ms
    channel.migration, channel.migrating_app = "inProgress", call.app_id
    return Answer(204)


def _complete(call: Call) -> Answer:
    _, channel = channel_of(call)
    if channel.migration != "inProgress":
        raise bad_request("The channel is not in migration mode.")
    if channel.migrating_app != call.app_id:
        raise TeamRefusal(403, "Forbidden", "Another application has started this migration.")
    channel.migration = "completed"
    return Answer(204)
