"""The ledger is lost: customers, resources and snapshots come back from the blobs alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared_code.errors import VaultUnavailableError
from shared_code.model.contract import BroughtBack, Contract
from shared_code.model.lease import LeaseTerms
from shared_code.model.protection import ProtectionSettings
from shared_code.model.resource import Customer, Resource, ResourceKind
from shared_code.model.retention import Departure, LegalHold
from shared_code.model.run import ResourceOutcome, RunState
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.customer_record import PREFIX, CustomerRecord
from shared_code.vault.holds import apply_holds, release_holds
from shared_code.vault.memory_blob import MemoryBlobStore
from shared_code.vault.records import encode_record
from shared_code.vault.recover import HELD_IN_STORE, RecoveredCustomer, rebuild, recover
from tests.fakes.backup_bench import NOW, RESOURCE, TERMS, WHOLE, Bench
from tests.fakes.vault_checks import blob_names, flip, only_version

ACME = Customer("acme", "Acme \u2603", "11111111-2222-3333-4444-555555555555")
DAY = timedelta(days=1)


@dataclass
class Ledger:
    customers: dict[str, Customer] = field(default_factory=dict)
    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    contracts: dict[str, Contract] = field(default_factory=dict)
    every_hold: list[LegalHold] = field(default_factory=list)
    departures: list[Departure] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    async def put_back(self, customer: Customer) -> bool:
        self.order.append("the customer")
        return self.customers.setdefault(customer.id, customer) is customer

    async def bring_back(self, told: Contract, inventory: Callable[[], Awaitable[Departure]]) -> BroughtBack:
        self.order.append("what is agreed")
        self.contracts[told.customer.id] = told
        self.every_hold += told.holds
        if told.left_at:
            self.departures.append(await inventory())
        return BroughtBack(told.retention_days, told.protection, told.holds, told.left_at)

    async def holds(self, customer_id: str) -> list[LegalHold]:
        return [hold for hold in self.every_hold if hold.customer_id == customer_id]

    async def add_hold(self, hold: LegalHold) -> bool:
        self.every_hold.append(hold)
        return True

    async def resources(self, customer_id: str) -> list[dict[str, Any]]:
        return [row for (customer, _), row in self.rows.items() if customer == customer_id]

    async def index_resource(self, customer_id: str, run_id: str, resource: Resource, outcome: ResourceOutcome) -> None:
        row = {"run_id": run_id, "resource": resource.to_json(), "outcome": outcome.to_json()}
        self.rows[(customer_id, resource.id)] = row


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def _containers(*pairs: tuple[str, BlobStore]) -> AsyncIterator[tuple[str, BlobStore]]:
    for pair in pairs:
        yield pair


async def _rebuild(ledger: Ledger, *pairs: tuple[str, BlobStore]) -> list[RecoveredCustomer]:
    found = await rebuild(_containers(*pairs), ledger, ledger, ledger, NOW)
    assert [entry.error for entry in found] == [None] * len(pairs)
    return found


async def _keep(bench: Bench, contract: Contract, terms: LeaseTerms = TERMS, last: datetime | None = None) -> None:
    record = CustomerRecord(bench.store, contract.customer.id)
    await record.keep(contract, await record.newest(), terms, bench.now, last)


async def _told(bench: Bench) -> Contract | None:
    stored = await CustomerRecord(bench.store, "acme").newest()
    return stored.contract if stored else None


async def _fill(bench: Bench) -> Resource:
    await _keep(bench, Contract(ACME))
    bench.source.put("a", b"content of a")
    await bench.run("r1")
    other = Resource(ResourceKind.MAILBOX, "u1", "A mailbox", {"mailbox_id": "m1"})
    await bench.copier(WHOLE).run_slice(other, "r1")
    bench.source.put("b", b"content of b")
    bench.now = NOW + DAY
    await bench.run("r2")
    return other


async def test_everything_is_indexed_again_and_restores(bench: Bench) -> None:
    other = await _fill(bench)
    ledger = Ledger()
    [report] = await _rebuild(ledger, ("acme", bench.store))
    assert (report.customer, ledger.customers) == (ACME, {"acme": ACME})
    assert report.indexed == (RESOURCE.id, other.id)
    assert [(entry.resource, entry.seqs) for entry in report.resources] == [(RESOURCE, (1, 2)), (other, (1,))]
    row = ledger.rows[("acme", other.id)]
    assert row["run_id"] == "r1"
    assert Resource.from_json(row["resource"]) == other
    outcome = ResourceOutcome.from_json(row["outcome"])
    assert (outcome.state, outcome.seq, outcome.display_name) == (RunState.COMPLETE, 1, "A mailbox")
    assert await bench.restored(2) == bench.expected()


async def test_what_the_ledger_knows_stays(bench: Bench) -> None:
    other = await _fill(bench)
    ledger = Ledger()
    newer = ResourceOutcome(RESOURCE.id, "drive", "Renamed", RunState.FAILED, error="out of reach")
    await ledger.index_resource("acme", "r9", RESOURCE, newer)
    [report] = await _rebuild(ledger, ("acme", bench.store))
    assert report.indexed == (other.id,)
    assert ledger.rows[("acme", RESOURCE.id)]["run_id"] == "r9"
    before = dict(ledger.rows)
    [report] = await _rebuild(ledger, ("acme", bench.store))
    assert (report.indexed, ledger.rows) == ((), before)


async def test_a_damaged_record_is_told_and_an_older_one_serves(bench: Bench) -> None:
    await _fill(bench)
    newest = blob_names(bench.store, f"{RESOURCE.id}/snapshots/")[-1]
    flip(only_version(bench.store, newest), 60)
    [entry, _] = await recover(bench.store, "acme")
    assert (entry.resource, entry.seqs, entry.damaged) == (RESOURCE, (1, 2), (2,))
    flip(only_version(bench.store, blob_names(bench.store, f"{RESOURCE.id}/snapshots/")[0]), 60)
    [entry, _] = await recover(bench.store, "acme")
    assert (entry.resource, entry.damaged) == (None, (1, 2))
    ledger = Ledger()
    [report] = await _rebuild(ledger, ("acme", bench.store))
    assert RESOURCE.id not in report.indexed
    assert len(report.resources) == 2


async def test_deleted_and_overwritten_records_come_back_as_they_were(bench: Bench) -> None:
    await _fill(bench)
    for name in list(bench.store.blobs):
        if "/snapshots/" in name or name.startswith(PREFIX):
            bench.store.overwrite(name, b"{}")
            bench.store.retire(name)
    ledger = Ledger()
    [report] = await _rebuild(ledger, ("acme", bench.store))
    assert report.customer == ACME
    assert len(report.indexed) == 2


async def test_a_container_without_a_record_of_its_customer(bench: Bench) -> None:
    other = Customer("other", "Other", ACME.tenant_id)
    bench.source.put("a", b"a")
    await bench.run("r1")
    await _keep(bench, Contract(other))
    empty = MemoryBlobStore(lambda: bench.now, exists=False)
    ledger = Ledger()
    acme, none = await _rebuild(ledger, ("acme", bench.store), ("gone", empty))
    assert (acme.customer, acme.indexed) == (None, (RESOURCE.id,)), "another customer's record is no word on this one"
    assert (none.customer, none.resources) == (None, ())
    assert ledger.customers == {}


async def test_records_of_another_customer_are_damaged(bench: Bench) -> None:
    await _fill(bench)
    assert all(entry.newest is None for entry in await recover(bench.store, "stranger"))


async def test_the_newest_record_of_a_customer_counts(bench: Bench) -> None:
    assert await _told(bench) is None
    renamed = Customer("acme", "Acme Ltd", ACME.tenant_id)
    for number, customer in enumerate([ACME, renamed, ACME]):
        bench.now = NOW + DAY * number
        await _keep(bench, Contract(customer))
        assert await _told(bench) == Contract(customer)
    names = blob_names(bench.store, PREFIX)
    assert len(names) == 3
    flip(only_version(bench.store, names[2]), 30)
    assert await _told(bench) == Contract(renamed)
    bench.store.overwrite(names[1], only_version(bench.store, names[0]).data)
    assert await _told(bench) == Contract(renamed)


async def test_a_record_is_written_once_and_its_lease_kept(bench: Bench) -> None:
    for day in range(400):
        bench.now = NOW + DAY * day
        await _keep(bench, Contract(ACME))
        [name] = blob_names(bench.store, PREFIX)
        until = only_version(bench.store, name).info.leased_until
        assert until is not None
        assert until >= bench.now + timedelta(days=TERMS.retention_days + TERMS.margin_days)
    assert bench.store.operations["create"] == 1
    assert bench.store.operations["extend_lease"] <= 400 // TERMS.checkpoint_days
    longer = LeaseTerms(400, 30, 7)
    await _keep(bench, Contract(ACME), longer)
    assert only_version(bench.store, name).info.leased_until == longer.until(bench.now)


AGREED = Contract(
    ACME,
    400,
    ProtectionSettings(25),
    (LegalHold("acme", RESOURCE.id, "Case 1: M\u00fcller ./. Acme", NOW),),
    NOW + DAY,
)


async def test_a_record_tells_what_is_agreed(bench: Bench) -> None:
    for contract in (Contract(ACME), AGREED, replace(AGREED, holds=()), replace(AGREED, left_at=None)):
        await _keep(bench, contract, last=bench.now + DAY)
        assert await _told(bench) == contract, "all within one second"


async def test_a_record_of_the_customer_alone_is_still_read(bench: Bench) -> None:
    old = {"format": 1, "id": "acme", "display_name": ACME.display_name, "tenant_id": ACME.tenant_id}
    await bench.store.create(f"{PREFIX}OLD.json", encode_record(old), TERMS.until(NOW))
    assert await _told(bench) == Contract(ACME)
    await _keep(bench, Contract(ACME))
    assert blob_names(bench.store, PREFIX) == [f"{PREFIX}OLD.json"], "it says nothing else, so it stays"


@pytest.mark.parametrize(
    "nonsense",
    [
        {"retention_days": "long"},
        {"holds": [{"resource_id": "../x", "reason": "r", "since": "2026-01-01T00:00:00Z"}]},
        {"holds": 7},
        {"protection": {"earlier_versions": -1}},
        {"left_at": "yesterday"},
        {"number": float("inf")},
        {"number": 10**4300 - 1},
        {"number": -1},
        {"number": True},
        {"retention_days": float("inf")},
        {"retention_days": 10**9},
        {"retention_days": 6},
        {"retention_days": "400"},
        {"protection": {"earlier_versions": 2.5}},
        {"left_at": "0001-01-01T00:00:00+14:00"},
        {"left_at": "1999-12-31T00:00:00Z"},
        {"left_at": "9999-01-01T00:00:00Z"},
        {"holds": [{"resource_id": "drive.x", "reason": "r", "since": "9999-01-01T00:00:00Z"}]},
        {"holds": [{"resource_id": "drive.x", "reason": "r", "since": "0001-01-01T00:00:00+14:00"}]},
        {"holds": [{"resource_id": "drive.x", "reason": "r" * 201, "since": "2026-01-01T00:00:00Z"}]},
        {"holds": [{"resource_id": "drive.x", "reason": "r\nERROR forged", "since": "2026-01-01T00:00:00Z"}]},
        {"holds": [{"resource_id": "drive.x", "reason": ["r"], "since": "2026-01-01T00:00:00Z"}]},
        {"display_name": "A" * 10**6},
        {"display_name": ["Acme"]},
        {"note": "x" * (16 * 2**20)},
        {"note": ["x"], "format": float("nan")},
    ],
    ids=lambda nonsense: f"{nonsense}"[:80],
)
async def test_a_record_that_hashes_right_and_tells_nonsense_is_passed_over(
    bench: Bench, nonsense: dict[str, Any]
) -> None:
    await _keep(bench, AGREED, last=NOW + 2 * DAY)
    bench.now += DAY
    record = {"format": 1, **AGREED.to_json(), "retention_days": 777, **nonsense}
    await bench.store.create(f"{PREFIX}ODD.json", encode_record(record), TERMS.until(NOW))
    await bench.store.create(f"{PREFIX}FOREIGN.txt", b"[]", TERMS.until(NOW))
    await bench.store.create(f"{PREFIX}DEEP.json", b"[" * 100_000, TERMS.until(NOW))
    assert await _told(bench) == AGREED
    await _keep(bench, replace(AGREED, retention_days=500), last=bench.now + DAY)
    assert await _told(bench) == replace(AGREED, retention_days=500)


async def test_a_record_of_the_highest_number_is_not_the_last_word(bench: Bench) -> None:
    planted = {"format": 1, "number": 10**9, **Contract(ACME).to_json()}
    await bench.store.create(f"{PREFIX}ODD.json", encode_record(planted), TERMS.until(NOW))
    bench.now += DAY
    for days in (400, 401, 402):
        await _keep(bench, replace(AGREED, retention_days=days), last=bench.now + DAY)
        assert await _told(bench) == replace(AGREED, retention_days=days), "all within one second"


async def test_one_vault_that_fails_keeps_no_other_from_its_recovery(bench: Bench) -> None:
    await _fill(bench)

    class Broken(MemoryBlobStore):
        def list(self, *args: Any, **more: Any) -> Any:
            raise self.error

    broken, odd = Broken(lambda: bench.now), Broken(lambda: bench.now)
    broken.error, odd.error = VaultUnavailableError("The store does not answer."), OverflowError("of the inside")
    ledger = Ledger()
    containers = _containers(("first", broken), ("odd", odd), ("acme", bench.store))
    found = await rebuild(containers, ledger, ledger, ledger, NOW)
    assert [(entry.customer_id, entry.error) for entry in found] == [
        ("first", "The store does not answer."),
        ("odd", "internal error OverflowError"),
        ("acme", None),
    ]
    assert ledger.customers == {"acme": ACME}


async def test_the_record_of_a_customer_that_has_left_does_not_outlive_what_it_has(bench: Bench) -> None:
    await _keep(bench, Contract(ACME))
    left, last = Contract(ACME, left_at=NOW), NOW + 100 * DAY
    for day in range(140):
        bench.now = NOW + DAY * day
        await _keep(bench, left, last=last)
    names = blob_names(bench.store, PREFIX)
    leases = sorted(only_version(bench.store, name).info.leased_until or NOW for name in names)
    assert leases == sorted([last, TERMS.until(NOW)])
    held = replace(AGREED, left_at=NOW)
    await _keep(bench, held, last=last)
    await _keep(bench, held, last=last)
    assert len(blob_names(bench.store, PREFIX)) == 3, "of what is held it still tells"
    assert await _told(bench) == held


async def test_what_is_agreed_comes_back(bench: Bench) -> None:
    await _fill(bench)
    bench.now += DAY
    await _keep(bench, AGREED, last=bench.now + DAY)
    ledger = Ledger()
    [report] = await _rebuild(ledger, ("acme", bench.store))
    assert ledger.contracts == {"acme": AGREED}
    assert ledger.order == ["what is agreed", "the customer"], "a timer that finds the customer finds what is agreed"
    assert report.brought_back == BroughtBack(400, ProtectionSettings(25), AGREED.holds, AGREED.left_at)
    [departure] = ledger.departures
    assert {entry.resource_id for entry in departure.inventory.resources} >= {RESOURCE.id}


async def test_what_is_held_in_the_store_and_known_to_nobody_is_put_on_hold(bench: Bench) -> None:
    other = await _fill(bench)
    await apply_holds(bench.store, [RESOURCE.id, other.id])
    ledger = Ledger(every_hold=[LegalHold("acme", other.id, "Case 2", NOW, lifted_at=NOW)])
    [report] = await _rebuild(ledger, ("acme", bench.store))
    found = LegalHold("acme", RESOURCE.id, HELD_IN_STORE, NOW)
    assert report.brought_back.holds == (found,), "a lifted hold is no unknown one, and the record of it no resource"
    [report] = await _rebuild(ledger, ("acme", bench.store))
    assert report.brought_back.holds == ()
    await release_holds(bench.store, [RESOURCE.id, other.id], is_last=True)
    [report] = await _rebuild(Ledger(), ("acme", bench.store))
    assert report.brought_back.holds == ()
