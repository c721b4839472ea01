"""The timer that takes up what is recorded and not run: all of it, each for itself, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df
import pytest

from functions import restore_work
from shared_code.errors import LedgerUnavailableError
from shared_code.model.restore import Restore, RestoreRequest, RestoreState, Selection
from shared_code.restore.restores import Restores
from shared_code.restore.results import RestoreBudget
from tests.fakes.restore_api import Customers
from tests.fakes.restore_world import MAILBOX, START, CrashError, Crashes, MemoryArchive, MemoryJournal, Ticking


class _Engine:
    """Starts what it is asked to, unless it refuses that."""

    def __init__(self, refuses: str = "") -> None:
        self.started: list[str] = []
        self._refuses = refuses

    async def get_status(self, restore_id: str) -> None:
        return None

    async def start_new(self, name: str, restore_id: str, payload: Any) -> None:
        if restore_id == self._refuses:
            raise OSError("refused")
        self.started.append(restore_id)


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> MemoryJournal:
    made = MemoryJournal(Crashes())
    budget = RestoreBudget(seconds=300, size_bytes=1 << 30, items=1)
    restores = Restores(MemoryArchive({}), {}, made, budget, Ticking(), asyncio.Semaphore(1), asyncio.Semaphore(1))
    application = SimpleNamespace(
        customers=Customers(), restore_journal=made, restores=lambda customer: restores, now=lambda: START
    )
    monkeypatch.setattr(restore_work, "application", lambda: application)
    return made


async def _begin(journal: MemoryJournal, number: int) -> Restore:
    selection = Selection(item_ids=(f"m{number}",))
    request = RestoreRequest(f"restore-acme-{number:04d}", "acme", MAILBOX.id, 1, selection)
    return await journal.create(Restore(request, RestoreState.RUNNING, START + timedelta(seconds=number)))


async def _fire(engine: _Engine) -> None:
    app = df.DFApp()
    app.register_functions(restore_work.bp)
    [timer] = [entry for entry in app.get_functions() if entry.get_function_name() == "restore_timer"]
    trigger: Callable[..., Any] = timer.get_user_function().client_function  # type: ignore[attr-defined]
    await trigger(None, engine)


async def test_however_many_there_are_each_is_taken_up(journal: MemoryJournal) -> None:
    begun = [await _begin(journal, number) for number in range(600)]
    await _fire(engine := _Engine())
    assert sorted(engine.started) == [restore.request.id for restore in begun]


async def test_one_that_cannot_be_started_keeps_no_other_from_it(journal: MemoryJournal) -> None:
    for number in range(5):
        await _begin(journal, number)
    await _fire(engine := _Engine(refuses="restore-acme-0002"))
    assert sorted(engine.started) == [f"restore-acme-000{number}" for number in (0, 1, 3, 4)]
    await _fire(engine := _Engine())
    assert "restore-acme-0002" in engine.started


async def test_what_has_ended_is_counted_no_more(journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = await _begin(journal, 1), await _begin(journal, 2)
    await journal.exchange(one, replace(one, state=RestoreState.COMPLETE, ended_at=START))
    assert await journal.running("acme") == (other.request.id,)
    with monkeypatch.context() as broken:

        async def fails(customer_id: str, restore_id: str) -> None:
            raise LedgerUnavailableError("The ledger's table service failed (status 503). Try again later.")

        broken.setattr(journal, "not_running", fails)
        with pytest.raises(LedgerUnavailableError):
            await journal.exchange(other, replace(other, state=RestoreState.COMPLETE, ended_at=START))
        assert await journal.running("acme") == (other.request.id,)
        await _fire(_Engine())
    await _fire(engine := _Engine())
    assert (engine.started, await journal.running("acme")) == ([], ())
    assert journal.records[other.request.id].state is RestoreState.COMPLETE


async def test_a_record_that_is_still_to_be_written_is_waited_for(journal: MemoryJournal) -> None:
    journal._crashes = Crashes(2)
    with pytest.raises(CrashError):
        await _begin(journal, 1)
    await _fire(engine := _Engine())
    assert engine.started == []
    restore = await _begin(journal, 1)
    await _fire(engine)
    assert engine.started == [restore.request.id]
