"""Who may see the files of a site's libraries: read with them, found by the sweep, given back on restore."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared_code.graph.client import GraphClient
from shared_code.graph.drives.cursor import DriveCursor
from shared_code.graph.sites.source import SiteSource
from shared_code.graph.sites.target import SiteTarget
from shared_code.model.feed import FeedPage
from shared_code.model.item import ItemKind
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import WriteState
from tests.contract.test_source_site import Cursors, named, read_site, resource_of
from tests.fakes.captured import capture, states, write_back
from tests.fakes.example_site import ExampleSite, fill_site
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

START = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
PLAN, PLANS = "/Plans/plan.txt", "/Plans"


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
def example(tenant: SimulatedTenant) -> ExampleSite:
    return fill_site(tenant.control, tenant.id)


def source_of(client: GraphClient, versions: int = 0, days: int = 0) -> SiteSource:
    """The source of a run on a day."""
    return SiteSource(client, earlier_versions=versions, now=lambda: START + timedelta(days=days))


def share(tenant: SimulatedTenant, example: ExampleSite, path: str, **terms: Any) -> None:
    tenant.control.share(tenant.id, example.drive, path, **terms)


def grants(tenant: SimulatedTenant, drive: str) -> dict[str, Any]:
    """Who may see what in a library, by path."""
    details = tenant.control.file_details(tenant.id, drive)
    return {path: entry["grants"] for path, entry in details.items() if entry["grants"]}


def rewrite(tenant: SimulatedTenant, example: ExampleSite, path: str, *contents: bytes) -> None:
    for content in contents:
        tenant.control.put_file(tenant.id, example.drive, path, content, modified="2021-01-02T03:04:05Z")


async def operations(tenant: SimulatedTenant, source: SiteSource, example: ExampleSite, cursors: Cursors) -> Any:
    """What a run reads, the cursors that it leaves, and how many requests of which kind it makes."""
    start = tenant.control.log_position()
    changes, final = await read_site(source, resource_of(example), cursors)
    return changes, final, Counter(entry["operation"] for entry in tenant.control.log(start))


async def test_shared_files_come_with_their_permissions_and_unchanged_ones_cost_nothing(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    share(tenant, example, PLAN, people=[tenant.user], role="write")
    async with tenant.client() as client:
        changes, plain = await read_site(SiteSource(client), resource_of(example))
        everything, full = await read_site(source_of(client, versions=3), resource_of(example))
        _, _, before = await operations(tenant, SiteSource(client), example, plain)
        _, _, after = await operations(tenant, source_of(client, versions=3, days=1), example, full)
    plan = named(changes, "plan.txt")
    assert plan.properties["permissions"] == [{"roles": ["write"], "to": [{"kind": "user", "id": tenant.user_id}]}]
    assert named(everything, "plan.txt").properties["fields"] == {"Stage": "draft"}
    assert "permissions" not in named(changes, "read me.txt").properties
    assert before == after
    assert not {"drive.permissions", "drive.versions"} & after.keys()


async def test_a_change_of_sharing_alone_is_a_change(tenant: SimulatedTenant, example: ExampleSite) -> None:
    async with tenant.client() as client:
        before, cursors = await read_site(source_of(client), resource_of(example))
        share(tenant, example, PLAN, link_type="view", link_scope="organization")
        after, _ = await read_site(source_of(client), resource_of(example), cursors)
    old, new = named(before, "plan.txt"), named(after, "plan.txt")
    assert (new.item_id, new.content_hash) == (old.item_id, old.content_hash)
    assert new.etag != old.etag
    assert {"roles": ["read"], "link": {"type": "view", "scope": "organization"}} in new.properties["permissions"]


async def test_what_is_inherited_is_not_stored_with_the_file_and_never_granted_to_it(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    ben, cleo = (tenant.control.add_user(tenant.id, name)["id"] for name in ("Ben", "Cleo"))
    tenant.control.put_file(tenant.id, example.drive, "/Plans/Deep/a.txt", b"a")
    share(tenant, example, PLANS, people=[ben], role="write")
    share(tenant, example, PLANS, link_type="view", link_scope="organization")
    for path in (PLAN, "/Plans/Deep/a.txt"):
        share(tenant, example, path, people=[cleo], role="read")
    async with tenant.client() as client:
        start = tenant.control.log_position()
        captured = await capture(source_of(client), resource_of(example))
        asked = Counter(entry["operation"] for entry in tenant.control.log(start))
        tenant.control.unshare(tenant.id, example.drive, PLANS)
        tenant.control.delete_file(tenant.id, example.drive, PLAN)
        await write_back(SiteTarget(client).open(resource_of(example)), captured, [captured.named("plan.txt")])
    own = [{"roles": ["read"], "to": [{"kind": "user", "id": cleo}]}]
    for name in ("plan.txt", "a.txt"):
        assert captured.named(name).change.properties["permissions"] == own
    assert len(captured.named("Plans").change.properties["permissions"]) == 2
    assert asked["drive.permissions"] == 5  # the two files, their two folders, and the library's top
    after = grants(tenant, example.drive)
    assert [grant["people"] for grant in after[PLAN]] == [[cleo]]
    assert PLANS not in after


async def test_permissions_of_a_folder_that_cannot_be_read_leave_those_of_its_files_open(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    share(tenant, example, PLAN, people=[tenant.user])
    tenant.control.add_fault(match={"operation": "drive.permissions"}, action={"status": 403}, skip=1, times=1)
    async with tenant.client() as client:
        first, cursors = await read_site(source_of(client), resource_of(example))
        swept, _ = await read_site(source_of(client, days=7), resource_of(example), cursors)
    assert named(first, "plan.txt").properties["permissionsUnread"] == "403"
    assert "permissions" not in named(first, "plan.txt").properties
    assert named(swept, "plan.txt").properties["permissions"]
    assert named(swept, "plan.txt").etag != named(first, "plan.txt").etag


async def test_the_sweep_finds_what_delta_does_not_tell_and_keeps_the_values_of_columns(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    tenant.control.change_settings(tenant.id, sharing_shows_in_delta=False)
    async with tenant.client() as client:
        before, cursors = await read_site(source_of(client), resource_of(example))
        share(tenant, example, PLAN, people=[tenant.user])
        early, cursors, asked = await operations(tenant, source_of(client, days=6), example, cursors)
        assert not [change for change in early.values() if change.kind is ItemKind.FILE]
        swept, cursors, _ = await operations(tenant, source_of(client, days=7), example, cursors)
        _, cursors, again = await operations(tenant, source_of(client, days=8), example, cursors)
        tenant.control.put_file(tenant.id, example.drive, "/new.txt", b"new")
        last, _, _ = await operations(tenant, source_of(client, days=9), example, cursors)
    plan = named(swept, "plan.txt")
    assert plan.properties["permissions"]
    assert plan.properties["fields"] == {"Stage": "draft"}
    for name in ("read me.txt", "a.png", "Plans"):
        assert named(swept, name).etag == named(before, name).etag
    assert again == asked
    assert {change.name for change in last.values() if change.kind is ItemKind.FILE} == {"new.txt"}


async def test_a_sweep_that_breaks_off_is_made_up_for_and_loses_no_change(
    tenant: SimulatedTenant, example: ExampleSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared_code.graph.drives.feed.PAGE_SIZE", 2)
    tenant.control.change_settings(tenant.id, sharing_shows_in_delta=False)
    resource = resource_of(example)
    async with tenant.client() as client:
        _, cursors = await read_site(source_of(client), resource)
        [feed] = [feed for feed in cursors if feed.endswith(example.drive)]
        share(tenant, example, PLAN, people=[tenant.user])
        page = FeedPage((), cursors[feed], finished=False)
        for _ in range(2):  # the delta, and the first page of the sweep
            page = (await source_of(client, days=7).poll(resource, {feed: page.cursor}))[feed]
            assert not page.finished
        tenant.control.add_fault(match={"operation": "drive.delta"}, action={"status": 410}, times=1)
        page = (await source_of(client, days=7).poll(resource, {feed: page.cursor}))[feed]
        assert (page.changes, page.finished, page.expired, page.error) == ((), True, False, "")
        tenant.control.put_file(tenant.id, example.drive, "/new.txt", b"new")
        found, _ = await read_site(source_of(client, days=8), resource, {feed: page.cursor})
    assert named(found, "new.txt")
    assert named(found, "plan.txt").properties["permissions"]


async def test_cursors_of_a_time_before_there_were_sweeps_go_on_and_are_swept(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    tenant.control.change_settings(tenant.id, sharing_shows_in_delta=False)
    rewrite(tenant, example, "/read me.txt", b"now with text")
    async with tenant.client() as client:
        _, cursors = await read_site(source_of(client), resource_of(example))
        libraries = {feed: DriveCursor.of(text).link for feed, text in cursors.items() if feed.startswith("library")}
        old = {**cursors, **libraries}
        share(tenant, example, PLAN, people=[tenant.user])
        tenant.control.put_file(tenant.id, example.drive, "/new.txt", b"new")
        found, _ = await read_site(source_of(client, versions=3), resource_of(example), old)
    assert named(found, "new.txt")
    assert named(found, "plan.txt").properties["permissions"]
    assert named(found, "read me (version 1.0).txt").parent_id == named(found, "read me.txt").item_id


async def test_files_and_folders_are_shared_again_and_what_cannot_be_is_told(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    ben = tenant.control.add_user(tenant.id, "Ben")["id"]
    share(tenant, example, PLANS, people=[ben], role="write", expires="2030-01-01T00:00:00Z")
    share(tenant, example, PLANS, email="guest@partner.example", role="read")
    share(tenant, example, PLAN, people=[tenant.user], role="read")
    share(tenant, example, PLAN, link_type="edit", link_scope="organization")
    before = grants(tenant, example.drive)
    async with tenant.client() as client:
        captured = await capture(source_of(client), resource_of(example))
        tenant.control.delete_file(tenant.id, example.drive, PLANS)
        assert grants(tenant, example.drive) == {}
        session = SiteTarget(client).open(resource_of(example))
        outcomes = await write_back(session, captured)
        again = await write_back(SiteTarget(client).open(resource_of(example)), captured)
    after = grants(tenant, example.drive)
    assert after[PLAN] == before[PLAN]
    assert after[PLANS] == [grant for grant in before[PLANS] if "email" not in grant]
    plan, plans = captured.named("plan.txt").change.item_id, captured.named("Plans").change.item_id
    assert outcomes[plan].state is WriteState.RESTORED
    assert "have another address" in outcomes[plan].error
    assert "1 guest(s)" in session.folder_note(plans)
    assert session.folder_note(captured.named("Nothing in it").change.item_id) == ""
    assert set(states(again)) == {WriteState.EXISTING}
    assert grants(tenant, example.drive) == after


async def test_a_new_library_is_shared_as_the_old_one_was(tenant: SimulatedTenant, example: ExampleSite) -> None:
    share(tenant, example, PLANS, people=[tenant.user], role="write")
    before = grants(tenant, example.drive)
    async with tenant.client() as client:
        captured = await capture(source_of(client), resource_of(example))
        tenant.control.delete_list(tenant.id, example.site, "Documents")
        outcomes = await write_back(SiteTarget(client).open(resource_of(example)), captured)
    drive = tenant.control.change_list(tenant.id, example.site, "Documents")["drive"]
    assert drive != example.drive
    assert grants(tenant, drive) == before
    assert [outcome.error for outcome in outcomes.values() if outcome.error] == []


async def test_a_copy_for_looking_at_is_shared_with_nobody(tenant: SimulatedTenant, example: ExampleSite) -> None:
    share(tenant, example, PLAN, people=[tenant.user])
    async with tenant.client() as client:
        captured = await capture(source_of(client), resource_of(example))
        session = SiteTarget(client).open(resource_of(example))
        outcomes = await write_back(session, captured, into="Rescue")
    assert "not shared anew" in outcomes[captured.named("plan.txt").change.item_id].error
    rescue = tenant.control.change_list(tenant.id, example.site, "Rescue")["drive"]
    assert grants(tenant, rescue) == {}
    assert set(grants(tenant, example.drive)) == {PLAN}


async def test_an_equal_file_is_shared_again_where_things_are_made_what_they_were(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    share(tenant, example, PLAN, people=[tenant.user])
    before = grants(tenant, example.drive)
    async with tenant.client() as client:
        captured = await capture(source_of(client), resource_of(example))
        tenant.control.unshare(tenant.id, example.drive, PLAN)
        plan = [captured.named("plan.txt")]
        await write_back(SiteTarget(client).open(resource_of(example)), captured, plan)
        assert grants(tenant, example.drive) == {}
        await write_back(SiteTarget(client).open(resource_of(example)), captured, plan, ConflictRule.REPLACE)
    assert grants(tenant, example.drive) == before
