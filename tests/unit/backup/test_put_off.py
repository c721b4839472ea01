"""A source that asks to slow down in the middle of a slice: what is done is kept, and nothing is taken for broken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shared_code.errors import ThrottledError
from shared_code.model.feed import Fetched
from shared_code.model.item import Change
from shared_code.model.resource import Resource
from shared_code.model.run import RunState
from tests.fakes.backup_bench import Bench
from tests.fakes.scripted_source import ScriptedSource, ScriptedStream

LARGE = bytes(range(256)) * 6000


@dataclass
class SlowSource(ScriptedSource):
    """After ``allowance`` contents it asks to be left alone, until it gets another one."""

    allowance: int = 0
    refused: list[str] = field(default_factory=list)

    async def fetch(self, resource: Resource, changes: Sequence[Change]) -> AsyncIterator[Fetched]:
        async for fetched in super().fetch(resource, changes):
            self._spend(fetched.asked.item_id)
            yield fetched

    async def open_stream(self, resource: Resource, change: Change, offset: int) -> ScriptedStream | Fetched:
        self._spend(change.item_id)
        return await super().open_stream(resource, change, offset)

    def _spend(self, item_id: str) -> None:
        if not self.allowance:
            self.refused.append(item_id)
            raise ThrottledError("slow down", 300.0)
        self.allowance -= 1


@pytest.mark.parametrize("allowance", [1, 2, 3, 5])
async def test_every_slice_keeps_what_it_got(tmp_path: Path, allowance: int) -> None:
    source = SlowSource(page_size=20)
    bench = Bench(tmp_path, source)
    for number in range(9):
        source.put(f"i{number}", b"content %d" % number)
        if number % 3 == 0:
            source.put(f"large{number}", LARGE + bytes([number]))
    outcome, waits = None, 0
    for _ in range(40):
        source.allowance = allowance
        try:
            outcome = (await bench.run_slice("r1")).outcome
        except ThrottledError:
            waits += 1
        if outcome:
            break
    assert outcome is not None
    assert (outcome.state, outcome.counts.stored, outcome.counts.failed) == (RunState.COMPLETE, 12, 0)
    assert await bench.restored(1) == bench.expected()
    assert waits == 0, "every slice got something and so none of them failed"
    assert len(source.refused) <= 12 // allowance


async def test_a_slice_that_gets_nothing_is_put_off(tmp_path: Path) -> None:
    source = SlowSource()
    bench = Bench(tmp_path, source)
    source.put("large", LARGE)
    source.put("small", b"content")
    with pytest.raises(ThrottledError) as refused:
        await bench.run_slice("r1")
    assert refused.value.retry_after_s == 300.0
    source.allowance = 10
    outcome = await bench.run("r1")
    assert (outcome.state, outcome.counts.stored) == (RunState.COMPLETE, 2)
    assert await bench.restored(1) == bench.expected()
