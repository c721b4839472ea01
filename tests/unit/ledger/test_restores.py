"""The journal of restores on Azure Tables, tried on the storage emulator."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from azure.core.pipeline import PipelineResponse
from azure.data.tables.aio import TableServiceClient

from shared_code.errors import RestoreInProgressError
from shared_code.ledger.restores import TableRestoreJournal
from shared_code.ledger.tables import Table
from shared_code.model.restore import (
    ConflictRule,
    Restore,
    RestoreClaim,
    RestoreCounts,
    RestoreProblem,
    RestoreRequest,
    RestoreState,
    Selection,
    TargetKind,
)
from shared_code.model.write_back import JournalEntry, WriteState, Written
from shared_code.restore.starting import record_once
from tests.fakes.restore_world import START


@pytest.fixture
async def journal(azurite: str) -> AsyncIterator[TableRestoreJournal]:
    async with TableServiceClient.from_connection_string(azurite) as service:
        yield TableRestoreJournal(service)


def _restore(customer: str, **more: object) -> Restore:
    request = RestoreRequest(
        f"restore-{customer}-{uuid4().hex}",
        customer,
        "mailbox.user-1",
        3,
        Selection(item_ids=tuple(f"{n:04d}" + "AAMkAD-_=" * 16 for n in range(1000))),
        TargetKind.FOLDER,
        "Ünï 😀",
        ConflictRule.KEEP_BOTH,
    )
    return replace(Restore(request, RestoreState.RUNNING, START), **more)  # type: ignore[arg-type]


async def test_a_record_survives_whole_at_its_largest(journal: TableRestoreJournal) -> None:
    customer = f"c{uuid4().hex[:10]}"
    problems = tuple(RestoreProblem(f"item-{n}" + "x" * 140, "é" * 500) for n in range(20))
    restore = _restore(customer, counts=RestoreCounts(planned=5, failed=2), problems=problems, error="\ud800 broken")
    await journal.create(restore)
    assert await journal.get(customer, restore.request.id) == restore
    ended = replace(restore, state=RestoreState.PARTIAL, ended_at=START + timedelta(hours=1))
    assert await journal.exchange(restore, ended)
    assert await journal.get(customer, restore.request.id) == ended


async def test_a_customer_sees_only_its_own_newest_first(journal: TableRestoreJournal) -> None:
    one, other = f"c{uuid4().hex[:10]}", f"c{uuid4().hex[:10]}"
    mine = [_restore(one, started_at=START + timedelta(minutes=minute)) for minute in (5, 1, 9)]
    theirs = _restore(other)
    for restore in (*mine, theirs):
        await journal.create(restore)
    assert await journal.newest(one, 2) == (mine[2].summary(), mine[0].summary())
    assert await journal.newest(one, 10) == tuple(mine[place].summary() for place in (2, 0, 1))
    assert await journal.get(one, theirs.request.id) is None
    assert await journal.get(one, "nothing/../of that name") is None


async def test_begin_tells_what_was_known_and_keeps_it(journal: TableRestoreJournal) -> None:
    restore_id = f"restore-{uuid4().hex}"
    # Exchange's ids differ by the case of a single letter.
    assert await journal.begin(restore_id, ["AAMkA=", "AAMka=", "odd / id"]) == {}
    written = Written("AAMkA=", WriteState.RESTORED, "target-1", 42)
    await journal.done(restore_id, [written])
    known = await journal.begin(restore_id, ["AAMkA=", "AAMka=", "new"])
    assert known == {
        "AAMkA=": JournalEntry(WriteState.RESTORED, "target-1", 42),
        "AAMka=": JournalEntry(None),
    }
    assert await journal.entries(restore_id) == {
        **known,
        "odd / id": JournalEntry(None),
        "new": JournalEntry(None),
    }
    assert await journal.begin(restore_id, []) == {}


async def test_what_is_surely_new_is_noted_without_being_read(journal: TableRestoreJournal) -> None:
    restore_id = f"restore-{uuid4().hex}"
    assert await journal.begin(restore_id, ["a", "b"], surely_new=True) == {}
    assert await journal.entries(restore_id) == {"a": JournalEntry(None), "b": JournalEntry(None)}


async def test_more_than_one_batch_of_items(journal: TableRestoreJournal) -> None:
    restore_id = f"restore-{uuid4().hex}"
    item_ids = [f"item-{number:03d}" for number in range(250)]
    await journal.begin(restore_id, item_ids)
    outcomes = [Written(item_id, WriteState.FAILED, error="no") for item_id in item_ids]
    await journal.done(restore_id, outcomes)
    await journal.done(restore_id, outcomes)
    entries = await journal.entries(restore_id)
    assert len(entries) == 250
    assert set(entries.values()) == {JournalEntry(WriteState.FAILED, error="no")}


async def test_folders_are_apart_from_items(journal: TableRestoreJournal) -> None:
    restore_id = f"restore-{uuid4().hex}"
    await journal.folder_done(restore_id, Written("folder", WriteState.RESTORED, "t"))
    await journal.folder_done(restore_id, Written("*top", WriteState.RESTORED, "top"))
    await journal.folder_done(restore_id, Written("lost", WriteState.FAILED, error="refused"))
    assert await journal.folders(restore_id) == {
        "folder": JournalEntry(WriteState.RESTORED, "t"),
        "*top": JournalEntry(WriteState.RESTORED, "top"),
        "lost": JournalEntry(WriteState.FAILED, error="refused"),
    }
    assert await journal.entries(restore_id) == {}


async def test_of_many_callers_one_gets_the_claim_and_one_takes_it_over(azurite: str) -> None:
    customer = f"c{uuid4().hex[:10]}"
    async with contextlib.AsyncExitStack() as stack:
        journals = [
            TableRestoreJournal(await stack.enter_async_context(TableServiceClient.from_connection_string(azurite)))
            for _ in range(8)
        ]
        wanted = [RestoreClaim(f"restore-{number}", "asked") for number in range(8)]
        assert await journals[0].claimed(customer, "request.1") is None
        holders = await asyncio.gather(
            *(journal.claim(customer, "request.1", claim) for journal, claim in zip(journals, wanted, strict=True))
        )
        [holder] = set(holders)
        assert holder in wanted
        assert await journals[0].claimed(customer, "request.1") == holder
        assert await journals[0].claimed(customer, "request.2") is None

        heirs = [RestoreClaim(f"heir-{number}") for number in range(8)]
        holders = await asyncio.gather(
            *(
                journal.take_over(customer, "request.1", holder, claim)
                for journal, claim in zip(journals, heirs, strict=True)
            )
        )
        [heir] = set(holders)
        assert heir in heirs
        assert await journals[3].take_over(customer, "request.1", holder, wanted[0]) == heir


async def test_equal_requests_at_once_are_one_restore_again_and_again(azurite: str) -> None:
    customer = f"c{uuid4().hex[:10]}"
    async with contextlib.AsyncExitStack() as stack:
        journals = [
            TableRestoreJournal(await stack.enter_async_context(TableServiceClient.from_connection_string(azurite)))
            for _ in range(6)
        ]
        for turn in range(1, 4):
            asked = [_restore(customer) for _ in journals]
            outcomes = await asyncio.gather(
                *(record_once(journal, restore, None) for journal, restore in zip(journals, asked, strict=True)),
                return_exceptions=True,
            )
            [begun] = [outcome for outcome in outcomes if isinstance(outcome, Restore)]
            refused = [outcome for outcome in outcomes if isinstance(outcome, RestoreInProgressError)]
            assert [error.context["restore_id"] for error in refused] == [begun.request.id] * 5
            assert len(await journals[0].newest(customer, 10)) == turn
            assert await journals[0].exchange(begun, replace(begun, state=RestoreState.COMPLETE, ended_at=START))


async def test_a_record_is_made_once(journal: TableRestoreJournal) -> None:
    customer = f"c{uuid4().hex[:10]}"
    restore = _restore(customer)
    assert await journal.create(restore) == restore
    ended = replace(restore, state=RestoreState.FAILED, ended_at=START)
    assert await journal.exchange(restore, ended)
    assert await journal.create(restore) == ended
    assert await journal.get(customer, restore.request.id) == ended


async def test_the_wish_to_cancel_is_kept(journal: TableRestoreJournal) -> None:
    restore_id = f"restore-{uuid4().hex}"
    assert await journal.cancel_asked(restore_id) is False
    for _ in range(2):
        await journal.ask_to_cancel(restore_id)
    assert await journal.cancel_asked(restore_id) is True
    assert await journal.entries(restore_id) == {}


async def test_what_runs_is_known_without_the_records(journal: TableRestoreJournal) -> None:
    one, other = f"c{uuid4().hex[:10]}", f"c{uuid4().hex[:10]}"
    assert await journal.running(one) == ()
    begun = [await journal.create(_restore(one)) for _ in range(3)]
    theirs = await journal.create(_restore(other))
    assert await journal.running(one) == tuple(sorted(restore.request.id for restore in begun))
    counted = replace(begun[0], counts=RestoreCounts(planned=5))
    assert await journal.exchange(begun[0], counted)
    assert len(await journal.running(one)) == 3
    for state, restore in ((RestoreState.COMPLETE, counted), (RestoreState.CANCELLED, begun[1])):
        assert await journal.exchange(restore, replace(restore, state=state, ended_at=START))
    await journal.not_running(one, begun[0].request.id)  # again
    assert await journal.running(one) == (begun[2].request.id,)
    assert await journal.running(other) == (theirs.request.id,)
    listed = await journal.newest(one, 10)
    assert {summary.restore_id for summary in listed} == {restore.request.id for restore in begun}


async def test_a_list_loads_no_record(journal: TableRestoreJournal, azurite: str) -> None:
    customer = f"c{uuid4().hex[:10]}"
    problems = tuple(RestoreProblem(uuid4().hex, "e" * 500) for _ in range(200))
    ended = replace(_restore(customer), state=RestoreState.PARTIAL, ended_at=START, problems=problems, error="\ud800 é")
    running = await journal.create(_restore(customer, started_at=START + timedelta(seconds=1)))
    await journal.create(ended)
    received = 0

    def weigh(response: PipelineResponse[Any, Any]) -> None:
        nonlocal received
        received += len(response.http_response.text())

    async with TableServiceClient.from_connection_string(azurite, raw_response_hook=weigh) as service:
        listed = await TableRestoreJournal(service).newest(customer, 10)
    assert listed == (running.summary(), ended.summary())
    assert 500 < received < 5_000


async def test_records_of_an_earlier_release_are_listed(journal: TableRestoreJournal, azurite: str) -> None:
    customer = f"c{uuid4().hex[:10]}"
    earlier, later = _restore(customer), _restore(customer, started_at=START + timedelta(seconds=1))
    await journal.create(later)
    async with TableServiceClient.from_connection_string(azurite) as service:
        await Table(service, "restores").put(customer, earlier.request.id, earlier.to_json())
    assert await journal.newest(customer, 10) == (later.summary(), earlier.summary())


async def test_of_two_ends_one_is_recorded(journal: TableRestoreJournal) -> None:
    customer = f"c{uuid4().hex[:10]}"
    restore = await journal.create(_restore(customer))
    ends = [replace(restore, state=state, ended_at=START) for state in (RestoreState.COMPLETE, RestoreState.CANCELLED)]
    recorded = await asyncio.gather(*(journal.exchange(restore, end) for end in ends))
    assert sorted(recorded) == [False, True]
    end = ends[recorded.index(True)]
    assert await journal.get(customer, restore.request.id) == end
    assert not await journal.exchange(restore, replace(restore, counts=RestoreCounts(planned=5)))
    assert await journal.newest(customer, 10) == (end.summary(),)
    assert await journal.running(customer) == ()
