"""Many who browse a large mailbox at once need the memory of one."""

from __future__ import annotations

import asyncio
import os

from benchmarks.process_meter import ProcessMeter
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.lease import CheckpointMark
from shared_code.model.outcome import Counts
from shared_code.model.snapshot import SegmentKind, Snapshot
from shared_code.restore.browsing import Browsing
from shared_code.wiring import CATALOGS_BROWSED_AT_ONCE
from tests.unit.vault.conftest import DRIVE, NOW, World

MESSAGES = 30_000
CALLERS = 8
# One opened catalog of that size needs some 50 MB, eight some 240.
MOST_BYTES = 100_000_000


async def test_many_readers_of_a_large_catalog_need_the_memory_of_one(world: World) -> None:
    rows = (("root", _message(number), {Form.NATIVE: b"%d" % number}) for number in range(MESSAGES))
    segment = await world.write(rows, 1, SegmentKind.BASE)
    mark = CheckpointMark(NOW, 90, 127)
    await world.vault.commit_snapshot(Snapshot("acme", DRIVE, 1, "r", NOW, NOW, (segment,), {}, Counts(), mark))
    browsing = Browsing(world.vault, asyncio.Semaphore(CATALOGS_BROWSED_AT_ONCE))
    await browsing.folder(DRIVE.id, 1, "", 10)  # what is loaded once is loaded now

    meter = ProcessMeter(os.getpid())
    before = meter.resident_bytes()
    meter.start()
    views = await asyncio.gather(*(browsing.folder(DRIVE.id, 1, "", 10) for _ in range(CALLERS)))
    used = meter.stop()
    assert {len(view.children) for view in views} == {10}
    assert used.peak_bytes - before < MOST_BYTES
    assert world.leftovers() == []


def _message(number: int) -> Change:
    return Change(
        "AAMkAD" + "x" * 130 + f"{number:06d}",
        ItemKind.MESSAGE,
        name=f"Subject of message {number} about something longer",
        sender="Some One <some.one@contoso.example>",
        time=NOW,
        etag="CQAAABYAAA" + f"{number:06d}",
        size_bytes=20_000,
    )
