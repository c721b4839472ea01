"""Backups of a source that changes at random at every moment, with crashes, failures, expired cursors and two hosts at
once: what the last snapshot holds is the truth, and what an older one held it holds still."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import defaultdict
from pathlib import Path
from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from shared_code.backup.budget import SliceBudget
from shared_code.model.feed import FetchState
from shared_code.model.item import Change, Form
from shared_code.vault.memory_blob import Moment
from tests.fakes.backup_bench import Bench
from tests.fakes.scissors import CutError
from tests.fakes.scripted_source import ROOT_FEED
from tests.fakes.tree_source import TreeSource, feed_of

# HYPOTHESIS_PROFILE=nightly takes some 15 minutes, and other histories each time.
IS_NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
HISTORIES = 1000 if IS_NIGHTLY else 18
SLICES = 60

Contents = dict[str, dict[str, bytes]]


class Office:
    """Edits a source at random, as people would. ``ever`` has all contents that an item ever had."""

    def __init__(self, source: TreeSource, random: Random) -> None:
        self.source, self.random = source, random
        self.made = 0
        self.last = ""
        self.ever: defaultdict[str, list[bytes]] = defaultdict(list)
        self._edits = {
            self._new_folder: 10,
            self._new_item: 30,
            self._edit_item: 12,
            self._remove_item: 15,
            self._move_item: 20,
            self._move_folder: 6,
            self._remove_folder: 5,
            self._expire: 3,
        }

    def edit(self) -> None:
        self.made += 1
        folders = list(self.source.living_folders())
        if not folders:
            self._new_folder(folders)
            return
        [edit] = self.random.choices(list(self._edits), list(self._edits.values()))
        edit(folders)

    def someone(self) -> str:
        """The id of an item that may live, be dead, or not be at all."""
        return f"i{self.random.randint(0, self.made)}"

    def _new_folder(self, folders: list[str]) -> None:
        folder_id = f"F{self.made}"
        self.source.put_folder(folder_id, parent_id=self.random.choice(["", *folders]), opens_feed=feed_of(folder_id))

    def _new_item(self, folders: list[str]) -> None:
        self._put(f"i{self.made}", self.random.choice(folders))

    def _edit_item(self, folders: list[str]) -> None:
        if item := self._some_item():
            self._put(item.item_id, item.parent_id)

    def _remove_item(self, folders: list[str]) -> None:
        if item := self._some_item():
            self.source.remove(item.item_id, feed=feed_of(item.parent_id))

    def _move_item(self, folders: list[str]) -> None:
        if item := self._some_item():
            to = self.random.choice(folders)
            if to != item.parent_id:
                self.source.move(item.item_id, to)

    def _move_folder(self, folders: list[str]) -> None:
        folder_id, to = self.random.choice(folders), self.random.choice(["", *folders])
        if not (to and self.source.is_below(to, folder_id)):
            self.source.move_folder(folder_id, to)

    def _remove_folder(self, folders: list[str]) -> None:
        self.source.remove(self.random.choice(folders))

    def _expire(self, folders: list[str]) -> None:
        self.source.expired.add(self.random.choice([ROOT_FEED, *map(feed_of, folders)]))

    def _some_item(self) -> Change | None:
        """A living item, often the one that something happened to just now."""
        items = self.source.living_items()
        if not items:
            return None
        if self.last not in items or self.random.random() < 0.5:
            self.last = self.random.choice(list(items))
        return items[self.last]

    def _put(self, item_id: str, folder_id: str) -> None:
        data = f"content {self.made}".encode()
        self.ever[item_id].append(data)
        self.last = item_id
        self.source.put(item_id, data, feed=feed_of(folder_id), parent_id=folder_id, hashed=False)


class History:
    """One source and its backups; ``committed`` has what some snapshots held when they were committed."""

    def __init__(self, temp_dir: Path, random: Random) -> None:
        self.random = random
        self.source = TreeSource(page_size=random.randint(1, 4))
        self.bench = Bench(temp_dir, self.source)
        self.office = Office(self.source, random)
        self.committed: dict[int, Contents] = {}

    async def happen(self) -> None:
        """Some nights, each with changes and trouble at any moment."""
        for _ in range(self.random.randint(3, 14)):
            self.office.edit()
        self.source.on_answer = self._edit_sometimes
        for night in range(self.random.randint(2, 5)):
            await self._night(night)
        self.bench.store.hook = None
        self.source.on_answer = lambda: None
        self.source.faults = {}

    async def calm_down(self) -> int:
        """Nothing changes and nothing fails; the number of the last snapshot. The first run may end a snapshot that
        was begun before, with the failures of then; the second one makes up for them."""
        await self.bench.run("calm", self._budget(9))
        return (await self.bench.run("last")).seq

    async def _night(self, night: int) -> None:
        for _ in range(self.random.choice([0, 4, 8])):
            self.office.edit()
        for _ in range(SLICES):
            for _ in range(self.random.choice([0, 0, 1, 2])):
                self.office.edit()
            failing = self.random.choice([0, 0, 2])
            self.source.faults = {self.office.someone(): FetchState.FAILED for _ in range(failing)}
            self._sharpen_scissors()
            run_id = f"r{night}" if self.random.random() < 0.9 else f"other{night}"
            if self.random.random() < 0.15:
                await self._two_slices_at_once(run_id, f"r{night}")
                continue
            try:
                result = await self.bench.run_slice(run_id, self._budget(self.random.choice([3, 6, 30])))
            except CutError:
                continue
            if result.outcome:
                await self._remember(result.outcome.seq)
                return

    async def _two_slices_at_once(self, *run_ids: str) -> None:
        slices = [self.bench.run_slice(run_id, self._budget(self.random.choice([3, 6, 30]))) for run_id in run_ids]
        for result in await asyncio.gather(*slices, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, CutError):
                raise result

    async def _remember(self, seq: int) -> None:
        """Reading costs more than a slice: not every snapshot is looked at."""
        self.bench.store.hook = None
        if seq not in self.committed and self.random.random() < 0.4:
            self.committed[seq] = await self.bench.restored(seq)

    def _edit_sometimes(self) -> None:
        if self.random.random() < 0.25:
            self.office.edit()

    def _budget(self, most_items: int) -> SliceBudget:
        return SliceBudget(items=self.random.randint(1, most_items))

    def _sharpen_scissors(self) -> None:
        """Cut one of the next blob operations, before or after it, or none."""
        left = self.random.randint(1, 12) if self.random.random() < 0.2 else 0

        def cut(operation: str, name: str, moment: Moment) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise CutError(f"{moment} {operation} {name}")

        self.bench.store.hook = cut


async def check_history(seed: int, temp_dir: Path) -> None:
    history = History(temp_dir, Random(seed))
    await history.happen()
    last = await history.calm_down()
    restored, truth = await history.bench.restored(last), history.source.truth()
    assert restored.keys() - truth.keys() == set(), "ghosts: they were deleted"
    assert truth.keys() - restored.keys() == set(), "lost"
    assert restored == truth
    for seq, committed in history.committed.items():
        assert await history.bench.restored(seq) == committed, f"snapshot {seq} has changed"
        for item_id, forms in committed.items():
            assert forms[Form.NATIVE] in history.office.ever[item_id]
    assert list(temp_dir.iterdir()) == [], "temporary files are left"


@settings(
    max_examples=HISTORIES,
    deadline=None,
    derandomize=not IS_NIGHTLY,
    database=None,
    phases=[Phase.generate],  # a smaller seed is no simpler history
)
@given(seed=st.integers(0, 2**32 - 1))
def test_after_a_random_history_nothing_is_lost_and_no_ghost_lives(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check_history(seed, Path(folder)))
