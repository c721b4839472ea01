"""The site source against a tenant that behaves like SharePoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shared_code.errors import SourceNotFoundError
from shared_code.graph.client import GraphClient
from shared_code.graph.directory import TenantDirectory
from shared_code.graph.sites.directory import SiteListing
from shared_code.graph.sites.source import SiteSource
from shared_code.model.feed import FetchState
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.outcome import SkipCause
from shared_code.model.resource import Resource, ResourceKind
from tests.fakes.captured import capture
from tests.fakes.example_site import ExampleSite, add_unwritable, fill_site
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

LARGE = bytes(range(256)) * 40_000
Cursors = dict[str, str | None]


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
def example(tenant: SimulatedTenant) -> ExampleSite:
    return fill_site(tenant.control, tenant.id)


def resource_of(example: ExampleSite) -> Resource:
    return example.resource


async def read_site(
    source: SiteSource, resource: Resource, cursors: Cursors | None = None
) -> tuple[dict[str, Change], Cursors]:
    """All changes by id, and the cursors that the next day starts from."""
    waiting: Cursors = dict(cursors) if cursors else dict.fromkeys(source.root_feeds())
    changes: dict[str, Change] = {}
    final: Cursors = {}
    while waiting:
        pages = await source.poll(resource, waiting)
        assert set(pages) == set(waiting)
        waiting = {}
        for feed, page in pages.items():
            assert not page.error, (feed, page.error)
            if page.expired:  # a listing that says something else than last time is read from its start
                assert feed in source.root_feeds() and cursors
                waiting[feed] = None
                continue
            changes |= {change.item_id: change for change in page.changes}
            if page.finished:
                final[feed] = page.cursor
            else:
                waiting[feed] = page.cursor
        for change in changes.values():
            if change.opens_feed and change.opens_feed not in {*final, *waiting}:
                waiting[change.opens_feed] = None
    return changes, final


def named(changes: dict[str, Change], name: str) -> Change:
    [found] = [change for change in changes.values() if change.name == name and not change.deleted]
    return found


async def test_a_quiet_day_tells_nothing(tenant: SimulatedTenant, example: ExampleSite) -> None:
    # Cursors hold the time of their making: with the clock standing still those of the same day are the same.
    tenant.control.set_clock(tenant.id, frozen=True)
    async with tenant.client() as client:
        first, cursors = await read_site(SiteSource(client), resource_of(example))
        assert first
        again, after = await read_site(SiteSource(client), resource_of(example), cursors)
    assert (again, after) == ({}, cursors)


async def json_of(client: GraphClient, resource: Resource, change: Change) -> dict[str, Any]:
    [fetched] = [fetched async for fetched in SiteSource(client).fetch(resource, [change])]
    assert fetched.state is FetchState.FETCHED, fetched.error
    value: dict[str, Any] = json.loads(fetched.forms[Form.NATIVE])
    return value


async def test_every_site_is_listed_once_and_personal_ones_are_left_to_the_drives(tenant: SimulatedTenant) -> None:
    control = tenant.control
    control.add_site(tenant.id, "", "Home")
    works = control.add_site(tenant.id, "/sites/works", "Works")
    below = control.add_site(tenant.id, "/sites/works/a", "Below", parent=works)
    control.add_site(tenant.id, "/sites/works/a/b", "Deeper", parent=below)
    async with tenant.client() as client:
        census = await SiteListing(client).census()
    resources = census.resources
    assert census.not_covered == ()
    assert sorted(each.display_name for each in resources) == ["Below", "Deeper", "Home", "Works"]
    [found] = [each for each in resources if each.display_name == "Works"]
    hostname, _, guids = works.partition(",")
    assert (found.id, found.attributes["hostname"]) == (f"site.{guids}", hostname)


async def test_an_archived_site_is_named_as_not_covered(tenant: SimulatedTenant, example: ExampleSite) -> None:
    tenant.control.change_site(tenant.id, example.site, archive_status="fullyArchived")
    async with tenant.client() as client:
        census = await SiteListing(client).census()
    assert census.resources == ()
    assert [entry.what for entry in census.not_covered] == ["site Works"]


async def test_a_library_that_cannot_be_read_is_named(tenant: SimulatedTenant, example: ExampleSite) -> None:
    tenant.control.add_list(tenant.id, example.site, "Vault", "documentLibrary", hidden=True)
    async with tenant.client() as client:
        changes, _ = await read_site(SiteSource(client), resource_of(example))
        assert named(changes, "Vault").opens_feed
        tenant.control.add_fault(match={"operation": "list.drive"}, action={"status": 403})
        changes, _ = await read_site(SiteSource(client), resource_of(example))
    assert named(changes, "Vault").skip_cause == SkipCause.LIBRARY_UNREADABLE
    assert named(changes, "Vault").opens_feed == ""


async def test_a_renamed_and_moved_site_keeps_its_id(tenant: SimulatedTenant, example: ExampleSite) -> None:
    async with tenant.client() as client:
        before = (await SiteListing(client).census()).resources
        tenant.control.change_site(tenant.id, example.site, path="/sites/elsewhere", display_name="Factory")
        after = (await SiteListing(client).census()).resources
    assert [each.id for each in before] == [each.id for each in after]
    assert [each.display_name for each in after] == ["Factory"]


async def test_a_missing_permission_is_named_and_stops_nothing_else(tenant: SimulatedTenant) -> None:
    async with tenant.client(["User.Read.All", "Files.Read.All"]) as client:
        census = await TenantDirectory(client).list_resources()
    assert {str(entry.kind) for entry in census.resources} == {"drive"}
    [unseen] = [entry for entry in census.unseen if entry.kind is ResourceKind.SITE]
    assert "Sites.Read.All" in unseen.reason


async def test_reading_takes_read_permissions_alone(tenant: SimulatedTenant, example: ExampleSite) -> None:
    async with tenant.client(["Sites.Read.All"]) as client:
        await SiteListing(client).census()
        captured = await capture(SiteSource(client), resource_of(example))
    assert len(captured.items) == 10


async def test_the_site_comes_with_everything_a_restore_needs(tenant: SimulatedTenant, example: ExampleSite) -> None:
    resource = resource_of(example)
    async with tenant.client() as client:
        changes, _ = await read_site(SiteSource(client), resource)
        settings = await json_of(client, resource, changes["settings"])
        row = await json_of(client, resource, named(changes, "First"))
        page = await json_of(client, resource, named(changes, "welcome.aspx"))
    kinds = {kind: sorted(each.name for each in changes.values() if each.kind is kind) for kind in ItemKind}
    assert kinds[ItemKind.LIBRARY] == ["Documents", "Pictures", "Site Pages"]
    assert kinds[ItemKind.LIST] == ["Customers", "Tasks"]
    assert kinds[ItemKind.FILE] == ["a.png", "plan.txt", "read me.txt"]
    assert kinds[ItemKind.FOLDER] == ["Nothing in it", "Plans"]
    assert kinds[ItemKind.LIST_ITEM] == ["Contoso", "Fabrikam", "First", "Second"]
    assert kinds[ItemKind.PAGE] == ["draft.aspx", "welcome.aspx"]
    documents, plans, plan = (named(changes, name) for name in ("Documents", "Plans", "plan.txt"))
    assert (documents.parent_id, plans.parent_id, plan.parent_id) == ("", documents.item_id, plans.item_id)
    assert plan.properties["fields"] == {"Stage": "draft"}
    assert settings["site"]["displayName"] == "Works"
    assert [column["name"] for column in settings["columns"]] == ["Cost centre"]
    assert row["fields"]["Note"] == "<p>über & unter</p>"
    assert row["fields"]["Tags"] == ["a", "c"]
    assert row["fields"]["CustomerLookupId"] == example.customer
    assert row["lookups"]["Customer"] == {"list": example.customers, "texts": {"1": "Contoso"}}
    assert row["lookups"]["Others"]["texts"] == {"1": "Contoso", "2": "Fabrikam"}
    assert page["canvasLayout"]["horizontalSections"][0]["columns"][1]["webparts"][0]["data"]["title"] == "Links"
    tasks = named(changes, "Tasks").properties["definition"]
    [customer] = [column for column in tasks["columns"] if column["name"] == "Customer"]
    assert customer["lookup"]["listTitle"] == "Customers"
    assert all(change.etag for change in changes.values())


async def test_an_unchanged_site_brings_nothing_new_in_few_requests(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    resource = resource_of(example)
    async with tenant.client() as client:
        before, cursors = await read_site(SiteSource(client), resource)
        start = tenant.control.log_position()
        after, _ = await read_site(SiteSource(client), resource, cursors)
        sent = [entry for entry in tenant.control.log(start) if not entry.get("batch")]
    for item_id, change in after.items():
        assert (change.etag, change.parent_id) == (before[item_id].etag, before[item_id].parent_id)
    assert not [change for change in after.values() if change.kind in (ItemKind.FILE, ItemKind.LIST_ITEM)]
    assert len(sent) <= 8, [entry["operation"] for entry in sent]


async def test_changes_of_every_kind_are_told(tenant: SimulatedTenant, example: ExampleSite) -> None:
    control, site, resource = tenant.control, example.site, resource_of(example)
    async with tenant.client() as client:
        before, cursors = await read_site(SiteSource(client), resource)
        control.change_list(tenant.id, site, "Pictures", display_name="Photos")
        control.add_column(tenant.id, site, "Tasks", "More", "text")
        control.change_row(tenant.id, site, "Tasks", example.task, {"Title": "Changed"})
        control.delete_row(tenant.id, site, "Customers", "2")
        control.change_page(tenant.id, site, example.page, {"title": "Edited"})
        control.move_file(tenant.id, example.drive, "/Plans/plan.txt", "", "moved.txt")
        control.set_file_fields(tenant.id, site, "Documents", "/moved.txt", {"Stage": "final"})
        after, _ = await read_site(SiteSource(client), resource, cursors)
        [plan_before] = [each for each in before.values() if each.name == "plan.txt"]
        page = await json_of(client, resource, after[example.page])
    assert named(after, "Photos").item_id == named(before, "Pictures").item_id
    assert named(after, "Tasks").etag != named(before, "Tasks").etag
    assert named(after, "Customers").etag == named(before, "Customers").etag
    assert named(after, "Changed").item_id == named(before, "First").item_id
    assert after[named(before, "Fabrikam").item_id].deleted
    assert page["title"] == "Edited"
    assert after[example.page].etag != before[example.page].etag
    moved = after[plan_before.item_id]
    assert (moved.name, moved.parent_id) == ("moved.txt", named(before, "Documents").item_id)
    assert (moved.content_hash, moved.properties["fields"]) == (plan_before.content_hash, {"Stage": "final"})


async def test_a_deleted_list_is_missing_in_the_listing_and_its_feed_is_no_error(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    resource = resource_of(example)
    async with tenant.client() as client:
        _, cursors = await read_site(SiteSource(client), resource)
        tenant.control.delete_list(tenant.id, example.site, "Customers")
        pages = await SiteSource(client).poll(resource, cursors)
    assert "Customers" not in [change.name for change in pages["lists"].changes]
    feed = f"list:{example.customers}"
    assert (pages[feed].gone, pages[feed].cursor, pages[feed].changes) == (True, cursors[feed], ())


async def test_attachments_are_reported_by_name(tenant: SimulatedTenant, example: ExampleSite) -> None:
    resource = resource_of(example)
    add_unwritable(tenant.control, tenant.id, example)
    async with tenant.client() as client:
        changes, cursors = await read_site(SiteSource(client), resource)
        reported = named(changes, "Attachments of Odd")
        row = await json_of(client, resource, named(changes, "Odd"))
        tenant.control.delete_row(tenant.id, example.site, "Tasks", "3")
        after, _ = await read_site(SiteSource(client), resource, cursors)
    assert reported.skip_cause == SkipCause.LIST_ATTACHMENTS
    assert row["fields"]["Link"]["Url"] == "https://x.example/"
    assert row["fields"]["Place"]["DisplayName"] == "Berlin"
    assert after[reported.item_id].deleted


async def test_rows_come_by_pages_and_an_expired_cursor_is_that_feeds_alone(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    control, resource = tenant.control, resource_of(example)
    operations = [
        {"op": "add_row", "site": example.site, "list": "Customers", "fields": {"Title": f"C{number}"}}
        for number in range(450)
    ]
    control.edits(tenant.id, operations)
    async with tenant.client() as client:
        changes, cursors = await read_site(SiteSource(client), resource)
        assert sum(change.name.startswith("C") for change in changes.values()) > 450
        control.add_fault(match={"operation": "list.delta"}, action={"status": 410, "code": "resyncRequired"}, times=1)
        pages = await SiteSource(client).poll(resource, cursors)
    assert sum(page.expired for page in pages.values()) == 1
    assert all(page.finished for page in pages.values() if not page.expired)


async def test_one_refused_library_does_not_keep_the_rest_from_being_read(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    resource = resource_of(example)
    async with tenant.client() as client:
        _, cursors = await read_site(SiteSource(client), resource)
        tenant.control.add_fault(match={"operation": "drive.delta"}, action={"status": 403}, times=1)
        pages = await SiteSource(client).poll(resource, cursors)
    assert [bool(page.error) for page in pages.values()].count(True) == 1
    assert all(page.finished for page in pages.values())


async def test_refused_pages_do_not_keep_the_rest_from_being_read(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    tenant.control.add_fault(match={"operation": "page.list"}, action={"status": 403})
    async with tenant.client() as client:
        pages = await SiteSource(client).poll(resource_of(example), dict.fromkeys(("site", "lists", "pages")))
    assert [feed for feed, page in pages.items() if page.error] == ["pages"]
    assert all(page.finished for page in pages.values())


async def test_a_site_that_is_gone_is_told(tenant: SimulatedTenant, example: ExampleSite) -> None:
    tenant.control.delete_site(tenant.id, example.site)
    async with tenant.client() as client:
        with pytest.raises(SourceNotFoundError):
            await SiteSource(client).poll(resource_of(example), {"site": None, "lists": None})


async def test_large_files_of_a_library_are_streamed(tenant: SimulatedTenant, example: ExampleSite) -> None:
    resource = resource_of(example)
    tenant.control.put_file(tenant.id, example.drive, "/Plans/large.bin", LARGE)
    async with tenant.client() as client:
        source = SiteSource(client)
        changes, _ = await read_site(source, resource)
        large = named(changes, "large.bin")
        assert large.size_bytes > source.stream_from_bytes
        stream: Any = await source.open_stream(resource, large, 1000)
        data = b"".join([part async for part in stream.chunks()])
        await stream.aclose()
    assert data == LARGE[1000:]
    assert (stream.change.item_id, stream.change.parent_id) == (large.item_id, large.parent_id)


async def test_what_went_away_before_it_was_read_is_gone(tenant: SimulatedTenant, example: ExampleSite) -> None:
    resource = resource_of(example)
    async with tenant.client() as client:
        source = SiteSource(client)
        changes, _ = await read_site(source, resource)
        asked = [named(changes, name) for name in ("welcome.aspx", "plan.txt", "First")]
        asked[2] = Change(asked[2].item_id, asked[2].kind, parent_id=asked[2].parent_id)  # as from the retry list
        tenant.control.delete_page(tenant.id, example.site, example.page)
        tenant.control.delete_file(tenant.id, example.drive, "/Plans")
        tenant.control.delete_row(tenant.id, example.site, "Tasks", example.task)
        states = {fetched.asked.item_id: fetched.state async for fetched in source.fetch(resource, asked)}
    assert states == {change.item_id: FetchState.GONE for change in asked}
