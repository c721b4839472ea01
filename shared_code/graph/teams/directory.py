"""Which teams a tenant has.

A team is a group that was given one; its id is the group's and survives renames. Sources: graph-docs
"List all teams in Microsoft Teams for an organization", group-list (v1.0, checked 2026-11).
"""

from __future__ import annotations

from contextlib import aclosing

from shared_code.errors import InvalidIdError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.model.census import Census, NotCoveredCause
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.run import NotCovered

_SELECT = ("id", "displayName", "resourceProvisioningOptions")
_PAGE_SIZE = 999
_IS_TEAM = "resourceProvisioningOptions/Any(x:x eq 'Team')"
_LIST = Asked("list teams", "GroupMember.Read.All")


class TeamListing:
    """Lists the teams of one tenant."""

    kinds = (ResourceKind.TEAM,)

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    async def census(self) -> Census:
        """Every team, and what is not covered. Raises AccessDeniedError naming the permission, ThrottledError,
        SourceUnavailableError: then no team may be taken for gone."""
        info = with_query(self._client.graph.groups.to_get_request_information(), select=_SELECT, top=_PAGE_SIZE)
        info.query_parameters["%24filter"] = _IS_TEAM
        resources: dict[str, Resource] = {}
        not_covered: list[NotCovered] = []
        async with aclosing(self._client.get_pages(info, _LIST)) as pages:
            async for page in pages:
                for group in values_of(page):
                    team = Resource(ResourceKind.TEAM, text_of(group.get("id")), text_of(group.get("displayName")))
                    try:
                        resources[team.id] = team
                    except InvalidIdError:
                        not_covered.append(NotCovered(f"team {team.display_name}", NotCoveredCause.ODD_ID))
        return Census(tuple(resources.values()), tuple(not_covered))
