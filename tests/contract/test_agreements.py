"""Terms, holds and departures are changed by those alone who ask for it, and by nothing that is cut in between."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared_code.errors import (
    ConfigError,
    CustomerErasedError,
    HoldNotFoundError,
    InvalidIdError,
    ResourceNotFoundError,
    SnapshotNotFoundError,
    VaultUnavailableError,
)
from shared_code.model.contract import Contract
from shared_code.model.retention import LegalHold
from shared_code.vault.holds import held_in_store
from shared_code.vault.memory_blob import Moment
from tests.fakes.desk import DAY, ONE, START, TERMS, TWO, Desk, opened_desk


@pytest.fixture
async def desk(azurite: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_desk(azurite, tmp_path) as desk:
        yield desk


async def test_a_resource_is_released_with_its_last_hold(desk: Desk) -> None:
    for resource_id, reason in ((ONE, "Case 1"), (ONE, "Case 2"), (TWO, "Case 2")):
        await desk.retention.hold(resource_id, reason)
    await desk.retention.lift_hold(ONE, "Case 1")
    assert await held_in_store(desk.store) == {ONE, TWO, "customer"}
    await desk.retention.lift_hold(ONE, "Case 2")
    assert await held_in_store(desk.store) == {TWO, "customer"}
    await desk.retention.lift_hold(TWO, "Case 2")
    assert await held_in_store(desk.store) == set()


async def test_a_hold_of_which_the_ledger_lost_the_word_keeps_what_another_lifted_hold_is_of(desk: Desk) -> None:
    await desk.retention.hold(ONE, "Case 1")
    await desk.retention.hold(ONE, "Case 2")
    await desk.retention.lift_hold(ONE, "Case 1")
    table = desk.service.get_table_client("legalholds")
    async for row in table.query_entities(f"PartitionKey eq '{desk.customer.id}'"):
        if "Case 2" in row["json"]:
            await table.delete_entity(row["PartitionKey"], row["RowKey"])
    await desk.retention.lift_hold(ONE, "Case 1")
    await desk.retention.nightly()
    assert await held_in_store(desk.store) == {ONE, "customer"}


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("finished_by", ["repeat", "nightly"])
async def test_a_lift_that_is_cut_is_finished_later(desk: Desk, moment: Moment, finished_by: str) -> None:
    await desk.retention.hold(ONE, "Case 1")

    def cut(operation: str, name: str, at: Moment) -> None:
        if operation == "set_legal_hold" and at is moment:
            raise VaultUnavailableError("The process is gone.")

    desk.store.hook = cut
    with pytest.raises(VaultUnavailableError):
        await desk.retention.lift_hold(ONE, "Case 1")
    desk.store.hook = None
    if moment is Moment.BEFORE:
        assert await held_in_store(desk.store) >= {ONE}
    await (desk.retention.lift_hold(ONE, "Case 1") if finished_by == "repeat" else desk.retention.nightly())
    assert await held_in_store(desk.store) == set()


async def test_a_hold_that_is_placed_while_the_resource_is_released_holds(desk: Desk) -> None:
    await desk.retention.hold(ONE, "Case 1")
    release = desk.store.set_legal_hold
    placed: list[LegalHold] = []

    async def meanwhile(name: str, version_id: str, held: bool) -> None:
        if not held and not placed:
            placed.append(await desk.ledger.place_hold(LegalHold(desk.customer.id, ONE, "Case 2", desk.now)))
        await release(name, version_id, held)

    desk.store.set_legal_hold = meanwhile  # type: ignore[method-assign]
    await desk.retention.lift_hold(ONE, "Case 1")
    assert placed
    assert await held_in_store(desk.store) == {ONE, "customer"}


async def test_what_nobody_knows_cannot_be_held(desk: Desk) -> None:
    for resource_id in ("drive.nobody", "drive.on"):
        with pytest.raises(ResourceNotFoundError, match="list of resources"):
            await desk.retention.hold(resource_id, "Case 1")
    with pytest.raises(InvalidIdError):
        await desk.retention.hold("../x", "Case 1")
    with pytest.raises(HoldNotFoundError, match="list of holds"):
        await desk.retention.lift_hold(ONE, "Case 1")
    assert await desk.retention.holds() == []


async def test_more_than_the_most_cannot_be_agreed_on(desk: Desk) -> None:
    with pytest.raises(ConfigError, match=r"R \+ C \+ M = 3651 \+ 30 \+ 7 = 3688 days.*BACKUP_MOST_RETENTION_DAYS"):
        await desk.retention.set_retention(3651)
    with pytest.raises(ConfigError, match="less than 7"):
        await desk.retention.set_retention(6)
    assert await desk.ledger.own_retention_days(desk.customer.id) is None
    assert (await desk.retention.set_retention(3650)).lease_days == 3687


async def test_a_departure_is_taken_back_until_everything_is_gone(desk: Desk) -> None:
    assert await desk.retention.come_back() is None
    await desk.retention.leave()
    desk.now += DAY
    undone = await desk.retention.come_back()
    assert undone is not None
    assert (undone.undone_at, await desk.retention.departure()) == (desk.now, None)
    assert await desk.told() == Contract(desk.customer)
    assert await desk.retention.come_back() == undone
    desk.now += DAY
    assert (await desk.retention.leave()).left_at == desk.now
    desk.store.blobs.clear()
    desk.now += 200 * DAY
    await desk.retention.nightly()
    assert desk.store.blobs == {}, "what is erased stays erased"
    with pytest.raises(CustomerErasedError):
        await desk.retention.come_back()


async def test_a_customer_that_has_left_takes_no_new_leases(desk: Desk) -> None:
    desk.now += 60 * DAY
    last = max(blob.versions[blob.current or ""].info.leased_until or START for blob in desk.store.blobs.values())
    await desk.retention.leave()
    for _ in range(70):
        desk.now += DAY
        await desk.retention.nightly()
    leases = [blob.versions[blob.current or ""].info.leased_until for blob in desk.store.blobs.values()]
    assert all(until is not None and until <= last for until in leases)


@pytest.mark.parametrize("resource_id", ["drive.x\nERROR forged", "drive.x\x00", "../other", "drive.../x", ""])
async def test_an_id_that_is_none_is_refused_before_anything_is_asked(
    desk: Desk, caplog: pytest.LogCaptureFixture, resource_id: str
) -> None:
    before = desk.store.operations.total()
    with caplog.at_level(logging.DEBUG), pytest.raises(InvalidIdError):
        await desk.retention.verify(resource_id, 1)
    assert (desk.store.operations.total(), "forged" in caplog.text) == (before, False)


async def test_a_snapshot_that_is_not_there_is_not_damaged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SnapshotNotFoundError):
        await desk.retention.verify(ONE, 1)
    for seq in (2, 4):
        await desk.store.create(f"{ONE}/snapshots/{seq:08d}.json", b"{}", TERMS.until(desk.now))
    for seq in (1, 5):
        with pytest.raises(SnapshotNotFoundError):
            await desk.retention.verify(ONE, seq)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert not (await desk.retention.verify(ONE, 3)).ok, "one that is missing between others is"
