"""Backups from the simulated tenant at moments when its answers are easily taken wrong: a folder that is 404 for once,
a message that moves while folders are listed, a link to elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared_code.backup.budget import SliceBudget
from shared_code.backup.copier import ResourceCopier
from shared_code.backup.ports import Source
from shared_code.errors import SourceError
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.source import DriveSource
from shared_code.graph.mailboxes.settings import SETTINGS_ID
from shared_code.graph.mailboxes.source import MailboxSource
from shared_code.model.feed import FeedPage
from shared_code.model.resource import Resource
from shared_code.model.run import ResourceOutcome, RunState
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore
from tests.fakes.backup_bench import TERMS
from tests.fakes.memory_damage import MemoryDamage
from tests.fakes.restored import contents_of
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

NOW = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
GONE = {"status": 404, "code": "ErrorItemNotFound"}


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
def vault(tmp_path: Path) -> CustomerVault:
    return CustomerVault(MemoryBlobStore(lambda: NOW), "acme", tmp_path)


async def back_up(vault: CustomerVault, source: Source, resource: Resource, run_id: str) -> ResourceOutcome:
    for _ in range(200):
        copier = ResourceCopier("acme", vault, source, MemoryDamage(), TERMS, SliceBudget(), lambda: NOW, lambda: 0.0)
        outcome = (await copier.run_slice(resource, run_id)).outcome
        if outcome:
            return outcome
    raise AssertionError("the run does not end")


async def count_stored(vault: CustomerVault, resource: Resource, outcome: ResourceOutcome) -> int:
    """Items other than the mailbox's settings."""
    return len(set(await contents_of(vault, resource.id, outcome.seq)) - {SETTINGS_ID})


def mime(number: int) -> bytes:
    return b"From: a@b.c\r\nSubject: %d\r\nMessage-ID: <%d@x>\r\n\r\nbody %d\r\n" % (number, number, number)


def add_message(tenant: SimulatedTenant, number: int, folder: str | list[str]) -> str:
    return tenant.control.add_message(tenant.id, tenant.user, mime(number), folder=folder)


async def test_a_mailbox_whose_folders_are_all_404_once_is_whole_in_the_next_run(
    tenant: SimulatedTenant, vault: CustomerVault
) -> None:
    tenant.control.add_folder(tenant.id, tenant.user, ["Projects"])
    add_message(tenant, 1, "inbox")
    add_message(tenant, 2, ["Projects"])
    tenant.control.add_fault(match={"path_regex": "items/delta"}, action=GONE)
    async with tenant.client() as client:
        first = await back_up(vault, MailboxSource(client), tenant.mailbox, "r1")
        assert first.state is RunState.PARTIAL
        tenant.control.clear_faults()
        second = await back_up(vault, MailboxSource(client), tenant.mailbox, "r2")
    assert second.state is RunState.COMPLETE
    assert await count_stored(vault, tenant.mailbox, second) == 2


async def test_a_living_folder_that_stays_404_is_told_by_every_run(
    tenant: SimulatedTenant, vault: CustomerVault
) -> None:
    folder = tenant.control.add_folder(tenant.id, tenant.user, ["Projects"])
    add_message(tenant, 1, "inbox")
    add_message(tenant, 2, ["Projects"])
    tenant.control.add_fault(match={"path_regex": f"{folder}/items/delta"}, action=GONE)
    async with tenant.client() as client:
        for night in range(3):
            outcome = await back_up(vault, MailboxSource(client), tenant.mailbox, f"r{night}")
            assert outcome.state is RunState.PARTIAL
            assert await count_stored(vault, tenant.mailbox, outcome) == 1


async def test_a_folder_that_is_404_for_one_night_keeps_what_was_stored(
    tenant: SimulatedTenant, vault: CustomerVault
) -> None:
    folder = tenant.control.add_folder(tenant.id, tenant.user, ["Projects"])
    add_message(tenant, 1, ["Projects"])
    states = []
    async with tenant.client() as client:
        for night, is_down in enumerate((False, True, False)):
            tenant.control.clear_faults()
            if is_down:
                tenant.control.add_fault(match={"path_regex": f"{folder}/items/delta"}, action=GONE)
            outcome = await back_up(vault, MailboxSource(client), tenant.mailbox, f"r{night}")
            states.append(outcome.state)
            assert await count_stored(vault, tenant.mailbox, outcome) == 1
    assert states == [RunState.COMPLETE, RunState.PARTIAL, RunState.COMPLETE]


@pytest.mark.parametrize(
    ("status", "code"), [(400, "ErrorInvalidRequest"), (403, "ErrorAccessDenied"), (501, "NotImplemented")]
)
async def test_one_folder_that_cannot_be_read_does_not_block_the_mailbox(
    tenant: SimulatedTenant, vault: CustomerVault, status: int, code: str
) -> None:
    odd = tenant.control.add_folder(tenant.id, tenant.user, ["A search folder"])
    add_message(tenant, 1, "inbox")
    tenant.control.add_fault(match={"path_regex": f"{odd}/items"}, action={"status": status, "code": code})
    async with tenant.client() as client:
        outcome = await back_up(vault, MailboxSource(client), tenant.mailbox, "r1")
    assert outcome.state is RunState.PARTIAL
    assert await count_stored(vault, tenant.mailbox, outcome) == 1


