"""Traps of mailboxes. After each night the snapshot is compared with a fresh listing: every folder at its place, every
item byte by byte."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shared_code.backup.budget import SliceBudget
from shared_code.graph.mailboxes.source import PAGE_SIZE, MailboxSource
from shared_code.model.feed import FeedPage
from shared_code.model.item import ItemKind
from shared_code.model.resource import Resource
from shared_code.model.run import RunState
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore
from tests.fakes.mailbox_mail import MIME_KINDS, SERIES, plain
from tests.fakes.mailbox_nights import NOW, Nights
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

CONTENT = {"mailbox.export", "message.mime"}


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
def vault(tmp_path: Path) -> CustomerVault:
    return CustomerVault(MemoryBlobStore(lambda: NOW), "acme", tmp_path)


@pytest.fixture
async def nights(tenant: SimulatedTenant, vault: CustomerVault) -> AsyncIterator[Nights]:
    async with tenant.client() as client:
        yield Nights(tenant, vault, client)


def _add(nights: Nights, number: int, folder: Any = "inbox", **more: Any) -> str:
    tenant = nights.tenant
    return tenant.control.add_message(tenant.id, tenant.user, plain(number), folder=folder, **more)


def _edit(nights: Nights, name: str, *args: Any, **more: Any) -> Any:
    return getattr(nights.tenant.control, name)(nights.tenant.id, nights.tenant.user, *args, **more)


@pytest.mark.parametrize("name", sorted(MIME_KINDS))
async def test_every_kind_of_attachment_and_odd_message_is_kept_byte_by_byte(nights: Nights, name: str) -> None:
    raw = MIME_KINDS[name]
    item = _edit(nights, "add_message", raw)
    await nights.whole()
    stored = (await nights.snapshot())[item]
    assert stored[-1] == raw
    assert raw in stored[-2], "the native form lacks the message"


async def test_a_series_with_exceptions_and_cancellations_is_one_item_that_changes_as_a_whole(nights: Nights) -> None:
    item = _edit(nights, "add_event", SERIES)
    await nights.whole()
    moved = {"originalStart": "2026-03-09T09:00:00Z", "start": {"dateTime": "2026-03-09T15:00:00", "timeZone": "UTC"}}
    exceptions = [*SERIES["exceptionOccurrences"], moved]
    _edit(nights, "update_item", item, {"exceptionOccurrences": exceptions})
    assert (await nights.whole()).counts.stored == 1
    _edit(nights, "update_item", item, {"cancelledOccurrences": [*SERIES["cancelledOccurrences"], "OID.2026-03-16"]})
    assert (await nights.whole()).counts.stored == 1
    stored = (await nights.snapshot())[item]
    assert stored[0] is ItemKind.EVENT
    for told in (b"2026-03-09T15:00:00", b"OID.2026-03-16", b"teamsForBusiness", b"ben@partner.example"):
        assert told in stored[-2]


@pytest.mark.parametrize(
    "change",
    [
        {"properties": {"isRead": True}},
        {"properties": {"flag": {"flagStatus": "flagged"}}},
        {"categories": ["Red", "Blü"]},
        {"extended": {"String {00020329-0000-0000-C000-000000000046} Name x": "y"}},
    ],
    ids=["read state", "flag", "categories", "extended property"],
)
async def test_a_change_of_nothing_but_state_is_a_new_version(nights: Nights, change: Mapping[str, Any]) -> None:
    item, other = _add(nights, 1), _add(nights, 2)
    await nights.whole()
    before = await nights.snapshot()
    _edit(nights, "update_item", item, **change)
    outcome = await nights.whole()
    assert outcome.counts.stored == 1
    after = await nights.snapshot()
    assert after[other] == before[other]
    assert after[item] != before[item]


@pytest.mark.parametrize("ids_change", [True, False])
async def test_items_that_move_between_folders_are_where_they_are_and_nowhere_else(
    nights: Nights, ids_change: bool
) -> None:
    nights.tenant.control.change_settings(nights.tenant.id, ids_change_on_move=ids_change)
    _edit(nights, "add_folder", ["A", "B"])
    item = _add(nights, 1)
    await nights.whole()
    for folder in ("A/B", "A", "junkemail", "inbox"):  # back to where it was, at last
        item = _edit(nights, "move_item", item, folder)
        await nights.whole()
        assert await nights.items() == {item}


async def test_folders_that_are_hidden_nested_empty_or_well_known_are_kept(nights: Nights) -> None:
    path = ["Inbox", *(f"Level {number}" for number in range(12))]
    _edit(nights, "add_folder", path)
    _edit(nights, "add_folder", "Hidden", hidden=True)
    _edit(nights, "add_folder", "Empty")
    for kind, folder in (("IPF.Appointment", "Team"), ("IPF.Contact", "Clients"), ("IPF.Task", "Chores")):
        _edit(nights, "add_folder", folder, folder_type=kind)
    for number, folder in enumerate(("drafts", "junkemail", "outbox", "deleteditems", "sentitems", "Hidden", path)):
        _add(nights, number, folder)
    outcome = await nights.whole()
    assert outcome.counts.stored == 7 + 1
    names = {version.change.name: version for version in await nights.versions() if version.change.kind.is_folder}
    assert {"Hidden", "Empty", "Level 11", "Team", "Clients", "Chores"} <= set(names)
    assert names["Clients"].change.properties["type"] == "IPF.Contact"


async def test_folders_that_move_are_renamed_or_replaced_by_one_of_the_same_name(nights: Nights) -> None:
    for folder in (["A"], ["A", "Inner"], ["B"]):
        _edit(nights, "add_folder", folder)
    items = [_add(nights, number, folder) for number, folder in enumerate((["A"], ["A", "Inner"], ["B"]))]
    await nights.whole()
    _edit(nights, "move_folder", ["A"], ["B"])
    outcome = await nights.run()
    assert outcome.counts.stored == 0, "a folder that moves takes its items along without a word"
    assert not CONTENT & set(nights.asked())
    assert await nights.snapshot() == await nights.mailbox()
    _edit(nights, "rename_folder", ["B", "A"], "a")  # by case alone
    await nights.whole()
    _edit(nights, "delete_folder", ["B", "a"])
    fresh = _edit(nights, "add_folder", ["B", "a", "Inner"])
    other = _add(nights, 9, ["B", "a", "Inner"])
    await nights.whole()
    assert await nights.items() == {items[2], other}
    # Swapped names: by name each would be the other.
    _edit(nights, "rename_folder", ["B"], "C")
    _edit(nights, "move_folder", fresh)
    _edit(nights, "rename_folder", ["Inner"], "B")
    await nights.whole()


async def test_same_name_siblings_are_two(nights: Nights) -> None:
    one = _edit(nights, "add_folder", "Same")
    _edit(nights, "rename_folder", one, "Other")
    two = _edit(nights, "add_folder", "Same")
    _edit(nights, "rename_folder", one, "Same")
    items = [_add(nights, 1, one), _add(nights, 2, two)]
    await nights.whole()
    assert await nights.items() == set(items)
    _edit(nights, "delete_folder", one)
    await nights.whole()
    assert await nights.items() == {items[1]}


class RepeatingSource(MailboxSource):
    """Each page of items comes again at the beginning of the next one, as delta may do; and each item twice in it."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.last: dict[str, FeedPage] = {}

    async def poll(self, resource: Resource, cursors: Mapping[str, str | None]) -> Mapping[str, FeedPage]:
        pages = dict(await super().poll(resource, cursors))
        for feed, page in pages.items():
            again = self.last[feed].changes if feed in self.last else ()
            self.last[feed] = page
            pages[feed] = FeedPage((*again, *page.changes, *page.changes), page.cursor, page.finished)
        return pages


