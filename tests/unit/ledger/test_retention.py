"""Retention, holds, departures and reports on Azure Tables, tried on the storage emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from azure.data.tables.aio import TableServiceClient

from shared_code.errors import ConfigError, CustomerErasedError
from shared_code.ledger.damage import DamageLedger
from shared_code.ledger.retention import RetentionLedger
from shared_code.model.damage import DamagedItem
from shared_code.model.lease import LeaseTerms
from shared_code.model.retention import Departure, ExpiryReport, Inventory, LegalHold, ResourceInventory

NOW = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TERMS = LeaseTerms(90, 30, 7)
ONE, TWO = "mailbox.one", "drive.two"


@pytest.fixture
async def service(azurite: str) -> AsyncIterator[TableServiceClient]:
    async with TableServiceClient.from_connection_string(azurite) as client:
        yield client


@pytest.fixture
def ledger(service: TableServiceClient) -> RetentionLedger:
    return RetentionLedger(service, TERMS)


@pytest.fixture
def acme() -> str:
    return f"c{uuid4().hex[:10]}"


async def test_a_customer_has_the_default_terms_until_it_agrees_on_its_own(ledger: RetentionLedger, acme: str) -> None:
    assert await ledger.terms(acme) == TERMS
    assert await ledger.set_retention_days(acme, 365) == LeaseTerms(365, 30, 7)
    assert await ledger.terms(acme) == LeaseTerms(365, 30, 7)
    assert await ledger.terms(f"{acme}x") == TERMS
    with pytest.raises(ConfigError, match="R = 1"):
        await ledger.set_retention_days(acme, 1)
    assert await ledger.terms(acme) == LeaseTerms(365, 30, 7)


async def test_a_resource_is_on_hold_until_its_last_hold_is_lifted(ledger: RetentionLedger, acme: str) -> None:
    first = LegalHold(acme, ONE, "Case 1: Müller ./. Acme", NOW)
    second = LegalHold(acme, ONE, "Case 2", NOW + DAY)
    for hold in (first, second, LegalHold(acme, TWO, "Case 2", NOW)):
        assert await ledger.place_hold(hold) == hold
    assert await ledger.held_resources(acme) == {ONE, TWO}
    await ledger.lift_hold(acme, ONE, first.reason, NOW + 2 * DAY)
    assert await ledger.held_resources(acme) == {ONE, TWO}
    await ledger.lift_hold(acme, ONE, second.reason, NOW + 3 * DAY)
    assert await ledger.held_resources(acme) == {TWO}
    assert await ledger.held_resources(f"{acme}x") == frozenset()
    assert [(hold.reason, hold.lifted_at) for hold in await ledger.holds(acme) if hold.resource_id == ONE] == [
        (first.reason, NOW + 2 * DAY),
        (second.reason, NOW + 3 * DAY),
    ]


async def test_replays_and_late_replays_of_holds_change_nothing(ledger: RetentionLedger, acme: str) -> None:
    hold = LegalHold(acme, ONE, "Case 1", NOW)
    await ledger.place_hold(hold)
    assert await ledger.place_hold(replace(hold, since=NOW + DAY)) == hold
    lifted = await ledger.lift_hold(acme, ONE, "Case 1", NOW + 2 * DAY)
    assert lifted == replace(hold, lifted_at=NOW + 2 * DAY)
    assert await ledger.lift_hold(acme, ONE, "Case 1", NOW + 5 * DAY) == lifted
    assert await ledger.place_hold(hold) == lifted, "a replay from before it was lifted"
    again = replace(hold, since=NOW + 9 * DAY)
    assert await ledger.place_hold(again) == again
    assert await ledger.lift_hold(acme, ONE, "Case 1", NOW + 2 * DAY) == again, "a replay from before it was placed"
    assert await ledger.held_resources(acme) == {ONE}
    assert await ledger.lift_hold(acme, ONE, "no such case", NOW) is None


def test_a_hold_needs_a_reason(acme: str) -> None:
    with pytest.raises(ValueError, match="reason"):
        LegalHold(acme, ONE, " ", NOW)


async def test_a_departure_begins_once_and_what_is_erased_stays_so(ledger: RetentionLedger, acme: str) -> None:
    resources = tuple(ResourceInventory(f"mailbox.{n:05d}", n, n, n, NOW, NOW, NOW) for n in range(3000))
    departure = Departure(acme, NOW, Inventory(NOW, resources), NOW + 127 * DAY, NOW)
    assert await ledger.departure(acme) is None
    assert await ledger.begin_departure(departure) == departure
    assert await ledger.begin_departure(replace(departure, left_at=NOW + DAY)) == departure
    seen = replace(departure, last_seen_at=NOW + DAY)
    await ledger.save_departure(seen)
    assert await ledger.departure(acme) == seen
    erased = replace(seen, erased_at=NOW + 130 * DAY)
    await ledger.save_departure(erased)
    await ledger.save_departure(seen)
    assert await ledger.departure(acme) == erased
    with pytest.raises(CustomerErasedError, match="another id"):
        await ledger.undo_departure(acme, NOW + 131 * DAY)
    assert await ledger.departure(acme) == erased


async def test_a_departure_is_taken_back_until_it_is_erased(ledger: RetentionLedger, acme: str) -> None:
    assert await ledger.undo_departure(acme, NOW) is None
    departure = Departure(acme, NOW, Inventory(NOW), None)
    assert await ledger.add_departure(departure)
    undone = await ledger.undo_departure(acme, NOW + DAY)
    assert undone == replace(departure, undone_at=NOW + DAY)
    assert await ledger.undo_departure(acme, NOW + 2 * DAY) == undone, "a repeat"
    assert (await ledger.departure(acme), await ledger.knows_departure(acme)) == (None, True)
    assert not await ledger.add_departure(departure), "what the vault told before is no news"
    await ledger.save_departure(replace(departure, erased_at=NOW + DAY))
    assert await ledger.departure(acme) is None, "a daily pass that was under way"
    assert await ledger.begin_departure(departure) == undone, "a replay from before it was taken back"
    again = replace(departure, left_at=NOW + 3 * DAY)
    assert await ledger.begin_departure(again) == again
    await ledger.save_departure(replace(departure, last_seen_at=NOW))
    assert await ledger.departure(acme) == again, "a look at the departure before this one"


async def test_a_departure_that_is_taken_back_during_a_look_at_it_stays_so(
    ledger: RetentionLedger, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    departure = Departure(acme, NOW, Inventory(NOW), None)
    assert await ledger.add_departure(departure)
    other, read = RetentionLedger.undo_departure, ledger._table.get
    undone: list[Departure | None] = []

    async def get(partition: str, row: str) -> Any:
        value = await read(partition, row)
        if not undone:
            undone.append(None)
            undone.append(await other(ledger, acme, NOW + DAY))
        return value

    monkeypatch.setattr(ledger._table, "get", get)
    await ledger.save_departure(replace(departure, last_seen_at=NOW))
    assert undone[-1] == replace(departure, undone_at=NOW + DAY)
    assert await ledger.departure(acme) is None
    assert await ledger.undo_departure(acme, NOW + 2 * DAY) == undone[-1]


async def test_a_look_at_a_departure_that_is_taken_back_is_not_lost(
    ledger: RetentionLedger, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    departure = Departure(acme, NOW, Inventory(NOW), None)
    assert await ledger.add_departure(departure)
    erased, read, done = replace(departure, erased_at=NOW + DAY), ledger._table.get, list[bool]()

    async def get(partition: str, row: str) -> Any:
        value = await read(partition, row)
        if not done:
            done.append(True)
            await ledger.save_departure(erased)
        return value

    monkeypatch.setattr(ledger._table, "get", get)
    with pytest.raises(CustomerErasedError):
        await ledger.undo_departure(acme, NOW + 2 * DAY)
    assert await ledger.departure(acme) == erased


async def test_what_is_noted_is_added_once(ledger: RetentionLedger, acme: str) -> None:
    assert await ledger.own_retention_days(acme) is None
    assert await ledger.add_retention_days(acme, 400)
    assert not await ledger.add_retention_days(acme, 30)
    assert await ledger.own_retention_days(acme) == 400
    with pytest.raises(ConfigError):
        await ledger.add_retention_days(f"{acme}x", 1)
    hold = LegalHold(acme, ONE, "Case 1", NOW)
    assert await ledger.add_hold(hold)
    lifted = await ledger.lift_hold(acme, ONE, "Case 1", NOW + DAY)
    assert not await ledger.add_hold(hold)
    assert await ledger.holds(acme) == [lifted]


async def test_the_newest_expiry_report_stays(ledger: RetentionLedger, acme: str) -> None:
    assert await ledger.last_expiry(acme) is None
    newer = ExpiryReport(NOW, overdue=1, overdue_names=("drive.two/packs/A",))
    await ledger.save_expiry(acme, newer)
    await ledger.save_expiry(acme, ExpiryReport(NOW - DAY))
    assert await ledger.last_expiry(acme) == newer


async def test_damage_is_listed_until_it_is_repaired_and_remembered_after(
    service: TableServiceClient, acme: str
) -> None:
    damage = DamageLedger(service).of(acme)
    assert list(await damage.damaged(ONE)) == []
    items = [DamagedItem(ONE, "items:inbox", f"AAMk-{n:03d}/=", "a chunk does not hash", NOW) for n in range(150)]
    assert await damage.found(ONE, items) == 150
    assert await damage.found(TWO, [DamagedItem(TWO, "root", "i1", "the pack is missing", NOW)]) == 1
    keys = [(item.feed, item.item_id) for item in items]
    assert list(await damage.damaged(ONE)) == keys
    await damage.repaired(ONE, [*keys[1:], ("root", "never damaged")], 4)
    await damage.repaired(ONE, keys[1:], 4)
    assert list(await damage.damaged(ONE)) == keys[:1]
    assert [item.repaired for item in await damage.all(ONE)] == [False] + [True] * 149
    await damage.reopen(ONE, (3,))
    assert list(await damage.damaged(ONE)) == keys[:1]
    await damage.reopen(ONE, (4, 5))
    assert list(await damage.damaged(ONE)) == keys
    assert await damage.resources() == [TWO, ONE]
    assert await DamageLedger(service).of(f"{acme}x").resources() == []


async def test_a_replay_opens_no_damage_again_and_a_new_finding_does(service: TableServiceClient, acme: str) -> None:
    damage = DamageLedger(service).of(acme)
    item = DamagedItem(ONE, "root", "i1", "the pack is missing", NOW)
    await damage.found(ONE, [item])
    await damage.repaired(ONE, [("root", "i1")], 5)
    assert await damage.found(ONE, [item]) == 0
    assert list(await damage.damaged(ONE)) == []
    assert await damage.found(ONE, [replace(item, found_at=NOW + DAY)]) == 1
    assert list(await damage.damaged(ONE)) == [("root", "i1")]
