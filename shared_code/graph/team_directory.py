"""Which teams a tenant has.

A team is a group that was given one; its id is the group's and survives renames. Sources: graph-docs
"List all teams in Microsoft Teams for an organization", group-list (v1.0, checked 2026-11).
"""

from __future__ import annotations

from contextlib import aclosing

from shared_code.errors import AccessDeniedError, InvalidIdError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.model.resource import Resource, ResourceKind, check_resource_id
from shared_code.model.run import NotCovered

_SELECT = ("id", "displayName", "resourceProvisioningOptions")
_PAGE_SIZE = 999
_IS_TEAM = "resourceProvisioningOptions/Any(x:x eq 'Team')"
_LIST = Asked("list teams", "GroupMember.Read.All")


async def list_teams(client: GraphClient) -> tuple[tuple[Resource, ...], tuple[NotCovered, ...]]:
    """Every team, in the order of its id, and what is not covered.

    Without the permission to list groups, teams are named as not covered, so that mailboxes and drives are backed up
    all the same. Raises ThrottledError and SourceUnavailableError: then nothing is known.
    """
    info = with_query(client.graph.groups.to_get_request_information(), select=_SELECT, top=_PAGE_SIZE)
    info.query_parameters["%24filter"] = _IS_TEAM
    resources: dict[str, Resource] = {}
    not_covered: list[NotCovered] = []
    try:
        async with aclosing(client.get_pages(info, _LIST)) as pages:
            async for page in pages:
                for group in values_of(page):
                    team = Resource(ResourceKind.TEAM, text_of(group.get("id")), text_of(group.get("displayName")))
                    try:
                        check_resource_id(team.id)
                    except InvalidIdError:
                        cause = "its id has a form that the service does not know; tell support"
                        not_covered.append(NotCovered(f"team {team.display_name}", cause))
                    else:
                        resources[team.id] = team
    except AccessDeniedError as error:
        return (), (NotCovered("all teams", error.message),)
    return tuple(resources[key] for key in sorted(resources)), tuple(not_covered)