async def test_duplicates_and_repeated_pages_store_everything_once(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = {_add(nights, number) for number in range(2 * PAGE_SIZE + 5)}
    monkeypatch.setattr(nights, "source", lambda: RepeatingSource(nights.client))
    outcome = await nights.run()
    monkeypatch.undo()
    assert outcome.counts.stored == len(items) + 1
    assert await nights.snapshot() == await nights.mailbox()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (410, "syncStateNotFound"),
        (410, "resyncRequired"),
        (400, "SyncStateNotFound"),
        (404, "syncStateInvalid"),
        (409, "resyncRequired"),
    ],
)
async def test_a_cursor_that_is_reset_lists_that_feed_alone_and_fetches_nothing_unchanged(
    nights: Nights, status: int, code: str
) -> None:
    lost = _edit(nights, "add_folder", "Lost")
    kept, gone = _add(nights, 1, "Lost"), _add(nights, 2, "Lost")
    others = {_add(nights, number) for number in (3, 4)}
    await nights.whole()
    _edit(nights, "delete_item", gone)
    new = _add(nights, 5, "Lost")
    rule = {"path_regex": f"{lost}/items/delta.*token="}
    nights.tenant.control.add_fault(match=rule, action={"status": status, "code": code}, times=1)
    outcome = await nights.run()
    assert (outcome.state, outcome.counts.stored, outcome.counts.deleted) == (RunState.COMPLETE, 1, 1)
    assert await nights.items() == {kept, new, *others}
    log = nights.tenant.control.log(nights.since)
    begun = {
        entry["path"] for entry in log if entry["operation"].endswith("delta") and "token=" not in str(entry["query"])
    }
    assert len(begun) == 1 and lost in begun.pop()
    assert await nights.snapshot() == await nights.mailbox()


