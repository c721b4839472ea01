"""What the files of a site's libraries were before, and what is withheld of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shared_code.graph.client import GraphClient
from shared_code.graph.drives.versions import VERSIONS_UNREAD
from shared_code.graph.sites.source import SiteSource
from shared_code.graph.sites.target import SiteTarget
from shared_code.model.feed import FetchState
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.outcome import SkipCause
from shared_code.model.write_back import WriteState
from tests.contract.test_site_library_sharing import PLAN, rewrite, source_of
from tests.contract.test_source_site import named, read_site, resource_of
from tests.fakes.captured import Captured, capture, states, write_back
from tests.fakes.example_site import ExampleSite, fill_site
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

LARGE = bytes(range(256)) * 20_000


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
def example(tenant: SimulatedTenant) -> ExampleSite:
    return fill_site(tenant.control, tenant.id)


async def contents(source: SiteSource, example: ExampleSite, changes: list[Change]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    async for fetched in source.fetch(resource_of(example), changes):
        assert fetched.state is FetchState.FETCHED, fetched.error
        assert fetched.change.parent_id == fetched.asked.parent_id
        found[fetched.change.name] = fetched.forms[Form.NATIVE]
    return found


def versions_in(changes: dict[str, Change]) -> list[Change]:
    return [change for change in changes.values() if change.kind is ItemKind.FILE_VERSION]


async def test_as_many_earlier_versions_as_wanted_come_below_their_files(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    rewrite(tenant, example, PLAN, b"plan B", b"plan C", b"plan D")
    async with tenant.client() as client:
        source = source_of(client, versions=2)
        changes, cursors = await read_site(source, resource_of(example))
        plan = named(changes, "plan.txt")
        versions = [
            change for change in changes.values() if change.kind is ItemKind.FILE_VERSION and not change.deleted
        ]
        assert {change.parent_id for change in versions} == {plan.item_id}
        assert sorted((await contents(source, example, versions)).values()) == [b"plan B", b"plan C"]
        fewer, _ = await read_site(source_of(client, versions=1), resource_of(example), cursors)
        rewrite(tenant, example, PLAN, b"plan E")
        more, _ = await read_site(source, resource_of(example), cursors)
        tenant.control.delete_file(tenant.id, example.drive, PLAN)
        gone, _ = await read_site(source, resource_of(example), cursors)
    living = {
        change.item_id for change in fewer.values() if change.kind is ItemKind.FILE_VERSION and not change.deleted
    }
    assert len(living) == 1
    assert living < {change.item_id for change in versions}
    found = versions_in(more)
    assert {change.item_id for change in found if change.deleted} >= {min(each.item_id for each in versions)}
    assert sum(not change.deleted for change in found) == 2
    assert (gone[plan.item_id].deleted, gone[plan.item_id].properties) == (True, {"versions": True})


async def test_a_large_earlier_version_is_streamed(tenant: SimulatedTenant, example: ExampleSite) -> None:
    rewrite(tenant, example, "/large.bin", LARGE, b"small now")
    async with tenant.client() as client:
        source = source_of(client, versions=1)
        changes, _ = await read_site(source, resource_of(example))
        version = named(changes, "large (version 1.0).bin")
        stream: Any = await source.open_stream(resource_of(example), version, 1_000)
        data = b"".join([part async for part in stream.chunks()])
        await stream.aclose()
    assert data == LARGE[1_000:]
    assert (stream.change.item_id, stream.change.parent_id) == (version.item_id, version.parent_id)


async def captured_with_versions(client: GraphClient, example: ExampleSite) -> Captured:
    return await capture(source_of(client, versions=5), resource_of(example))


async def test_a_version_comes_back_beside_its_file(tenant: SimulatedTenant, example: ExampleSite) -> None:
    rewrite(tenant, example, PLAN, b"plan B")
    rewrite(tenant, example, "/read me.txt", b"now with text")
    async with tenant.client() as client:
        captured = await captured_with_versions(client, example)
        wanted = [captured.named(name) for name in ("plan (version 1.0).txt", "read me (version 1.0).txt")]
        for _ in range(2):
            session = SiteTarget(client).open(resource_of(example))
            outcomes = await write_back(session, captured, wanted)
    files = {
        record["path"]: (record["size_bytes"], record["modified"], record["fields"])
        for record in tenant.control.site_oracle(tenant.id, example.site)
        if record["record"] == "file" and "(version" in record["path"]
    }
    assert files.keys() == {"/Plans/plan (version 1.0).txt", "/read me (version 1.0).txt"}
    assert files["/Plans/plan (version 1.0).txt"][0] == len(b"plan A")
    assert states(outcomes) == {WriteState.EXISTING: 2}


async def test_a_checked_out_file_is_read_as_checked_in_and_its_draft_is_named(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    tenant.control.check_out(tenant.id, example.drive, PLAN, draft=b"nobody else sees this")
    async with tenant.client() as client:
        source = source_of(client)
        changes, _ = await read_site(source, resource_of(example))
        plan = named(changes, "plan.txt")
        assert plan.properties["withheld"] == SkipCause.CHECKED_OUT_DRAFT
        assert await contents(source, example, [plan]) == {"plan.txt": b"plan A"}


async def test_details_that_cannot_be_read_do_not_keep_the_rest_of_the_site_from_being_read(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    async with tenant.client() as client:
        _, cursors = await read_site(source_of(client, versions=1), resource_of(example))
        rewrite(tenant, example, PLAN, b"plan B")
        tenant.control.add_row(tenant.id, example.site, "Customers", {"Title": "Tailspin"})
        tenant.control.add_fault(match={"operation": "drive.versions"}, action={"status": 400})
        pages = await source_of(client, versions=1).poll(resource_of(example), cursors)
    assert not [feed for feed, page in pages.items() if page.error]
    changes = [change for page in pages.values() for change in page.changes]
    [plan] = [change for change in changes if VERSIONS_UNREAD in change.properties]
    assert plan.name == PLAN.rpartition("/")[2]
    assert "Tailspin" in [change.name for change in changes]
