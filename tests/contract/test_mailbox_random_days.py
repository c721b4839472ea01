"""Random edits of a mailbox for many days; after each, the newest snapshot equals a fresh listing of the mailbox."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.tenant.control.client import ControlError
from shared_code.graph.retry_policy import RetryPolicy
from shared_code.model.run import RunState
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore
from tests.fakes.mailbox_mail import SERIES, plain
from tests.fakes.mailbox_nights import NOW, Nights
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

_FAULTS = (
    {"status": 429, "retry_after_s": 1},
    {"status": 500},
    {"status": 502},
    {"status": 503},
    {"status": 504},
    {"cut_after_bytes": 20},
    {"truncate": 30},
)


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
def vault(tmp_path: Path) -> CustomerVault:
    return CustomerVault(MemoryBlobStore(lambda: NOW), "acme", tmp_path)


class Life:
    """Somebody who does things to their mailbox at random. What cannot be done is left."""

    def __init__(self, tenant: SimulatedTenant, seed: int) -> None:
        self.tenant = tenant
        self.chance = random.Random(seed)
        self.number = 0

    def edit(self, name: str, *args: Any, **more: Any) -> Any:
        return getattr(self.tenant.control, name)(self.tenant.id, self.tenant.user, *args, **more)

    def day(self, edits: int) -> None:
        for _ in range(edits):
            kinds = (self.add, self.add, self.change, self.move, self.delete, self.folder, self.other, self.settings)
            self.chance.choice(kinds)()

    def some_folder(self) -> dict[str, Any]:
        return dict(self.chance.choice(self.edit("folders")[1:]))

    def some_item(self) -> str | None:
        filled = [folder for folder in self.edit("folders") if folder["count"]]
        if not filled:
            return None
        return str(self.chance.choice(self.edit("items", self.chance.choice(filled)["folder"]))["item"])

    def add(self) -> None:
        self.number += 1
        self.edit("add_message", plain(self.number), folder=self.some_folder()["folder"])

    def other(self) -> None:
        self.number += 1
        kind, properties = self.chance.choice(
            [
                ("add_event", SERIES),
                ("add_contact", {"displayName": f"Person {self.number}"}),
                ("add_task", {"subject": f"Task {self.number}"}),
                ("add_note", {"subject": f"Note {self.number}"}),
            ]
        )
        self.edit(kind, properties)

    def change(self) -> None:
        if item := self.some_item():
            self.edit("update_item", item, {"isRead": self.chance.random() < 0.5}, categories=[str(self.number)])

    def move(self) -> None:
        if item := self.some_item():
            self.edit("move_item", item, self.some_folder()["folder"])

    def delete(self) -> None:
        if item := self.some_item():
            self.edit(self.chance.choice(["delete_item", "soft_delete_item"]), item)

    def folder(self) -> None:
        folder, other = self.some_folder(), self.some_folder()
        name = self.chance.choice(["A", "a", "B", "C"])
        try:
            match self.chance.randrange(4):
                case 0:
                    self.edit("add_folder", f"{folder['path']}/{name}")
                case 1 if not folder["well_known"]:
                    self.edit("rename_folder", folder["folder"], name)
                case 2 if not folder["well_known"]:
                    self.edit("move_folder", folder["folder"], other["folder"])
                case 3 if not folder["well_known"]:
                    self.edit("delete_folder", folder["folder"])
        except ControlError:
            pass  # below itself

    def settings(self) -> None:
        self.edit("change_mailbox_settings", timeZone=self.chance.choice(["UTC", "Tokyo Standard Time"]))


@pytest.mark.parametrize(("seed", "ids_change"), [(1, True), (2, False), (3, True)])
async def test_every_night_the_snapshot_is_the_mailbox(
    tenant: SimulatedTenant, vault: CustomerVault, seed: int, ids_change: bool
) -> None:
    tenant.control.change_settings(tenant.id, ids_change_on_move=ids_change)
    life = Life(tenant, seed)
    async with tenant.client() as client:
        nights = Nights(tenant, vault, client, recoverable_items=True)
        for day in range(8):
            life.day(edits=15)
            if day == 5:  # every cursor has expired
                tenant.control.set_clock(tenant.id, advance_s=400 * 86_400)
            await nights.whole()


async def test_with_a_fifth_of_all_requests_failing_the_snapshots_are_the_same(
    tenant: SimulatedTenant, vault: CustomerVault
) -> None:
    life = Life(tenant, 4)
    # So many tries that none runs out by chance: what happens then is a matter of other tests.
    async with tenant.client(policy=RetryPolicy(max_attempts=15)) as client:
        nights = Nights(tenant, vault, client, recoverable_items=True)
        requests = failures = 0
        for day in range(6):
            life.day(edits=15)
            for number, action in enumerate(_FAULTS):
                seed = 100 * day + number
                # MIME that is cut off and looks whole is nothing that anybody can notice.
                match = {"path_regex": "v1.0(?!.*value)" if "truncate" in action else "v1.0"}
                tenant.control.add_fault(match=match, action=action, probability=0.035, seed=seed)
            outcome = await nights.run()
            log = tenant.control.log(nights.since)
            failed = [entry for entry in log if entry["status"] >= 429]
            tenant.control.clear_faults()
            requests += len(log)
            failures += len(failed)
            assert outcome.state is RunState.COMPLETE, outcome
            assert await nights.snapshot() == await nights.mailbox()
    assert failures > requests / 8
