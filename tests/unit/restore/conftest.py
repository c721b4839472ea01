"""One host for the tests of a module, and a world of its own for each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from functions import browse, restore_work
from functions import restore as restore_functions
from local.host import FunctionsHost
from tests.fakes.restore_api import BreakingArchive, Customers, GatedTarget, RestoreApi, app
from tests.fakes.restore_world import Catalog, Crashes, MemoryJournal


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with FunctionsHost(app, timers=False) as host, aiohttp.ClientSession(host.url) as session:
        yield session


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, http: aiohttp.ClientSession) -> RestoreApi:
    catalog = Catalog()
    catalog.folder("inbox", "In\u00e9box \U0001f600")
    for number in range(7):
        catalog.item(f"m{number}", b"%d" % number, "inbox")
    monkeypatch.setattr("shared_code.restore.slice.BATCH_ITEMS", 1)
    monkeypatch.setattr(restore_work, "_FIRST_WAIT_MS", 1)
    crashes = Crashes()
    made = RestoreApi(BreakingArchive(catalog), MemoryJournal(crashes), GatedTarget(crashes), http, Customers())
    for module in (browse, restore_functions, restore_work):
        monkeypatch.setattr(module, "application", lambda: made)
    return made
