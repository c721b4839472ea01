"""Users, paging, filters, and people without mailbox or drive."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from .conftest import World


def test_users_are_paged_and_selected(world: World) -> None:
    world.control.generate(world.tenant, users=25)
    pages = list(world.graph.pages("/users?$top=10&$select=id,userType,assignedLicenses"))
    assert [len(page["value"]) for page in pages] == [10, 10, 6]
    assert set(pages[0]["value"][0]) == {"id", "userType", "assignedLicenses"}
    assert len({user["id"] for page in pages for user in page["value"]}) == 26


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("accountEnabled eq false", ["Room"]),
        ("assignedLicenses/$count ne 0", ["Ada Alder"]),
        ("startswith(displayName,'ada') and userType eq 'Member'", ["Ada Alder"]),
        ("displayName ne 'Ada Alder'", ["Room"]),
    ],
)
def test_filters(world: World, condition: str, names: list[str]) -> None:
    world.control.add_user(world.tenant, "Room", purpose="room")
    page = world.graph.get(f"/users?$filter={quote(condition)}").json()
    assert [user["displayName"] for user in page["value"]] == names


def test_a_filter_that_is_not_known_is_refused(world: World) -> None:
    reply = world.graph.get("/users?$filter=" + quote("city eq 'Berlin'"))
    assert (reply.status, reply.code) == (400, "Request_UnsupportedQuery")


def test_people_without_mailbox_or_drive(world: World) -> None:
    key = world.control.add_user(world.tenant, "Nobody", mailbox=False, drive=False)["id"]
    reply = world.graph.get(f"/users/{key}/mailboxSettings")
    assert (reply.status, reply.code) == (404, "MailboxNotEnabledForRESTAPI")
    assert world.graph.get(f"/users/{key}/settings/exchange").code == "MailboxNotEnabledForRESTAPI"
    reply = world.graph.get(f"/users/{key}/drive")
    assert (reply.status, reply.code) == (404, "ResourceNotFound")
    assert "mysite not found" in reply.json()["error"]["message"]


def test_purposes_and_changes(world: World) -> None:
    shared = world.control.add_user(world.tenant, "Info", purpose="shared")
    assert world.graph.get(f"/users/{shared['upn']}/mailboxSettings").json()["userPurpose"] == "shared"
    assert shared["drive_id"] is None
    world.control.change_user(world.tenant, world.key, enabled=False, licensed=False)
    user = world.graph.get(f"/users/{world.key}?$select=accountEnabled,assignedLicenses").json()
    assert user["accountEnabled"] is False
    assert user["assignedLicenses"] == []
    world.control.delete_user(world.tenant, world.key)
    assert world.graph.get(f"/users/{world.key}").code == "Request_ResourceNotFound"
    assert world.graph.get(f"{world.mailbox}/folders").status == 404


def test_unknown_paths_and_methods(world: World) -> None:
    reply = world.graph.get(f"/users/{world.key}/nonsense")
    assert reply.status == 400
    assert reply.json()["error"]["message"] == "Resource not found for the segment 'nonsense'."
    assert world.graph.send("DELETE", "/organization").status == 405
    assert "request-id" in reply.headers
