"""What is agreed with a customer survives the loss of the ledger, and nobody's forged word takes its place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared_code.errors import (
    CustomerExistsError,
)
from shared_code.model.contract import Contract
from shared_code.model.item import format_time
from shared_code.model.protection import ProtectionSettings
from shared_code.model.retention import LegalHold
from shared_code.vault.holds import held_in_store
from shared_code.vault.records import encode_record
from shared_code.vault.recover import HELD_IN_STORE
from tests.fakes.desk import DAY, ONE, TERMS, TWO, Desk, opened_desk


@pytest.fixture
async def desk(azurite: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_desk(azurite, tmp_path) as desk:
        yield desk


async def _agree(desk: Desk) -> Contract:
    await desk.retention.set_retention(400)
    await desk.protection.save(desk.customer.id, ProtectionSettings(25))
    await desk.contract.keep()
    hold, held_blobs = await desk.retention.hold(ONE, "Case 1")
    assert held_blobs == 2
    left = await desk.retention.leave()
    agreed = Contract(desk.customer, 400, ProtectionSettings(25), (hold,), left.left_at)
    assert await desk.told() == agreed
    return agreed


async def test_all_that_is_agreed_survives_the_loss_of_the_ledger(desk: Desk) -> None:
    agreed = await _agree(desk)
    await desk.lose()
    desk.now += DAY
    back = (await desk.recover()).brought_back
    assert (back.retention_days, back.protection, back.holds, back.left_at) == (
        agreed.retention_days,
        agreed.protection,
        agreed.holds,
        agreed.left_at,
    )
    assert await desk.contracts.contract(desk.customer.id) == agreed
    departure = await desk.retention.departure()
    assert departure is not None
    assert {entry.resource_id for entry in departure.inventory.resources} >= {ONE, TWO}
    await desk.retention.nightly()
    assert await held_in_store(desk.store) >= {ONE}
    assert not (await desk.recover()).brought_back.anything, "nothing was missing any more"


@pytest.mark.parametrize("step", ["nightly", "run"])
async def test_a_lost_ledger_does_not_talk_the_vault_out_of_it(desk: Desk, step: str) -> None:
    """The customer is onboarded again and nobody asks for the recovery."""
    agreed = await _agree(desk)
    await desk.lose()
    await desk.customers.add(desk.customer)
    desk.now += DAY
    await (desk.retention.nightly() if step == "nightly" else desk.contract.keep())
    assert await desk.told() == agreed
    assert await desk.contracts.contract(desk.customer.id) == replace(agreed, left_at=None), "see below"
    assert await held_in_store(desk.store) >= {ONE}


async def _plant(desk: Desk, **said: object) -> None:
    """A record of somebody who may create blobs in the container, and knows the format."""
    desk.now += timedelta(seconds=5)
    record = {"format": 1, "number": 9, **Contract(desk.customer).to_json(), **said}
    await desk.store.create(f"customer/PLANTED{desk.now:%H%M%S}.json", encode_record(record), TERMS.until(desk.now))
    desk.now += timedelta(seconds=5)


async def test_a_departure_that_the_vault_alone_tells_of_ends_no_backups(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    left_at = desk.now
    await _plant(desk, left_at=format_time(left_at))
    await desk.contract.keep()
    await desk.retention.nightly()
    assert await desk.retention.departure() is None
    assert "a departure that the ledger does not know" in caplog.text
    await desk.retention.set_retention(400)
    assert await desk.told() == Contract(desk.customer, 400, left_at=left_at), "the vault's word stays"
    for _ in range(500):
        desk.now += DAY
        await desk.contract.keep()
    stored = await desk.record.newest()
    assert stored is not None
    assert stored.leased_until is not None
    assert stored.leased_until > desk.now + 400 * DAY, "it lives as that of any customer does"


@pytest.mark.parametrize("decision", ["recovery", "departure", "undone"])
async def test_somebody_decides_on_a_departure_that_the_vault_alone_tells_of(desk: Desk, decision: str) -> None:
    left_at = desk.now
    await desk.retention.leave()
    await desk.lose()
    await desk.customers.add(desk.customer)
    desk.now += DAY
    await desk.contract.keep()
    assert await desk.retention.departure() is None
    if decision == "recovery":
        assert (await desk.recover()).brought_back.left_at == left_at
        expected: datetime | None = left_at
    elif decision == "departure":
        expected = (await desk.retention.leave()).left_at
        assert expected == desk.now
    else:
        undone = await desk.retention.come_back()
        assert undone is not None
        assert (undone.left_at, undone.undone_at) == (left_at, desk.now)
        assert await desk.retention.come_back() == undone
        expected = None
    await desk.retention.nightly()
    departure = await desk.retention.departure()
    assert (departure.left_at if departure else None, (await desk.told()).left_at) == (expected, expected)
    if decision == "undone":
        assert not (await desk.recover()).brought_back.anything


async def test_a_slow_telling_does_not_stay_the_last_word(desk: Desk) -> None:
    """Another instance agrees on something, and tells the vault, before this one writes what it has read."""
    await desk.customers.add(replace(desk.customer, display_name="Acme Ltd"))
    keep, told = desk.record.keep, list[LegalHold]()

    async def meanwhile(*args: Any, **more: Any) -> bool:
        if not told:
            told.append(LegalHold(desk.customer.id, ONE, "Case 1", desk.now))
            await desk.retention.set_retention(400)
            await desk.retention.hold(ONE, "Case 1")
            desk.now += timedelta(seconds=2)
        return await keep(*args, **more)

    desk.record.keep = meanwhile  # type: ignore[method-assign]
    await desk.contract.keep()
    contract = await desk.told()
    assert (contract.retention_days, contract.holds) == (400, tuple(told))
    written = desk.store.operations["create"]
    await desk.contract.keep()
    assert desk.store.operations["create"] == written


async def test_what_is_agreed_without_end_is_told_a_bounded_number_of_times(desk: Desk) -> None:
    keep, times = desk.record.keep, list[int]()

    async def meanwhile(*args: Any, **more: Any) -> bool:
        times.append(len(times))
        await desk.ledger.set_retention_days(desk.customer.id, 400 + len(times))
        return await keep(*args, **more)

    await desk.ledger.set_retention_days(desk.customer.id, 400)
    desk.record.keep = meanwhile  # type: ignore[method-assign]
    await desk.contract.keep()
    assert len(times) == 5


async def test_a_hold_that_is_lifted_after_everything_else_has_run_out_is_told(desk: Desk) -> None:
    await desk.retention.hold(ONE, "Case 1")
    await desk.retention.leave()
    for _ in range(150):
        desk.now += DAY
        await desk.retention.nightly()
    assert (await desk.told()).holds
    await desk.retention.lift_hold(ONE, "Case 1")
    stored = await desk.record.newest()
    assert stored is not None
    assert (stored.contract.holds, stored.leased_until) == ((), desk.now + DAY)
    desk.now += 2 * DAY
    written = desk.store.operations["create"]
    await desk.retention.nightly()
    assert desk.store.operations["create"] == written, "it is told once"
    await desk.lose()
    await desk.customers.add(desk.customer)
    await desk.retention.nightly()
    assert await held_in_store(desk.store) == set(), "nothing is held again"


@pytest.mark.parametrize("step", ["recovery", "keep"])
async def test_a_retention_that_could_not_be_agreed_on_is_not_brought_back(
    desk: Desk, caplog: pytest.LogCaptureFixture, step: str
) -> None:
    await _plant(desk, retention_days=3651, protection={"earlier_versions": 3})
    await (desk.recover() if step == "recovery" else desk.contract.keep())
    assert await desk.ledger.own_retention_days(desk.customer.id) is None
    assert await desk.protection.own_settings(desk.customer.id) == ProtectionSettings(3)
    assert "a retention of 3651 days" in caplog.text
    await desk.contract.keep()
    assert (await desk.told()).retention_days is None


async def test_a_record_that_names_another_tenant_than_older_ones_is_refused(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await _plant(desk, tenant_id="99999999-2222-3333-4444-555555555555", retention_days=400)
    await desk.lose()
    await desk.contract.check_owner(desk.customer)
    found = await desk.recover()
    assert (found.customer, found.refused, found.brought_back.anything) == (desk.customer, 1, False)
    assert await desk.customers.get(desk.customer.id) == desk.customer
    assert "name another tenant" in caplog.text
    await desk.contract.keep()
    assert (await desk.recover()).refused == 0, "the newest word is the customer's again"


async def test_the_vault_of_a_customer_cannot_be_given_to_another_tenant(desk: Desk) -> None:
    await desk.lose()
    await desk.contract.check_owner(replace(desk.customer, display_name="Acme Ltd"))
    other = replace(desk.customer, tenant_id="99999999-2222-3333-4444-555555555555")
    with pytest.raises(CustomerExistsError, match="another tenant"):
        await desk.contract.check_owner(other)


async def test_without_a_record_what_is_held_stays_held(desk: Desk) -> None:
    await desk.retention.hold(ONE, "Case 1")
    await desk.lose()
    for name in [name for name in desk.store.blobs if name.startswith("customer/")]:
        desk.store.lose(name)
    desk.now += DAY
    found = await desk.recover()
    assert (found.customer, [hold.reason for hold in found.brought_back.holds]) == (None, [HELD_IN_STORE])
    await desk.customers.add(desk.customer)
    await desk.retention.nightly()
    assert await held_in_store(desk.store) >= {ONE}
    await desk.retention.lift_hold(ONE, HELD_IN_STORE)
    assert await held_in_store(desk.store) == set()


async def test_what_the_ledger_knows_is_not_overwritten(desk: Desk) -> None:
    agreed = await _agree(desk)
    customer_id = desk.customer.id
    # As if the process was cut before the vault heard of it.
    renamed = replace(desk.customer, display_name="Acme Ltd")
    await desk.customers.add(renamed)
    await desk.ledger.set_retention_days(customer_id, 30)
    await desk.protection.save(customer_id, ProtectionSettings(1))
    await desk.ledger.lift_hold(customer_id, ONE, "Case 1", desk.now + DAY)
    await desk.ledger.undo_departure(customer_id, desk.now + DAY)
    assert await desk.told() == agreed
    desk.now += 2 * DAY
    assert not (await desk.recover()).brought_back.anything
    await desk.retention.nightly()
    assert await desk.told() == Contract(renamed, 30, ProtectionSettings(1))
    assert await held_in_store(desk.store) == set()
