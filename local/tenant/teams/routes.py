"""Teams: the groups that they are, their settings and members.

Sources: graph-docs group-list, team-list, team-get, team-update, team-list-members, team-post-members (v1.0, checked
2026-11).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, GraphError, Json, bad_request, json_answer
from local.tenant.call import Call, member
from local.tenant.directory.routes import user_json
from local.tenant.routing import Handler, Route, RouteTable
from local.tenant.teams.answers import answered, no_options_but, not_found, page_of, team_of
from local.tenant.teams.bodies import roles_of, wanted_member
from local.tenant.teams.channel_message_routes import add_channel_message_routes
from local.tenant.teams.channel_routes import add_channel_routes
from local.tenant.teams.schema import group_json, member_json, membership_id, team_json
from local.tenant.teams.team import Team, TeamRefusal

_IS_TEAM = re.compile(r"resourceProvisioningOptions/any\((\w+):\s*\1 eq 'Team'\)", re.IGNORECASE)
_IS_NAMED = re.compile(r"displayName eq '((?:[^']|'')*)'")
_SETTINGS = ("memberSettings", "guestSettings", "messagingSettings", "funSettings")


def add_team_routes(table: RouteTable) -> None:
    """Add everything of Teams, and the groups."""

    def add(method: str, template: str, operation: str, needed: frozenset[str], handler: Handler) -> None:
        service = "directory" if template.startswith("/groups") else "teams"
        table.add(method, Route(template, operation, needed, service, answered(handler)))

    add("GET", "/groups", "groups.list", roles.GROUPS_READ, _groups)
    add("GET", "/groups/{group}", "groups.get", roles.GROUPS_READ, _group)
    add("GET", "/groups/{group}/owners", "groups.owners", roles.GROUPS_READ, _people(owners=True))
    add("GET", "/groups/{group}/members", "groups.members", roles.GROUPS_READ, _people(owners=False))
    add("GET", "/teams", "teams.list", roles.TEAMS_LIST, _teams)
    add("POST", "/teams", "teams.create", roles.TEAMS_CREATE, _create)
    add("GET", "/teams/{team}", "team.get", roles.TEAM_READ, _team)
    add("PATCH", "/teams/{team}", "team.update", roles.TEAM_WRITE, _update)
    add("GET", "/teams/{team}/members", "team.members", roles.TEAM_MEMBERS_READ, _members)
    add("POST", "/teams/{team}/members", "team.members.add", roles.TEAM_MEMBERS_WRITE, _add_member)
    add("PATCH", "/teams/{team}/members/{member}", "team.members.update", roles.TEAM_MEMBERS_WRITE, _change_member)
    add_channel_routes(add)
    add_channel_message_routes(add)


def _groups(call: Call) -> Answer:
    teams = list(call.home.team_book.teams.values())
    wanted = call.query.get("$filter")
    for term in re.split(r"\s+and\s+", wanted.strip()) if wanted is not None else ():
        named = _IS_NAMED.fullmatch(term)
        if named is not None:
            teams = [team for team in teams if team.name.casefold() == named[1].replace("''", "'").casefold()]
        elif not _IS_TEAM.fullmatch(term):
            raise GraphError(400, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause specified.")

    def show(team: Team) -> Json:
        return _selected(call, group_json(call.home, team))

    return page_of(call, teams, "groups", show, usual=100, most=999)


def _selected(call: Call, value: Json) -> Json:
    names = call.selected()
    return value if names is None else {name: value[name] for name in ("id", *names) if name in value}


def _group(call: Call) -> Answer:
    context = f"{call.base_url}/v1.0/$metadata#groups/$entity"
    return json_answer({"@odata.context": context, **_selected(call, group_json(call.home, team_of(call)))})


def _people(*, owners: bool) -> Callable[[Call], Answer]:
    def people(call: Call) -> Answer:
        team = team_of(call)
        found = [user for user, held in team.members.items() if not owners or "owner" in held]
        persons = [call.home.people[user] for user in found if user in call.home.people]

        def show(person: object) -> Json:
            body = user_json(call.home, person, call.selected())  # type: ignore[arg-type]
            return {"@odata.type": "#microsoft.graph.user", **body}

        return page_of(call, persons, "directoryObjects", show, usual=100, most=999)

    return people


def _teams(call: Call) -> Answer:
    teams = list(call.home.team_book.teams.values())

    def show(team: Team) -> Json:
        whole = team_json(call.home, team)
        return {name: whole[name] for name in ("id", "displayName", "description", "visibility")}

    return page_of(call, teams, "teams", show, usual=100, most=999)


def _create(call: Call) -> Answer:
    body = call.json_body()
    name, members = member(body, "displayName", str), member(body, "members", list) or []
    if not name or "/teamsTemplates" not in str(body.get("template@odata.bind")):
        raise bad_request("A team needs a name and a template.")
    owners = [user for user, held in (wanted_member(call, each) for each in members) if held == ["owner"]]
    if len(members) != 1 or not owners:
        raise bad_request("A team is made with exactly one member, who owns it.")
    more = {key: str(body[key]) for key in ("description", "visibility") if body.get(key)}
    team = call.home.team_book.new_team(name, owners, [], **more)
    where = f"/teams('{team.team_id}')"
    return Answer(202, headers={"Location": f"{where}/operations('{uuid.uuid4()}')", "Content-Location": where})


def _team(call: Call) -> Answer:
    context = f"{call.base_url}/v1.0/$metadata#teams/$entity"
    return json_answer({"@odata.context": context, **_selected(call, team_json(call.home, team_of(call)))})


def _update(call: Call) -> Answer:
    team, body = team_of(call), call.json_body()
    for name, value in body.items():
        if name in _SETTINGS and isinstance(value, dict):
            unknown = set(value) - set(team.settings[name])
            if unknown:
                raise bad_request(f"Unknown properties of {name}.")
            team.settings[name].update(value)
        elif name in ("displayName", "description", "visibility"):
            setattr(team, "name" if name == "displayName" else name, str(value or ""))
        elif not name.startswith("@"):
            raise bad_request(f"The property '{name}' cannot be changed.")
    return Answer(204)


def _members(call: Call) -> Answer:
    team = team_of(call)
    no_options_but(call, "$top", "$filter", "$select")
    return page_of(
        call,
        list(team.members.items()),
        f"teams('{team.team_id}')/members",
        lambda entry: member_json(call.home, team.team_id, *entry),
        usual=100,
        most=999,
    )


def _add_member(call: Call) -> Answer:
    team = team_of(call)
    user, held = wanted_member(call, call.json_body())
    if user in team.members and held == team.members[user]:
        raise TeamRefusal(400, "BadRequest", "The user is a member already.")
    team.members[user] = held
    return json_answer(member_json(call.home, team.team_id, user, held), 201)


def _change_member(call: Call) -> Answer:
    team = team_of(call)
    for user in team.members:
        if membership_id(team.team_id, user) == call.params["member"]:
            team.members[user] = roles_of(call.json_body())
            return json_answer(member_json(call.home, team.team_id, user, team.members[user]))
    raise not_found("The member")
