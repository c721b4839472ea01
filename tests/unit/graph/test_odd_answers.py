"""Answers of Graph that are valid and yet unlike those in its documentation's examples."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shared_code.graph.client import GraphClient
from shared_code.graph.directory import TenantDirectory
from shared_code.graph.drives.changes import drive_change
from shared_code.model.census import NotCoveredCause
from tests.fakes.graph_server import FixedCredential, GraphServer, Reply, Seen

ODD_DRIVE = "b!odd/id.with~chars"


def test_a_facet_that_is_null_is_an_absent_facet() -> None:
    facets = dict.fromkeys(("deleted", "malware", "package", "root"))
    change = drive_change({"id": "x", "name": "a", "file": {}, "parentReference": {"id": "p"}, **facets})
    assert change is not None
    assert (change.deleted, change.skip_cause, change.parent_id) == (False, "", "p")


def _answer(url: str) -> dict[str, Any]:
    if "/drive" in url:
        return {"id": "b!ok" if "u0" in url else ODD_DRIVE}
    return {"userPurpose": "user"} if "mailboxSettings" in url else {"primaryMailboxId": "m1"}


def _tenant_of_two(seen: Seen) -> Reply:
    if "$batch" not in seen.path and "/users" not in seen.path:
        return Reply(200, {"value": []})
    if seen.path.startswith("/v1.0/users"):
        people = [
            {
                "id": f"u{number}",
                "displayName": "d",
                "userPrincipalName": f"u{number}@x",
                "userType": "Member",
                "assignedLicenses": [1],
            }
            for number in range(2)
        ]
        return Reply(200, {"value": people})
    if seen.path.startswith("/v1.0/groups"):
        return Reply(200, {"value": []})
    responses = [
        {"id": request["id"], "status": 200, "headers": {}, "body": _answer(request["url"])}
        for request in seen.json()["requests"]
    ]
    return Reply(200, {"responses": responses})


async def test_one_drive_with_an_odd_id_is_named_and_all_else_is_listed() -> None:
    async with (
        GraphServer(handler=_tenant_of_two) as graph,
        GraphClient(FixedCredential(), now=lambda: datetime.now(UTC), base_url=graph.base_url) as client,
    ):
        census = await TenantDirectory(client).list_resources()
    assert sorted(resource.source_id for resource in census.resources) == ["b!ok", "u0", "u1"]
    assert [entry.cause for entry in census.not_covered if "drive of" in entry.what] == [NotCoveredCause.ODD_ID]
