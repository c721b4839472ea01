"""Large files that change, move, go away or are refused while they are read."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared_code.backup.budget import SliceBudget
from shared_code.errors import SourceNotFoundError, SourceUnavailableError
from shared_code.graph.drives.stream import DriveStream
from shared_code.model.feed import Fetched, FetchState
from shared_code.model.item import Change, ItemKind
from shared_code.model.outcome import SkipCause
from shared_code.model.resource import Resource
from shared_code.model.run import RunState
from tests.fakes.backup_bench import Bench, fill
from tests.fakes.paged_source import PagedSource
from tests.fakes.scripted_source import ROOT_FEED, ScriptedSource

NINE_MIB = SliceBudget(read_bytes=9 << 20)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_large_file_that_goes_away_while_it_is_read_fails_alone(bench: Bench) -> None:
    fill(bench)
    bench.source.put("large", os.urandom(3 << 20))
    bench.source.stream_errors["large"] = SourceNotFoundError("The file went away while it was read.")
    outcome = await bench.run("r1")
    assert (outcome.state, outcome.counts.failed) == (RunState.PARTIAL, 1)
    whole = bench.expected()
    del whole["large"]
    assert await bench.restored(1) == whole


async def test_a_large_file_deleted_on_the_next_page_before_its_turn_is_gone(tmp_path: Path) -> None:
    pages = PagedSource()
    paged = Bench(tmp_path, pages)
    large = [pages.put(name, os.urandom(20 << 20)) for name in ("a", "b")]
    pages.say(ROOT_FEED, large, [Change("b", ItemKind.FILE, deleted=True)])
    await paged.run("r1", NINE_MIB)
    await paged.run("r2")
    assert set(await paged.restored(2)) == {"a"}


async def test_a_large_file_renamed_between_two_slices_is_stored_by_the_same_run(bench: Bench) -> None:
    data = os.urandom(30 << 20)
    bench.source.put("large", data)
    assert not (await bench.run_slice("r1", NINE_MIB)).done
    bench.source.put("large", data, name="renamed")
    outcome = await bench.run("r1", NINE_MIB)
    assert (outcome.state, outcome.seq) == (RunState.COMPLETE, 1)
    assert await bench.restored(1) == bench.expected()


async def test_a_large_file_that_changes_between_all_slices_is_stored_in_the_end(bench: Bench) -> None:
    """Sliced reading would never see one version whole: what failed before is read in one go."""
    data = os.urandom(30 << 20)
    bench.source.put("log", data)
    seq = 0
    for night in range(1, 4):
        done = False
        while not done:
            result = await bench.run_slice(f"r{night}", NINE_MIB)
            done = result.done
            data += b"one more line"
            bench.source.put("log", data)
        seq = night
    assert "log" in await bench.restored(seq)


@dataclass
class BrokenDownload:
    """A connection that gives a little and breaks."""

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"x" * 1000
        raise SourceUnavailableError("broke off")

    async def aclose(self) -> None:
        pass


@dataclass
class RefusedFetch:
    """What is asked for the file when it is to be read on."""

    answer: Fetched

    async def fresh_of(self, change: Change) -> Fetched:
        return self.answer


@dataclass
class RefusingSource(ScriptedSource):
    """Breaks streams off, and then refuses the file when ``refusal`` is set."""

    refusal: tuple[FetchState, SkipCause | None] | None = None

    async def open_stream(self, resource: Resource, change: Change, offset: int) -> Any:
        if self.refusal is None:
            return await super().open_stream(resource, change, offset)
        state, cause = self.refusal
        fetch: Any = RefusedFetch(Fetched(change, change, state, {}, cause, "refused"))
        download: Any = BrokenDownload()
        return DriveStream(fetch, change, download, offset)


@pytest.mark.parametrize("refusal", [(FetchState.FAILED, None), (FetchState.SKIPPED, SkipCause.MALWARE)])
async def test_a_large_file_that_is_refused_after_a_break_keeps_its_stored_version(
    tmp_path: Path, refusal: tuple[FetchState, SkipCause | None]
) -> None:
    source = RefusingSource()
    bench = Bench(tmp_path, source)
    source.put("large", os.urandom(3 << 20))
    await bench.run("r1")
    older = bench.expected()
    source.put("large", os.urandom(3 << 20))
    source.refusal = refusal
    assert (await bench.run("r2")).seq == 2
    assert await bench.restored(2) == older