async def test_a_feed_of_folders_that_is_reset_buries_what_went_and_keeps_the_rest(nights: Nights) -> None:
    for folder in ("Kept", "Gone"):
        _edit(nights, "add_folder", folder)
    kept = _add(nights, 1, "Kept")
    _add(nights, 2, "Gone")
    await nights.whole()
    _edit(nights, "delete_folder", "Gone")
    action = {"status": 410, "code": "syncStateNotFound"}
    nights.tenant.control.add_fault(match={"path_regex": "folders/delta.*token="}, action=action, times=1)
    assert (await nights.run()).counts.stored == 0
    assert await nights.items() == {kept}
    assert await nights.snapshot() == await nights.mailbox()


async def test_what_comes_and_is_deleted_between_two_runs_is_in_neither(nights: Nights) -> None:
    await nights.whole()
    _edit(nights, "delete_item", _add(nights, 1))
    assert (await nights.whole()).counts.stored == 0


async def test_a_mailbox_of_every_kind_in_tiny_slices_equals_itself(
    nights: Nights, tenant: SimulatedTenant, vault: CustomerVault
) -> None:
    for number, raw in enumerate(MIME_KINDS.values()):
        _edit(nights, "add_message", raw, folder=f"Folder {number % 3}")
    _edit(nights, "add_event", SERIES)
    _edit(nights, "add_contact", {"displayName": "Grace"}, folder="Contacts/Clients")
    _edit(nights, "add_task", {"subject": "Pay", "status": "notStarted"})
    _edit(nights, "add_note", {"subject": "Remember\u0000 the \ud83d\ude00 null"})
    tiny = Nights(tenant, vault, nights.client, budget=SliceBudget(read_bytes=2_000, items=3))
    await tiny.whole()
    assert (await tiny.whole()).counts.stored == 0


async def test_control_characters_and_lone_surrogates_survive(nights: Nights) -> None:
    raw = b"Subject: bad \x00\x01\x1f \xff\xfe name\r\nFrom: a@b.c\r\n\r\n\x00body\x85\r\n.\r\n"
    item = _edit(nights, "add_message", raw)
    folder = _edit(nights, "add_folder", ["\u0001 control", "\ud800 half", "\u202eright to left"])
    inner = _add(nights, 1, folder)
    await nights.whole()
    stored = await nights.snapshot()
    assert stored[item][-1] == raw
    assert stored[inner][1] == folder
    assert stored[folder][2] == "\u202eright to left"


class TestRecoverableItems:
    """What was deleted for good and is not purged yet, where the setting says so."""

    @pytest.fixture
    async def nights(self, tenant: SimulatedTenant, vault: CustomerVault) -> AsyncIterator[Nights]:
        async with tenant.client() as client:
            yield Nights(tenant, vault, client, recoverable_items=True)

    async def test_they_are_folders_of_the_snapshot(self, nights: Nights) -> None:
        kept, item = _add(nights, 1), _add(nights, 2)
        await nights.whole()
        for part in ("deletions", "versions", "purges"):
            item = _edit(nights, "soft_delete_item", item, part=part)
            await nights.whole()
            assert await nights.items() == {kept, item}
        names = {version.change.name for version in await nights.versions() if version.change.kind.is_folder}
        assert {f"Recoverable Items ({part})" for part in ("Deletions", "Versions", "Purges")} <= names
        _edit(nights, "delete_item", item)
        await nights.whole()
        assert await nights.items() == {kept}

    async def test_what_comes_and_is_deleted_between_two_runs_is_found_there(self, nights: Nights) -> None:
        await nights.whole()
        item = _edit(nights, "soft_delete_item", _add(nights, 1))
        assert (await nights.whole()).counts.stored == 1
        assert await nights.items() == {item}

    async def test_once_known_they_cost_nothing(self, nights: Nights) -> None:
        await nights.whole()
        await nights.run()
        assert "mailFolders.get" not in nights.asked()
        assert nights.asked().count("batch") == 1

    async def test_a_name_that_graph_does_not_know_is_left_out_and_asked_for_again(self, nights: Nights) -> None:
        rule = {"path_regex": "mailFolders/recoverableitems(versions|purges)"}
        nights.tenant.control.add_fault(match=rule, action={"status": 400, "code": "ErrorInvalidIdMalformed"})
        item = _edit(nights, "soft_delete_item", _add(nights, 1))
        assert (await nights.run()).state is RunState.COMPLETE
        assert await nights.items() == {item}
        nights.tenant.control.clear_faults()
        other = _edit(nights, "soft_delete_item", _add(nights, 2), part="purges")
        await nights.whole()
        assert await nights.items() == {item, other}

    async def test_switched_off_they_leave_the_newest_snapshot_and_stay_in_the_older_ones(self, nights: Nights) -> None:
        kept, item = _add(nights, 1), _edit(nights, "soft_delete_item", _add(nights, 2))
        await nights.whole()
        nights.recoverable_items = False
        await nights.run()
        await nights.whole()
        assert await nights.items() == {kept}
        nights.count = 1
        assert await nights.items() == {kept, item}


async def test_without_the_setting_recoverable_items_are_never_asked_for(nights: Nights) -> None:
    _edit(nights, "soft_delete_item", _add(nights, 1))
    await nights.whole()
    assert await nights.items() == set()
