"""The ledger is lost: customers, resources and snapshots come back from the blobs alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared_code.model.lease import LeaseTerms
from shared_code.model.resource import Customer, Resource, ResourceKind
from shared_code.model.run import ResourceOutcome, RunState
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.customer_record import PREFIX, CustomerRecord
from shared_code.vault.memory_blob import MemoryBlobStore
from shared_code.vault.recover import rebuild, recover
from tests.fakes.backup_bench import NOW, RESOURCE, TERMS, WHOLE, Bench
from tests.fakes.vault_checks import blob_names, flip, only_version

ACME = Customer("acme", "Acme \u2603", "11111111-2222-3333-4444-555555555555")
DAY = timedelta(days=1)


@dataclass
class Ledger:
    customers: dict[str, Customer] = field(default_factory=dict)
    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    async def add(self, customer: Customer) -> bool:
        return self.customers.setdefault(customer.id, customer) is customer

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


async def _fill(bench: Bench) -> Resource:
    await CustomerRecord(bench.store).keep(ACME, TERMS, bench.now)
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
    [report] = await rebuild(_containers(("acme", bench.store)), ledger, ledger)
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
    [report] = await rebuild(_containers(("acme", bench.store)), ledger, ledger)
    assert report.indexed == (other.id,)
    assert ledger.rows[("acme", RESOURCE.id)]["run_id"] == "r9"
    before = dict(ledger.rows)
    [report] = await rebuild(_containers(("acme", bench.store)), ledger, ledger)
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
    [report] = await rebuild(_containers(("acme", bench.store)), ledger, ledger)
    assert RESOURCE.id not in report.indexed
    assert len(report.resources) == 2


async def test_deleted_and_overwritten_records_come_back_as_they_were(bench: Bench) -> None:
    await _fill(bench)
    for name in list(bench.store.blobs):
        if "/snapshots/" in name or name.startswith(PREFIX):
            bench.store.overwrite(name, b"{}")
            bench.store.retire(name)
    ledger = Ledger()
    [report] = await rebuild(_containers(("acme", bench.store)), ledger, ledger)
    assert report.customer == ACME
    assert len(report.indexed) == 2


async def test_a_container_without_a_record_of_its_customer(bench: Bench) -> None:
    other = Customer("other", "Other", ACME.tenant_id)
    bench.source.put("a", b"a")
    await bench.run("r1")
    await CustomerRecord(bench.store).keep(other, TERMS, bench.now)
    empty = MemoryBlobStore(lambda: bench.now, exists=False)
    ledger = Ledger()
    acme, none = await rebuild(_containers(("acme", bench.store), ("gone", empty)), ledger, ledger)
    assert (acme.customer, acme.indexed) == (None, (RESOURCE.id,)), "another customer's record is no word on this one"
    assert (none.customer, none.resources) == (None, ())
    assert ledger.customers == {}


async def test_records_of_another_customer_are_damaged(bench: Bench) -> None:
    await _fill(bench)
    assert all(entry.newest is None for entry in await recover(bench.store, "stranger"))


async def test_the_newest_record_of_a_customer_counts(bench: Bench) -> None:
    record = CustomerRecord(bench.store)
    assert await record.read() is None
    renamed = Customer("acme", "Acme Ltd", ACME.tenant_id)
    for number, customer in enumerate([ACME, renamed, ACME]):
        bench.now = NOW + DAY * number
        await record.keep(customer, TERMS, bench.now)
        assert await record.read() == customer
    names = blob_names(bench.store, PREFIX)
    assert len(names) == 3
    flip(only_version(bench.store, names[2]), 30)
    assert await record.read() == renamed
    bench.store.overwrite(names[1], only_version(bench.store, names[0]).data)
    assert await record.read() == renamed


async def test_a_record_is_written_once_and_its_lease_kept(bench: Bench) -> None:
    record = CustomerRecord(bench.store)
    for day in range(400):
        bench.now = NOW + DAY * day
        await record.keep(ACME, TERMS, bench.now)
        [name] = blob_names(bench.store, PREFIX)
        until = only_version(bench.store, name).info.leased_until
        assert until is not None
        assert until >= bench.now + timedelta(days=TERMS.retention_days + TERMS.margin_days)
    assert bench.store.operations["create"] == 1
    assert bench.store.operations["extend_lease"] <= 400 // TERMS.checkpoint_days
    longer = LeaseTerms(400, 30, 7)
    await record.keep(ACME, longer, bench.now)
    assert only_version(bench.store, name).info.leased_until == longer.until(bench.now)