class MovingSource(MailboxSource):
    """Reads the feeds of a poll one after the other; the message moves after the first page that tells of it."""

    def __init__(self, client: GraphClient, tenant: SimulatedTenant, item_id: str, to: list[str]) -> None:
        super().__init__(client)
        self.tenant, self.item_id, self.to, self.has_moved = tenant, item_id, to, False

    async def poll(self, resource: Resource, cursors: Mapping[str, str | None]) -> Mapping[str, FeedPage]:
        pages: dict[str, FeedPage] = {}
        for feed, cursor in cursors.items():
            pages |= await super().poll(resource, {feed: cursor})
            if not self.has_moved and any(change.item_id == self.item_id for change in pages[feed].changes):
                self.tenant.control.move_item(self.tenant.id, self.tenant.user, self.item_id, self.to)
                self.has_moved = True
        return pages


async def test_a_message_that_moves_with_its_id_while_folders_are_listed_is_stored_once(
    tenant: SimulatedTenant, vault: CustomerVault
) -> None:
    tenant.control.change_settings(tenant.id, ids_change_on_move=False)
    message = add_message(tenant, 1, "inbox")
    tenant.control.add_folder(tenant.id, tenant.user, ["Zdone"])
    async with tenant.client() as client:
        source = MovingSource(client, tenant, message, ["Zdone"])
        outcome = await back_up(vault, source, tenant.mailbox, "r1")
    assert source.has_moved
    assert await count_stored(vault, tenant.mailbox, outcome) == 1


async def test_a_message_that_left_its_folder_lives_when_the_folder_goes(
    tenant: SimulatedTenant, vault: CustomerVault
) -> None:
    control = tenant.control
    control.change_settings(tenant.id, ids_change_on_move=False)
    control.add_folder(tenant.id, tenant.user, ["Projects"])
    control.add_folder(tenant.id, tenant.user, ["Archive"])
    message = add_message(tenant, 1, ["Projects"])
    async with tenant.client() as client:
        await back_up(vault, MailboxSource(client), tenant.mailbox, "r1")
        control.move_item(tenant.id, tenant.user, message, ["Archive"])
        control.move_folder(tenant.id, tenant.user, ["Projects"], ["Archive"])
        control.edit(tenant.id, "delete_folder", user=tenant.user, folder=["Archive", "Projects"])
        outcome = await back_up(vault, MailboxSource(client), tenant.mailbox, "r2")
    assert await count_stored(vault, tenant.mailbox, outcome) == 1


def change_answers(client: GraphClient, change: Any) -> None:
    """Let ``change`` edit each JSON answer before the source reads it."""
    read = client.get_json

    async def get_json(*args: Any) -> dict[str, Any]:
        page = await read(*args)
        change(page)
        return page

    client.get_json = get_json  # type: ignore[method-assign]


async def test_files_in_a_notebook_are_stored_and_stay(tenant: SimulatedTenant, vault: CustomerVault) -> None:
    def make_notebook(page: dict[str, Any]) -> None:
        for value in page.get("value", []):
            if value.get("name") == "Book":
                value["package"] = {"type": "oneNote"}

    tenant.control.put_file(tenant.id, tenant.user, ["Docs", "a.txt"], b"a")
    tenant.control.put_file(tenant.id, tenant.user, ["Book", "Section.one"], b"one note")
    async with tenant.client() as client:
        change_answers(client, make_notebook)
        first = await back_up(vault, DriveSource(client), tenant.drive, "r1")
        assert await count_stored(vault, tenant.drive, first) == 2
        tenant.control.put_file(tenant.id, tenant.user, ["Docs", "b.txt"], b"b")
        second = await back_up(vault, DriveSource(client), tenant.drive, "r2")
    assert await count_stored(vault, tenant.drive, second) == 3


async def test_a_page_with_a_link_to_elsewhere_does_not_poison_the_drive(
    tenant: SimulatedTenant, vault: CustomerVault
) -> None:
    foreign = ["https://evil.example/v1.0/drives/x"]

    def lead_away(page: dict[str, Any]) -> None:
        if foreign and "@odata.deltaLink" in page:
            page["@odata.deltaLink"] = foreign.pop()

    tenant.control.put_file(tenant.id, tenant.user, ["a.txt"], b"a")
    async with tenant.client() as client:
        change_answers(client, lead_away)
        with pytest.raises(SourceError):
            await back_up(vault, DriveSource(client), tenant.drive, "r1")
        tenant.control.put_file(tenant.id, tenant.user, ["b.txt"], b"b")
        outcome = await back_up(vault, DriveSource(client), tenant.drive, "r2")
    assert not foreign
    assert await count_stored(vault, tenant.drive, outcome) == 2


async def test_a_stored_cursor_that_is_refused_is_an_expired_one(tenant: SimulatedTenant, vault: CustomerVault) -> None:
    tenant.control.put_file(tenant.id, tenant.user, ["a.txt"], b"a")
    async with tenant.client() as client:
        await back_up(vault, DriveSource(client), tenant.drive, "r1")
        tenant.control.put_file(tenant.id, tenant.user, ["b.txt"], b"b")
        tenant.control.add_fault(match={"path_regex": "delta.*token"}, action={"status": 400, "code": "invalidRequest"})
        outcome = await back_up(vault, DriveSource(client), tenant.drive, "r2")
    assert await count_stored(vault, tenant.drive, outcome) == 2
