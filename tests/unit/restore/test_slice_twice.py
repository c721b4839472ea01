"""One slice that runs twice at the same time: its first host was given up, and lives on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared_code.model.item import Representation
from shared_code.model.resource import ResourceKind
from shared_code.model.restore import RestoreRequest, Selection
from shared_code.restore.restores import Restores
from shared_code.restore.results import RestoreBudget
from tests.fakes.restore_world import MAILBOX, Catalog, Crashes, MemoryArchive, MemoryJournal, MemoryTarget, Ticking

REQUEST = RestoreRequest("restore-acme-1", "acme", MAILBOX.id, 1, Selection(everything=True))


async def test_two_at_once_double_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    read = MemoryArchive.read

    async def read_slowly(self: MemoryArchive, representation: Representation) -> AsyncIterator[bytes]:
        await asyncio.sleep(0)  # the other slice takes its turn here
        async for part in read(self, representation):
            yield part

    monkeypatch.setattr(MemoryArchive, "read", read_slowly)
    catalog = Catalog()
    catalog.folder("inbox", "Inbox")
    for number in range(7):
        catalog.item(f"m{number}", b"%d" % number, "inbox")
    crashes = Crashes()
    target = MemoryTarget(crashes)
    restores = Restores(
        MemoryArchive({1: catalog}),
        {ResourceKind.MAILBOX: target},
        MemoryJournal(crashes),
        RestoreBudget(seconds=300, size_bytes=1 << 30, items=10**6),
        Ticking(),
        asyncio.Semaphore(2),
        asyncio.Semaphore(2),
    )
    await restores.start(REQUEST)
    await asyncio.gather(restores.restore_slice(REQUEST, ""), restores.restore_slice(REQUEST, ""))
    assert len(target.asked) == 14, "both slices asked for each item"
    assert target.tree() == {"": [], "/Inbox": [b"%d" % number for number in range(7)]}
