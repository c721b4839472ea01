"""The mailbox source against a tenant that behaves like Exchange Online."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest

from shared_code.errors import AccessDeniedError, SourceNotFoundError, ThrottledError
from shared_code.graph.mailboxes.source import PAGE_SIZE, MailboxSource
from shared_code.model.feed import FeedPage, Fetched, FetchState
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.outcome import SkipCause
from shared_code.model.resource import Resource, ResourceKind
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

MESSAGE = (
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nFrom: Ada <ada@example.com>\r\n"
    b"Date: Mon, 1 Jan 2024 10:00:00 +0200\r\nMessage-ID: <m%d@example.com>\r\n\r\nHello %d\r\n"
)
EVENT = {
    "subject": "Meeting",
    "start": {"dateTime": "2024-05-01T10:00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2024-05-01T11:00:00", "timeZone": "UTC"},
}


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


def message(number: int) -> bytes:
    return MESSAGE % (number, number)


async def read_feed(
    source: MailboxSource, resource: Resource, feed: str, cursor: str | None = None
) -> tuple[dict[str, Change], str, int]:
    """All changes of a feed, its last cursor and how many pages it took."""
    changes: dict[str, Change] = {}
    pages = 0
    while True:
        page = (await source.poll(resource, {feed: cursor}))[feed]
        assert not page.expired
        pages += 1
        changes |= {change.item_id: change for change in page.changes}
        cursor = page.cursor
        if page.finished:
            assert cursor
            return changes, cursor, pages


async def folders_of(source: MailboxSource, resource: Resource) -> dict[str, Change]:
    changes, _, _ = await read_feed(source, resource, "folders")
    return {change.name: change for change in changes.values()}


async def fetched_of(source: MailboxSource, tenant: SimulatedTenant, changes: list[Change]) -> dict[str, Fetched]:
    results = [fetched async for fetched in source.fetch(tenant.mailbox, changes)]
    assert sorted(fetched.asked.item_id for fetched in results) == sorted(change.item_id for change in changes)
    return {fetched.asked.item_id: fetched for fetched in results}


async def test_folders_have_parents_types_and_well_known_names(tenant: SimulatedTenant) -> None:
    tenant.control.change_settings(tenant.id, language="de-DE")
    tenant.control.add_folder(tenant.id, tenant.user, ["Projects", "Secret"], hidden=True)
    async with tenant.client() as client:
        folders = await folders_of(MailboxSource(client), tenant.mailbox)
    by_well_known = {change.properties.get("wellKnownName"): change for change in folders.values()}
    assert by_well_known["inbox"].parent_id == ""
    assert by_well_known["calendar"].properties["type"] == "IPF.Appointment"
    assert "msgfolderroot" not in by_well_known
    assert folders["Projects"].parent_id == ""
    assert folders["Secret"].parent_id == folders["Projects"].item_id
    assert folders["Secret"].opens_feed == f"items:{folders['Secret'].item_id}"
    assert all(change.kind is ItemKind.MAIL_FOLDER for change in folders.values())


async def test_changed_folders_come_and_unchanged_ones_ask_for_no_names(tenant: SimulatedTenant) -> None:
    control = tenant.control
    control.add_folder(tenant.id, tenant.user, "Old")
    control.add_folder(tenant.id, tenant.user, "Gone")
    async with tenant.client() as client:
        source = MailboxSource(client)
        before = await folders_of(source, tenant.mailbox)
        _, cursor, _ = await read_feed(source, tenant.mailbox, "folders")
        control.clear_log()
        changes, cursor, _ = await read_feed(source, tenant.mailbox, "folders", cursor)
        assert changes == {}
        assert [entry["operation"] for entry in control.log()] == ["mailbox.folders.delta"]
        control.rename_folder(tenant.id, tenant.user, "Old", "New")
        control.move_folder(tenant.id, tenant.user, "New", "inbox")
        control.delete_folder(tenant.id, tenant.user, "Gone")
        changes, _, _ = await read_feed(source, tenant.mailbox, "folders", cursor)
    moved, gone = changes[before["Old"].item_id], changes[before["Gone"].item_id]
    assert (moved.name, moved.parent_id) == ("New", before["Inbox"].item_id)
    assert gone.deleted


async def test_pages_and_batches_bring_everything_once(tenant: SimulatedTenant) -> None:
    tenant.control.generate_items(tenant.id, tenant.user, 450)
    async with tenant.client() as client:
        source = MailboxSource(client)
        folders = await folders_of(source, tenant.mailbox)
        changes, cursor, pages = await read_feed(source, tenant.mailbox, folders["Inbox"].opens_feed)
        assert (len(changes), pages) == (450, 3)
        cursors: dict[str, str | None] = {folder.opens_feed: None for folder in folders.values()}
        cursors[folders["Inbox"].opens_feed] = cursor
        tenant.control.clear_log()
        answers: Mapping[str, FeedPage] = await source.poll(tenant.mailbox, cursors)
    assert set(answers) == set(cursors)
    assert all(page.finished and page.changes == () for page in answers.values())
    sent = [entry for entry in tenant.control.log() if not entry.get("batch")]
    assert [entry["operation"] for entry in sent] == ["batch"]


async def test_kinds_times_and_etags_of_items(tenant: SimulatedTenant) -> None:
    control = tenant.control
    item = control.add_message(tenant.id, tenant.user, message(1), received="2024-01-02T03:04:05Z")
    event = control.add_event(tenant.id, tenant.user, EVENT)
    contact = control.add_contact(tenant.id, tenant.user, {"displayName": "Grace"})
    task = control.add_task(tenant.id, tenant.user, {"subject": "Do"})
    note = control.add_note(tenant.id, tenant.user, {"subject": "Remember"})
    async with tenant.client() as client:
        source = MailboxSource(client)
        folders = await folders_of(source, tenant.mailbox)
        pages = await source.poll(tenant.mailbox, {each.opens_feed: None for each in folders.values()})
        items = {change.item_id: change for page in pages.values() for change in page.changes}
        assert {items[each].kind for each in (item, event, contact, task, note)} == {
            ItemKind.MESSAGE,
            ItemKind.EVENT,
            ItemKind.CONTACT,
            ItemKind.TASK,
            ItemKind.NOTE,
        }
        assert items[item].parent_id == folders["Inbox"].item_id
        assert items[item].time == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
        _, cursor, _ = await read_feed(source, tenant.mailbox, folders["Inbox"].opens_feed)
        control.update_item(tenant.id, tenant.user, item, {"isRead": True})
        changes, _, _ = await read_feed(source, tenant.mailbox, folders["Inbox"].opens_feed, cursor)
    assert changes[item].etag not in ("", items[item].etag)


async def test_moved_and_deleted_items_leave_their_folder(tenant: SimulatedTenant) -> None:
    control = tenant.control
    moved, deleted = (control.add_message(tenant.id, tenant.user, message(n)) for n in (1, 2))
    async with tenant.client() as client:
        source = MailboxSource(client)
        folders = await folders_of(source, tenant.mailbox)
        _, cursor, _ = await read_feed(source, tenant.mailbox, folders["Inbox"].opens_feed)
        control.move_item(tenant.id, tenant.user, moved, "archive")
        control.delete_item(tenant.id, tenant.user, deleted)
        changes, _, _ = await read_feed(source, tenant.mailbox, folders["Inbox"].opens_feed, cursor)
        arrived, _, _ = await read_feed(source, tenant.mailbox, folders["Archive"].opens_feed)
    assert changes[moved].deleted
    assert changes[deleted].deleted
    assert len(arrived) == 1
    assert not next(iter(arrived.values())).deleted


@pytest.mark.parametrize("status", [410, 400])
async def test_an_expired_cursor_is_an_answer(tenant: SimulatedTenant, status: int) -> None:
    tenant.control.change_settings(tenant.id, outlook_expired_status=status)
    async with tenant.client() as client:
        source = MailboxSource(client)
        folders = await folders_of(source, tenant.mailbox)
        feeds = [folders["Inbox"].opens_feed, folders["Archive"].opens_feed]
        cursors = {
            feed: page.cursor for feed, page in (await source.poll(tenant.mailbox, dict.fromkeys(feeds))).items()
        }
        tenant.control.set_clock(tenant.id, advance_s=40 * 86400)
        alone = await source.poll(tenant.mailbox, {feeds[0]: cursors[feeds[0]]})
        both = await source.poll(tenant.mailbox, cursors)
    for page in (*alone.values(), *both.values()):
        assert page == FeedPage((), None, finished=False, expired=True)


async def test_the_feed_of_a_deleted_folder_is_finished(tenant: SimulatedTenant) -> None:
    tenant.control.add_folder(tenant.id, tenant.user, "Gone")
    async with tenant.client() as client:
        source = MailboxSource(client)
        folders = await folders_of(source, tenant.mailbox)
        feed, other = folders["Gone"].opens_feed, folders["Inbox"].opens_feed
        _, cursor, _ = await read_feed(source, tenant.mailbox, feed)
        tenant.control.delete_folder(tenant.id, tenant.user, "Gone")
        alone = await source.poll(tenant.mailbox, {feed: cursor})
        both = await source.poll(tenant.mailbox, {feed: cursor, other: None})
    assert alone[feed] == both[feed] == FeedPage((), cursor, finished=True, gone=True)
    assert both[other].finished


@pytest.mark.parametrize(("status", "code"), [(400, "ErrorInvalidRequest"), (403, "ErrorAccessDenied"), (503, "Busy")])
async def test_a_folder_that_cannot_be_read_is_told_and_keeps_no_other_from_being_read(
    tenant: SimulatedTenant, status: int, code: str
) -> None:
    odd = tenant.control.add_folder(tenant.id, tenant.user, "Odd")
    tenant.control.add_fault(match={"path_regex": f"{odd}/items"}, action={"status": status, "code": code})
    async with tenant.client() as client:
        folders = await folders_of(MailboxSource(client), tenant.mailbox)
        feed, other = folders["Odd"].opens_feed, folders["Inbox"].opens_feed
        both = await MailboxSource(client).poll(tenant.mailbox, {feed: None, other: None})
        alone = await MailboxSource(client).poll(tenant.mailbox, {feed: None})
    assert both[other].finished and not both[other].gone
    assert both[feed] == alone[feed] == FeedPage((), None, finished=True, gone=True, error=both[feed].error)
    assert f"{status} {code}" in both[feed].error


async def test_when_no_folder_can_be_read_the_mailbox_is_out_of_reach(tenant: SimulatedTenant) -> None:
    tenant.control.add_fault(match={"path_regex": "items/delta"}, action={"status": 403, "code": "ErrorAccessDenied"})
    async with tenant.client() as client:
        source = MailboxSource(client)
        feeds = [folder.opens_feed for folder in (await folders_of(source, tenant.mailbox)).values()]
        for some in (feeds, feeds[:1]):
            with pytest.raises(AccessDeniedError) as caught:
                await source.poll(tenant.mailbox, dict.fromkeys(some))
    assert caught.value.permission == "MailboxItem.Export.All"


@pytest.mark.parametrize("alone", [True, False])
async def test_a_stored_cursor_that_is_refused_has_expired(tenant: SimulatedTenant, alone: bool) -> None:
    async with tenant.client() as client:
        folders = await folders_of(MailboxSource(client), tenant.mailbox)
        feeds = [folders["Inbox"].opens_feed, folders["Archive"].opens_feed][: 1 if alone else 2]
        pages = await MailboxSource(client).poll(tenant.mailbox, dict.fromkeys(feeds))
        tenant.control.add_fault(match={"path_regex": "token"}, action={"status": 400, "code": "ErrorInvalidRequest"})
        again = await MailboxSource(client).poll(tenant.mailbox, {feed: pages[feed].cursor for feed in feeds})
    assert set(again.values()) == {FeedPage((), None, finished=False, expired=True)}


async def test_a_listing_that_is_refused_from_its_second_page_on_is_not_begun_for_ever(tenant: SimulatedTenant) -> None:
    for number in range(PAGE_SIZE + 1):
        tenant.control.add_message(tenant.id, tenant.user, message(number))
    async with tenant.client() as client:
        source = MailboxSource(client)
        feed = (await folders_of(source, tenant.mailbox))["Inbox"].opens_feed
        cursor = (await source.poll(tenant.mailbox, {feed: None}))[feed].cursor
        tenant.control.add_fault(match={"path_regex": "token"}, action={"status": 410, "code": "SyncStateNotFound"})
        page = (await source.poll(tenant.mailbox, {feed: cursor}))[feed]
    assert page == FeedPage((), cursor, finished=True, gone=True, error=page.error)
    assert "410" in page.error


async def test_a_mailbox_that_is_gone_is_raised(tenant: SimulatedTenant) -> None:
    async with tenant.client() as client:
        source = MailboxSource(client)
        folders = await folders_of(source, tenant.mailbox)
        attributes = {**tenant.mailbox.attributes, "mailbox_id": "MBX:nobody@nowhere"}
        gone = Resource(ResourceKind.MAILBOX, tenant.user_id, "Ada", attributes)
        for feeds in (["folders"], [folders["Inbox"].opens_feed], ["folders", folders["Inbox"].opens_feed]):
            with pytest.raises(SourceNotFoundError):
                await source.poll(gone, dict.fromkeys(feeds))


async def test_messages_come_in_both_forms_with_their_headers(tenant: SimulatedTenant) -> None:
    ids = [tenant.control.add_message(tenant.id, tenant.user, message(n)) for n in range(45)]
    async with tenant.client() as client:
        source = MailboxSource(client)
        folders = await folders_of(source, tenant.mailbox)
        changes, _, _ = await read_feed(source, tenant.mailbox, folders["Inbox"].opens_feed)
        tenant.control.clear_log()
        results = await fetched_of(source, tenant, list(changes.values()))
    for number, item_id in enumerate(ids):
        fetched = results[item_id]
        assert fetched.state is FetchState.FETCHED
        assert fetched.forms[Form.READABLE] == message(number)
        assert len(fetched.forms[Form.NATIVE]) > len(message(number))
        assert (fetched.change.name, fetched.change.sender) == ("Grüße", "Ada <ada@example.com>")
        assert fetched.change.time == datetime(2024, 1, 1, 8, tzinfo=UTC)
        assert fetched.change.properties["internetMessageId"] == f"<m{number}@example.com>"
        assert fetched.change.etag == changes[item_id].etag
    sent = [entry["operation"] for entry in tenant.control.log() if not entry.get("batch")]
    assert sorted(sent) == ["batch"] * 3 + ["mailbox.export"] * 3


async def test_other_kinds_come_natively(tenant: SimulatedTenant) -> None:
    extended = {
        "String 0x0037": "Meeting",
        "SystemTime {00062002-0000-0000-C000-000000000046} Id 0x820D": "2024-05-01T10:00:00Z",
    }
    event = tenant.control.add_event(tenant.id, tenant.user, EVENT, extended=extended)
    async with tenant.client() as client:
        source = MailboxSource(client)
        folders = await folders_of(source, tenant.mailbox)
        changes, _, _ = await read_feed(source, tenant.mailbox, folders["Calendar"].opens_feed)
        fetched = (await fetched_of(source, tenant, list(changes.values())))[event]
    assert set(fetched.forms) == {Form.NATIVE}
    assert fetched.change.name == "Meeting"
    assert fetched.change.time == datetime(2024, 5, 1, 10, tzinfo=UTC)


async def test_each_broken_item_is_its_own_outcome(tenant: SimulatedTenant) -> None:
    control = tenant.control
    fine, gone, corrupt, refused, silent = (
        control.add_message(tenant.id, tenant.user, message(number)) for number in range(5)
    )
    async with tenant.client() as client:
        source = MailboxSource(client)
        folders = await folders_of(source, tenant.mailbox)
        changes, _, _ = await read_feed(source, tenant.mailbox, folders["Inbox"].opens_feed)
        control.delete_item(tenant.id, tenant.user, gone)
        control.break_export(tenant.id, tenant.user, corrupt, "ErrorItemCorrupt")
        control.break_export(tenant.id, tenant.user, refused, "ErrorInternalServerError")
        control.add_fault(
            match={"path_regex": f"messages/{silent}"}, action={"status": 404, "code": "ErrorItemNotFound"}
        )
        results = await fetched_of(source, tenant, list(changes.values()))
    assert results[fine].state is FetchState.FETCHED
    assert results[gone].state is FetchState.GONE
    assert (results[corrupt].state, results[corrupt].skip_cause) == (
        FetchState.SKIPPED,
        SkipCause.CORRUPT_AT_SOURCE,
    )
    assert results[refused].state is FetchState.FAILED
    assert "ErrorInternalServerError" in results[refused].error
    assert set(results[silent].forms) == {Form.NATIVE}
    assert results[silent].change.properties["readableError"] == "ErrorItemNotFound"


async def test_a_large_message_travels_alone(tenant: SimulatedTenant) -> None:
    large = message(1) + b"x" * 5_000_000
    ids = [tenant.control.add_message(tenant.id, tenant.user, raw) for raw in (message(0), large, message(2))]
    async with tenant.client() as client:
        source = MailboxSource(client)
        folders = await folders_of(source, tenant.mailbox)
        changes, _, _ = await read_feed(source, tenant.mailbox, folders["Inbox"].opens_feed)
        tenant.control.clear_log()
        results = await fetched_of(source, tenant, [changes[item_id] for item_id in ids])
    assert results[ids[1]].forms[Form.READABLE] == large
    assert all(fetched.state is FetchState.FETCHED for fetched in results.values())
    alone = [entry["operation"] for entry in tenant.control.log() if not entry.get("batch")]
    assert sorted(alone) == ["batch", "mailbox.export", "mailbox.export", "message.mime"]


async def test_a_group_that_cannot_be_exported_is_asked_one_by_one(tenant: SimulatedTenant) -> None:
    ids = [tenant.control.add_message(tenant.id, tenant.user, message(number)) for number in range(3)]
    async with tenant.client() as client:
        source = MailboxSource(client)
        folders = await folders_of(source, tenant.mailbox)
        changes, _, _ = await read_feed(source, tenant.mailbox, folders["Inbox"].opens_feed)
        # The group's six tries, then those of the first single item.
        tenant.control.add_fault(match={"operation": "mailbox.export"}, action={"status": 500}, times=12)
        results = await fetched_of(source, tenant, [changes[item_id] for item_id in ids])
    assert [results[item_id].state for item_id in ids] == [
        FetchState.FAILED,
        FetchState.FETCHED,
        FetchState.FETCHED,
    ]


async def test_throttling_inside_a_batch_is_waited_for(tenant: SimulatedTenant) -> None:
    ids = [tenant.control.add_message(tenant.id, tenant.user, message(number)) for number in range(6)]
    async with tenant.client() as client:
        source = MailboxSource(client)
        folders = await folders_of(source, tenant.mailbox)
        changes, _, _ = await read_feed(source, tenant.mailbox, folders["Inbox"].opens_feed)
        tenant.control.add_fault(
            match={"operation": "message.mime"}, action={"status": 429, "retry_after_s": 2}, times=4
        )
        results = await fetched_of(source, tenant, list(changes.values()))
    assert all(Form.READABLE in results[item_id].forms for item_id in ids)


async def test_endless_throttling_is_raised(tenant: SimulatedTenant) -> None:
    tenant.control.add_fault(match={"operation": "mailbox.folders.delta"}, action={"status": 429, "retry_after_s": 5})
    async with tenant.client() as client:
        with pytest.raises(ThrottledError) as caught:
            await MailboxSource(client).poll(tenant.mailbox, {"folders": None})
    assert caught.value.retry_after_s == 5


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("MailboxFolder.Read.All", "MailboxFolder.Read.All"),
        ("MailboxItem.Export.All", "MailboxItem.Export.All"),
        ("Mail.Read", "Mail.Read"),
    ],
)
async def test_a_missing_permission_is_named(tenant: SimulatedTenant, missing: str, named: str) -> None:
    tenant.control.add_message(tenant.id, tenant.user, message(0))
    roles = {"MailboxFolder.Read.All", "MailboxItem.Export.All", "MailboxItem.Read.All", "Mail.Read"} - {missing}
    async with tenant.client() as everything:
        source = MailboxSource(everything)
        folders = await folders_of(source, tenant.mailbox)
        changes, _, _ = await read_feed(source, tenant.mailbox, folders["Inbox"].opens_feed)
    async with tenant.client(sorted(roles)) as client:
        source = MailboxSource(client)
        with pytest.raises(AccessDeniedError) as caught:
            await folders_of(source, tenant.mailbox)
            await fetched_of(source, tenant, list(changes.values()))
    assert caught.value.permission == named


async def test_a_message_of_garbage_is_kept_as_it_is(tenant: SimulatedTenant) -> None:
    garbage = b"\xff\xfe\x00Subject\r: =?zlib?q?x?=\r\nFrom: <<<>\r\n\r\n\x00\x01" + bytes(range(256))
    item = tenant.control.add_message(tenant.id, tenant.user, garbage)
    async with tenant.client() as client:
        source = MailboxSource(client)
        folders = await folders_of(source, tenant.mailbox)
        changes, _, _ = await read_feed(source, tenant.mailbox, folders["Inbox"].opens_feed)
        fetched = (await fetched_of(source, tenant, list(changes.values())))[item]
    assert fetched.forms[Form.READABLE] == garbage
