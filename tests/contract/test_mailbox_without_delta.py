"""Mailboxes whose delta does not work, over their quota or on a server in trouble: they are listed until it does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_code.errors import AccessDeniedError, SourceUnavailableError
from shared_code.graph.client import GraphClient
from shared_code.graph.mailboxes.listing import PAGE_SIZE, ListingCursor, MailboxListing, listing_goes_on
from shared_code.graph.mailboxes.source import MailboxSource
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.run import RunState
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore
from tests.fakes.graph_server import FixedCredential, GraphServer, Reply, Seen
from tests.fakes.mailbox_nights import NOW, Nights
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

CONTENT = {"mailbox.export", "message.mime"}
TROUBLE = [(403, "ErrorQuotaExceeded"), (507, "InsufficientStorage"), (503, "ErrorMailboxStoreUnavailable")]


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
def vault(tmp_path: Path) -> CustomerVault:
    return CustomerVault(MemoryBlobStore(lambda: NOW), "acme", tmp_path)


def message(number: int) -> bytes:
    return b"From: a@b.c\r\nSubject: %d\r\n\r\nbody %d\r\n" % (number, number)


def add(tenant: SimulatedTenant, number: int, folder: str = "inbox") -> str:
    return tenant.control.add_message(tenant.id, tenant.user, message(number), folder=folder)


@pytest.mark.parametrize(("status", "code"), TROUBLE)
async def test_a_mailbox_is_listed_while_delta_fails_and_catches_up_when_it_works(
    tenant: SimulatedTenant, vault: CustomerVault, status: int, code: str
) -> None:
    control, tid, user = tenant.control, tenant.id, tenant.user
    old = [add(tenant, number) for number in range(PAGE_SIZE + 30)]
    async with tenant.client() as client:
        nights = Nights(tenant, vault, client)
        assert (await nights.run()).state is RunState.COMPLETE

        control.break_delta(tid, user, status, code)
        control.add_folder(tid, user, "Made meanwhile")
        new = [add(tenant, 1000), add(tenant, 1001, "Made meanwhile")]
        control.update_item(tid, user, old[3], {"isRead": True})
        control.delete_item(tid, user, old[0])
        second = await nights.run()
        assert second.state is RunState.COMPLETE
        assert second.counts.stored == 3, "what is unchanged was fetched again"
        assert await nights.items() == {*old, *new}  # a listing proves no deletion
        assert "Made meanwhile" in await nights.folders()

        third = await nights.run()
        assert third.counts.stored == 0
        assert not CONTENT & set(nights.asked())

        control.break_delta(tid, user, None)
        control.delete_item(tid, user, new[0])
        control.delete_folder(tid, user, "Made meanwhile")
        fourth = await nights.run()
        assert fourth.state is RunState.COMPLETE
        assert fourth.counts.stored == 0
        assert await nights.items() == set(old[1:])
        assert "Made meanwhile" not in await nights.folders()
        fifth = await nights.run()
        assert fifth.counts.deleted == 0
        assert "mailbox.items.list" not in nights.asked()


async def test_a_mailbox_that_was_never_read_by_delta_is_whole_and_later_compared(
    tenant: SimulatedTenant, vault: CustomerVault
) -> None:
    control, tid, user = tenant.control, tenant.id, tenant.user
    control.add_folder(tid, user, ["Deep", "Deeper", "Deepest"])
    kept, gone = add(tenant, 1, "inbox"), add(tenant, 2, "Deep/Deeper/Deepest")
    control.break_delta(tid, user)
    async with tenant.client() as client:
        nights = Nights(tenant, vault, client)
        for _ in range(2):
            assert (await nights.run()).state is RunState.COMPLETE
            assert await nights.items() == {kept, gone}
        control.delete_item(tid, user, gone)
        control.break_delta(tid, user, None)
        outcome = await nights.run()
        assert (outcome.state, outcome.counts.stored) == (RunState.COMPLETE, 0)
        assert await nights.items() == {kept}
        await nights.run()
        assert {"mailbox.items.list", "mailbox.folders.list"}.isdisjoint(nights.asked())


async def test_a_listing_that_breaks_off_is_told_and_begun_again(tenant: SimulatedTenant, vault: CustomerVault) -> None:
    control, tid, user = tenant.control, tenant.id, tenant.user
    items = {add(tenant, number) for number in range(PAGE_SIZE + 5)}
    control.break_delta(tid, user)
    control.add_fault(match={"path_regex": "items.*skip"}, action={"status": 500})
    async with tenant.client() as client:
        nights = Nights(tenant, vault, client)
        assert (await nights.run()).state is RunState.PARTIAL
        control.clear_faults()
        outcome = await nights.run()
        assert outcome.state is RunState.COMPLETE
        assert outcome.counts.stored == 5
        assert await nights.items() == items


async def test_a_service_that_is_down_altogether_loses_no_cursor(tenant: SimulatedTenant, vault: CustomerVault) -> None:
    item = add(tenant, 1)
    async with tenant.client() as client:
        nights = Nights(tenant, vault, client)
        await nights.run()
        tenant.control.add_fault(match={"path_regex": "admin/exchange"}, action={"status": 503})
        with pytest.raises(SourceUnavailableError):
            await nights.run()
        tenant.control.clear_faults()
        nights.count = 1
        outcome = await nights.run()
        assert (outcome.state, outcome.counts.stored) == (RunState.COMPLETE, 0)
        assert "mailbox.items.list" not in nights.asked()
        assert await nights.items() == {item}


async def test_a_missing_permission_is_no_trouble_with_delta(tenant: SimulatedTenant) -> None:
    roles = ["MailboxFolder.Read.All", "Mail.Read", "MailboxSettings.Read"]
    async with tenant.client(roles) as client:
        source = MailboxSource(client)
        pages = await source.poll(tenant.mailbox, {"folders": None})
        feeds = [change.opens_feed for change in pages["folders"].changes]
        start = tenant.control.log_position()
        with pytest.raises(AccessDeniedError):
            await source.poll(tenant.mailbox, dict.fromkeys(feeds))
    assert "mailbox.items.list" not in [entry["operation"] for entry in tenant.control.log(start)]


@pytest.mark.parametrize("cursor", [ListingCursor(), ListingCursor("https://x/items?$skip=5")])
def test_a_cursor_of_a_listing_is_told_from_others(cursor: ListingCursor) -> None:
    assert ListingCursor.parse(cursor.text()) == cursor
    assert ListingCursor.parse("https://graph.microsoft.com/v1.0/x") is None


async def test_a_page_of_folders_that_is_no_collection_is_not_taken_for_the_end() -> None:
    def answer(seen: Seen) -> Reply:
        found = [{"id": "f1", "displayName": "Inbox", "childFolderCount": 1}]
        return Reply(
            body={
                "responses": [
                    {
                        "id": each["id"],
                        "status": 200,
                        "body": {"@odata.context": "folders"} if "childFolders" in each["url"] else {"value": found},
                    }
                    for each in seen.json()["requests"]
                ]
            }
        )

    resource = Resource(ResourceKind.MAILBOX, "user-1", "Ann", {"user_id": "user-1"})
    async with (
        GraphServer(handler=answer) as server,
        GraphClient(FixedCredential(10**9), now=lambda: NOW, base_url=server.base_url) as client,
    ):
        with pytest.raises(SourceUnavailableError, match="no collection"):
            await MailboxListing(client).folders(resource, "mailbox-1")


def test_a_page_of_items_that_is_no_collection_is_not_taken_for_the_end() -> None:
    with pytest.raises(SourceUnavailableError, match="no collection"):
        listing_goes_on({"@odata.context": "items"}, ListingCursor())
