"""The drive source against a tenant that behaves like OneDrive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared_code.errors import (
    AccessDeniedError,
    SourceContentError,
    SourceError,
    SourceNotFoundError,
    SourceUnavailableError,
)
from shared_code.graph.drives.feed import PAGE_SIZE
from shared_code.graph.drives.source import DriveSource
from shared_code.graph.drives.stream import DriveStream
from shared_code.graph.retry_policy import RetryPolicy
from shared_code.model.feed import FeedPage, Fetched, FetchState
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.outcome import SkipCause
from shared_code.model.resource import Resource, ResourceKind
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

LARGE = bytes(range(256)) * 40_000


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


async def read_drive(
    source: DriveSource, tenant: SimulatedTenant, cursor: str | None = None
) -> tuple[dict[str, Change], str, int]:
    """All changes by id, the last cursor and the number of pages."""
    changes: dict[str, Change] = {}
    pages = 0
    while True:
        page = (await source.poll(tenant.drive, {"items": cursor}))["items"]
        assert not page.expired
        pages += 1
        changes |= {change.item_id: change for change in page.changes}
        cursor = page.cursor
        if page.finished:
            assert cursor
            return changes, cursor, pages


async def fetch_all(source: DriveSource, tenant: SimulatedTenant, changes: list[Change]) -> dict[str, Fetched]:
    results = [fetched async for fetched in source.fetch(tenant.drive, changes)]
    assert sorted(fetched.asked.item_id for fetched in results) == sorted(change.item_id for change in changes)
    return {fetched.asked.item_id: fetched for fetched in results}


async def open_large(source: DriveSource, tenant: SimulatedTenant, change: Change, offset: int = 0) -> DriveStream:
    stream = await source.open_stream(tenant.drive, change, offset)
    assert isinstance(stream, DriveStream)
    return stream


async def read_all(stream: DriveStream) -> bytes:
    try:
        return b"".join([data async for data in stream.chunks()])
    finally:
        await stream.aclose()


async def test_the_tree_comes_with_everything_a_restore_needs(tenant: SimulatedTenant) -> None:
    control = tenant.control
    file = control.put_file(
        tenant.id,
        tenant.user,
        ["Docs", "häß 'x' #%.txt"],
        b"hello",
        created="2020-01-02T03:04:05Z",
        modified="2021-01-02T03:04:05Z",
    )
    control.mark_shared(tenant.id, tenant.user, ["Docs", "häß 'x' #%.txt"])
    async with tenant.client() as client:
        changes, _, _ = await read_drive(DriveSource(client), tenant)
    [root] = [change for change in changes.values() if change.properties.get("root")]
    [folder] = [change for change in changes.values() if change.name == "Docs"]
    assert (root.kind, root.parent_id, folder.parent_id) == (ItemKind.FOLDER, "", root.item_id)
    change = changes[file]
    assert (change.kind, change.name, change.parent_id) == (ItemKind.FILE, "häß 'x' #%.txt", folder.item_id)
    assert (change.size_bytes, change.time) == (5, datetime(2021, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert change.content_hash == "quickXorHash:aCgDG9jwBgAAAAAABQAAAAAAAAA="
    assert change.properties["fileSystemInfo"]["createdDateTime"] == "2020-01-02T03:04:05Z"
    assert change.properties["shared"] is True
    assert change.properties["createdBy"] == f"user:{tenant.user_id}"
    assert change.properties["mimeType"] == "text/plain"
    assert change.etag
    assert change.transient["download_url"]
    assert "download_url" not in str(change.to_json())


@pytest.mark.parametrize("setting", ["drive_delta_duplicates", "drive_delta_children_first"])
async def test_pages_bring_every_item(tenant: SimulatedTenant, setting: str) -> None:
    tenant.control.change_settings(tenant.id, **{setting: True})
    tenant.control.generate_files(tenant.id, tenant.user, 1200, 100)
    async with tenant.client() as client:
        source = DriveSource(client)
        changes, cursor, pages = await read_drive(source, tenant)
        again, _, _ = await read_drive(source, tenant, cursor)
    assert sum(change.kind is ItemKind.FILE for change in changes.values()) == 1200
    assert pages == 3
    assert again == {}


async def test_renamed_moved_changed_and_deleted(tenant: SimulatedTenant) -> None:
    control = tenant.control
    renamed, moved, changed, deleted = (
        control.put_file(tenant.id, tenant.user, ["a", name], b"x") for name in ("r", "m", "c", "d")
    )
    async with tenant.client() as client:
        source = DriveSource(client)
        before, cursor, _ = await read_drive(source, tenant)
        control.rename_file(tenant.id, tenant.user, ["a", "r"], "r2")
        control.move_file(tenant.id, tenant.user, ["a", "m"], "b")
        control.put_file(tenant.id, tenant.user, ["a", "c"], b"yy")
        control.delete_file(tenant.id, tenant.user, ["a", "d"])
        after, _, _ = await read_drive(source, tenant, cursor)
    assert after[renamed].name == "r2"
    assert after[renamed].content_hash == before[renamed].content_hash
    assert after[renamed].etag != before[renamed].etag
    [folder] = [change for change in after.values() if change.name == "b"]
    assert after[moved].parent_id == folder.item_id
    assert (after[changed].size_bytes, after[changed].content_hash == before[changed].content_hash) == (
        2,
        False,
    )
    assert after[deleted].deleted


async def test_skips_have_names(tenant: SimulatedTenant) -> None:
    control = tenant.control
    bad = control.put_file(tenant.id, tenant.user, "virus.exe", b"x")
    book = control.put_file(tenant.id, tenant.user, "Book", b"")
    control.mark_malware(tenant.id, tenant.user, "virus.exe")
    control.mark_package(tenant.id, tenant.user, "Book")
    async with tenant.client() as client:
        source = DriveSource(client)
        changes, _, _ = await read_drive(source, tenant)
        as_seen_before = replace(changes[bad], skip_cause="", transient={})
        fetched = (await fetch_all(source, tenant, [as_seen_before]))[bad]
        stream = await source.open_stream(tenant.drive, as_seen_before, 0)
    assert changes[bad].skip_cause == SkipCause.MALWARE
    assert changes[book].skip_cause == SkipCause.NOTEBOOK_PACKAGE
    assert (fetched.state, fetched.skip_cause) == (FetchState.SKIPPED, SkipCause.MALWARE)
    assert isinstance(stream, Fetched)
    assert stream.skip_cause is SkipCause.MALWARE


async def test_an_expired_cursor_is_an_answer(tenant: SimulatedTenant) -> None:
    async with tenant.client() as client:
        source = DriveSource(client)
        _, cursor, _ = await read_drive(source, tenant)
        tenant.control.set_clock(tenant.id, advance_s=40 * 86400)
        page = (await source.poll(tenant.drive, {"items": cursor}))["items"]
    assert page == FeedPage((), None, finished=False, expired=True)


async def test_small_files_come_whole_without_a_token(tenant: SimulatedTenant) -> None:
    contents = {f"f{number}": bytes([number]) * number * 1000 for number in range(60)}
    for name, data in contents.items():
        tenant.control.put_file(tenant.id, tenant.user, name, data)
    async with tenant.client() as client:
        source = DriveSource(client)
        changes, _, _ = await read_drive(source, tenant)
        files = [change for change in changes.values() if change.kind is ItemKind.FILE]
        tenant.control.clear_log()
        results = await fetch_all(source, tenant, files)
    assert {each.change.name: each.forms[Form.NATIVE] for each in results.values()} == contents
    assert {entry["operation"] for entry in tenant.control.log()} == {"drive.download"}


async def test_expired_and_missing_addresses_are_renewed(tenant: SimulatedTenant) -> None:
    for number in range(5):
        tenant.control.put_file(tenant.id, tenant.user, f"f{number}", b"old")
    async with tenant.client() as client:
        source = DriveSource(client)
        changes, _, _ = await read_drive(source, tenant)
        files = [change for change in changes.values() if change.kind is ItemKind.FILE]
        files[0] = replace(files[0], transient={})
        tenant.control.set_clock(tenant.id, advance_s=2 * 3600)
        results = await fetch_all(source, tenant, files)
    assert [each.forms.get(Form.NATIVE) for each in results.values()] == [b"old"] * 5


async def test_a_file_that_changed_or_went_since_it_was_listed(tenant: SimulatedTenant) -> None:
    changed = tenant.control.put_file(tenant.id, tenant.user, "changed", b"old")
    gone = tenant.control.put_file(tenant.id, tenant.user, "gone", b"old")
    async with tenant.client() as client:
        source = DriveSource(client)
        changes, _, _ = await read_drive(source, tenant)
        tenant.control.put_file(tenant.id, tenant.user, "changed", b"newer")
        tenant.control.delete_file(tenant.id, tenant.user, "gone")
        results = await fetch_all(source, tenant, [changes[changed], changes[gone]])
    assert results[gone].state is FetchState.GONE
    assert results[changed].forms == {Form.NATIVE: b"newer"}
    assert results[changed].asked == changes[changed]
    assert results[changed].change.size_bytes == 5
    assert results[changed].change.content_hash != changes[changed].content_hash


@pytest.mark.parametrize("action", [{"corrupt_bytes": 1}, {"truncate": 3}, {"cut_after_bytes": 3}])
async def test_wrong_short_and_cut_bodies_are_read_again(tenant: SimulatedTenant, action: dict[str, int]) -> None:
    file = tenant.control.put_file(tenant.id, tenant.user, "f", b"hello world")
    async with tenant.client() as client:
        source = DriveSource(client)
        changes, _, _ = await read_drive(source, tenant)
        rule = tenant.control.add_fault(match={"operation": "drive.download"}, action=action, times=1)
        fetched = (await fetch_all(source, tenant, [changes[file]]))[file]
        assert tenant.control.fault_hits()[rule] == 1
        assert fetched.forms == {Form.NATIVE: b"hello world"}
        tenant.control.add_fault(match={"operation": "drive.download"}, action=action)
        fetched = (await fetch_all(source, tenant, [changes[file]]))[file]
    assert fetched.state is FetchState.FAILED
    assert fetched.error


async def test_one_bad_file_does_not_block_the_others_but_an_outage_is_raised(
    tenant: SimulatedTenant,
) -> None:
    for number in range(40):
        tenant.control.put_file(tenant.id, tenant.user, f"f{number}", b"data")
    # Addresses hold the time of their making: with the clock standing still a fresh one is the same again.
    tenant.control.set_clock(tenant.id, frozen=True)
    async with tenant.client(policy=RetryPolicy(max_attempts=1)) as client:
        source = DriveSource(client)
        changes, _, _ = await read_drive(source, tenant)
        files = [change for change in changes.values() if change.kind is ItemKind.FILE]
        bad = files[7]
        path = bad.transient["download_url"].rpartition("/")[2]
        tenant.control.add_fault(match={"path_regex": path}, action={"status": 500}, times=1)
        tenant.control.add_fault(match={"path_regex": path}, action={"cut_after_bytes": 1})
        results = await fetch_all(source, tenant, files)
        assert results.pop(bad.item_id).state is FetchState.FAILED
        assert {fetched.state for fetched in results.values()} == {FetchState.FETCHED}
        tenant.control.add_fault(match={"operation": "drive.download"}, action={"status": 500})
        with pytest.raises(SourceUnavailableError):
            await fetch_all(source, tenant, files)


async def test_a_file_without_a_hash_is_checked_by_length(tenant: SimulatedTenant) -> None:
    file = tenant.control.put_file(tenant.id, tenant.user, "f", b"hello", without_hash=True)
    empty = tenant.control.put_file(tenant.id, tenant.user, "empty", b"")
    async with tenant.client() as client:
        source = DriveSource(client)
        changes, _, _ = await read_drive(source, tenant)
        results = await fetch_all(source, tenant, [changes[file], changes[empty]])
    assert changes[file].content_hash == ""
    assert results[file].forms == {Form.NATIVE: b"hello"}
    assert results[empty].forms == {Form.NATIVE: b""}


async def test_large_files_stream_from_any_offset(tenant: SimulatedTenant) -> None:
    file = tenant.control.put_file(tenant.id, tenant.user, "large", LARGE)
    async with tenant.client() as client:
        source = DriveSource(client)
        change = (await read_drive(source, tenant))[0][file]
        assert change.size_bytes > source.stream_from_bytes
        for offset in (0, 1, 5_000_000, len(LARGE) - 1):
            stream = await open_large(source, tenant, change, offset)
            assert await read_all(stream) == LARGE[offset:]
            assert stream.change.etag == change.etag
        digest = source.digest()
        digest.update(LARGE[:4_000_001])
        digest = source.digest(digest.state())
        digest.update(LARGE[4_000_001:])
    assert digest.matches(change.content_hash)


async def test_a_stream_goes_on_after_cuts_short_bodies_and_expired_addresses(
    tenant: SimulatedTenant,
) -> None:
    file = tenant.control.put_file(tenant.id, tenant.user, "large", LARGE)
    async with tenant.client() as client:
        source = DriveSource(client)
        change = (await read_drive(source, tenant))[0][file]
        download = {"operation": "drive.download"}
        tenant.control.add_fault(match=download, action={"cut_after_bytes": 3_000_000}, times=1)
        tenant.control.add_fault(match=download, action={"truncate": 1_000_000}, times=1)
        tenant.control.add_fault(match=download, action={"status": 403, "code": "accessDenied"}, times=1)
        tenant.control.clear_log()
        stream = await open_large(source, tenant, change)
        assert await read_all(stream) == LARGE
        log = [entry for entry in tenant.control.log() if entry["operation"] == "drive.download"]
    assert len(log) == 4


async def test_a_stream_that_never_moves_on_fails(tenant: SimulatedTenant) -> None:
    file = tenant.control.put_file(tenant.id, tenant.user, "large", LARGE)
    async with tenant.client() as client:
        source = DriveSource(client)
        change = (await read_drive(source, tenant))[0][file]
        tenant.control.add_fault(match={"operation": "drive.download"}, action={"cut_after_bytes": 0})
        with pytest.raises(SourceUnavailableError):
            await read_all(await open_large(source, tenant, change))


async def test_a_file_that_changes_while_it_is_streamed_is_noticed(tenant: SimulatedTenant) -> None:
    file = tenant.control.put_file(tenant.id, tenant.user, "large", LARGE)
    async with tenant.client() as client:
        source = DriveSource(client)
        change = (await read_drive(source, tenant))[0][file]
        tenant.control.add_fault(match={"operation": "drive.download"}, action={"cut_after_bytes": 3_000_000}, times=2)
        stream = await open_large(source, tenant, change)
        chunks = stream.chunks()
        await anext(chunks)
        tenant.control.put_file(tenant.id, tenant.user, "large", LARGE[::-1])
        with pytest.raises(SourceContentError):
            async for _ in chunks:
                pass
        await stream.aclose()
        with pytest.raises(SourceContentError):
            await source.open_stream(tenant.drive, change, 10)
        tenant.control.delete_file(tenant.id, tenant.user, "large")
        gone = await source.open_stream(tenant.drive, change, 10)
    assert isinstance(gone, Fetched)
    assert gone.state is FetchState.GONE
    assert gone.asked == change


@pytest.mark.parametrize(("status", "code"), [(400, "invalidRequest"), (410, "resyncRequired")])
async def test_a_stored_cursor_that_is_refused_has_expired_and_one_of_a_new_listing_has_not(
    tenant: SimulatedTenant, status: int, code: str
) -> None:
    for number in range(PAGE_SIZE + 1):
        tenant.control.put_file(tenant.id, tenant.user, f"{number}", b"")
    async with tenant.client() as client:
        source = DriveSource(client)
        cursor = (await source.poll(tenant.drive, {"items": None}))["items"].cursor
        tenant.control.add_fault(match={"path_regex": "token"}, action={"status": status, "code": code})
        with pytest.raises(SourceError, match=code):
            await source.poll(tenant.drive, {"items": cursor})
        page = (await DriveSource(client).poll(tenant.drive, {"items": cursor}))["items"]
    assert page == FeedPage((), None, finished=False, expired=True)


async def test_a_drive_that_is_gone_or_closed_is_raised(tenant: SimulatedTenant) -> None:
    async with tenant.client() as client:
        with pytest.raises(SourceNotFoundError):
            nowhere = Resource(ResourceKind.DRIVE, "b!nowhere", "Ada")
            await DriveSource(client).poll(nowhere, {"items": None})
    async with tenant.client(["User.Read.All"]) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await DriveSource(client).poll(tenant.drive, {"items": None})
    assert caught.value.permission == "Files.Read.All"
