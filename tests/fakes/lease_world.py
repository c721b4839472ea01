"""A customer's years in seconds: a source that is edited, backups that are cut, clocks that jump, the expiry pass and
the platform's own rules every day; and beside it an oracle of what is promised."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from shared_code.backup.budget import SliceBudget
from shared_code.model.feed import FeedPage
from shared_code.model.item import Change, Form
from shared_code.model.lease import LeaseTerms
from shared_code.vault.expiry import expire
from shared_code.vault.holds import apply_holds, release_holds
from shared_code.vault.memory_blob import MemoryBlobStore, Moment
from shared_code.vault.memory_lifecycle import apply_lifecycle
from tests.fakes.backup_bench import RESOURCE, Bench
from tests.fakes.quick_reader import BlobKey, Contents, QuickReader
from tests.fakes.scissors import CutError
from tests.fakes.scripted_source import ROOT_FEED, ScriptedSource

DAY = timedelta(days=1)
LATEST_GONE = 8 * DAY
POLICY = json.loads((Path(__file__).parents[2] / "infra" / "lifecycle.json").read_text("utf-8"))


class FolderSource(ScriptedSource):
    """As a drive does it: the log names a deleted folder alone, what lay in it is gone without a word. Only what has
    changed itself is told of once more, as gone: a file that was moved into a folder before the folder went."""

    def living(self, feed: str, end: int | None = None) -> dict[str, Change]:
        return _reachable(super().living(feed, end))

    def _page(self, feed: str, cursor: str | None) -> FeedPage:
        page = super()._page(feed, cursor)
        living = self.living(feed)
        return replace(page, changes=tuple(one if one.item_id in living else _gone(one) for one in page.changes))


def _gone(change: Change) -> Change:
    return Change(change.item_id, change.kind, deleted=True)


def _reachable(living: dict[str, Change]) -> dict[str, Change]:
    def hangs(change: Change) -> bool:
        while change.parent_id:
            parent = living.get(change.parent_id)
            if parent is None:
                return False
            change = parent
        return True

    return {item_id: change for item_id, change in living.items() if hangs(change)}


@dataclass(slots=True)
class Point:
    """A restore point as the oracle knows it. ``blobs`` is all that it needs."""

    seq: int
    committed_at: datetime
    contents: Contents
    blobs: frozenset[BlobKey]
    promised_until: datetime
    is_held: bool = False


class LeaseWorld:
    """One resource and the years that it goes through. ``check`` raises AssertionError as soon as a promise is broken;
    it is called at the end of every day."""

    def __init__(self, temp_dir: Path, terms: LeaseTerms) -> None:
        self.bench = Bench(temp_dir, FolderSource(page_size=20))
        self.bench.agree(terms)
        self.began_at = self.bench.now
        self.points: list[Point] = []
        self.runs = self.cuts = self.restores = 0
        self.is_held = False
        self._names = 0
        self._cut_in: int | None = None
        self._jump_in: int | None = None
        self._last_use: dict[str, datetime] = {}
        self._watched_since = self.bench.now
        self._latest: Point | None = None
        self._reader = QuickReader(temp_dir)
        self.store.hook = self._hook

    @property
    def store(self) -> MemoryBlobStore:
        """What it all rests in."""
        return self.bench.store

    @property
    def days(self) -> int:
        """How long it has gone on."""
        return (self.bench.now - self.began_at).days

    def close(self) -> None:
        """Let go of everything."""
        self._reader.close()

    # ---- what happens to it

    def edit(self, random: Random) -> None:
        """One edit of whatever kind."""
        source = self.bench.source
        living = source.living(ROOT_FEED)
        folders = [""] + [item_id for item_id, change in living.items() if change.kind.is_folder]
        files = [item_id for item_id, change in living.items() if not change.kind.is_folder]
        kind = random.choice(("new", "new", "change", "change", "move", "copy", "remove", "folder", "prune"))
        if kind == "new" or not files:
            source.put(self._new_name(), self._content(random), parent_id=random.choice(folders))
        elif kind == "change":
            item_id = random.choice(files)
            source.put(item_id, self._content(random), parent_id=living[item_id].parent_id)
        elif kind in ("move", "copy"):
            item_id = random.choice(files)
            data = source.contents[item_id][Form.NATIVE]
            target = item_id if kind == "move" else self._new_name()
            source.put(target, data, parent_id=random.choice(folders), name=self._new_name())
        elif kind == "remove":
            source.remove(random.choice(files))
        elif kind == "folder" and len(folders) < 6:
            source.put_folder(self._new_name(), parent_id=random.choice(folders))
        elif len(folders) > 1:
            source.remove(random.choice(folders[1:]))

    async def back_up(self, budget: SliceBudget, *, cut_in: int | None = None, jump_in: int | None = None) -> None:
        """One run. It is cut at the blob operation ``cut_in`` (counted before and after each), and the clock jumps a
        day at ``jump_in``."""
        self.runs += 1
        self._cut_in, self._jump_in = cut_in, jump_in
        try:
            await self.bench.run(f"run{self.runs}", budget)
        except CutError:
            self.cuts += 1
        finally:
            self._cut_in = self._jump_in = None
        assert not self.store.refused, f"WORM refused {dict(self.store.refused)}"
        await self._note_commit()

    def agree(self, terms: LeaseTerms) -> None:
        """New terms. A lowered retention holds at once, for every point."""
        self.bench.agree(terms)
        for point in self.points:
            point.promised_until = min(point.promised_until, _end(point, terms))

    def jump(self, days: int) -> None:
        """The clock jumps, and nothing was done meanwhile."""
        self.bench.now += days * DAY
        self._watched_since = self.bench.now

    def hold(self) -> None:
        """A legal hold: what is promised now stays as long as it lasts."""
        self.is_held = True

    def lift(self) -> None:
        """The hold is over."""
        self.is_held = False
        for point in self.points:
            point.is_held = False
        self._watched_since = self.bench.now

    async def end_day(self, *, cut_in: int | None = None) -> None:
        """The retention timer, the platform's rules, a look at everything; then it is tomorrow."""
        self._cut_in = cut_in
        try:
            held = {RESOURCE.id} if self.is_held else set()
            await apply_holds(self.store, held)
            await release_holds(self.store, {RESOURCE.id} - held, is_last=not held)
            await expire(self.store, self.bench.now, held)
            if self.is_held:
                for point in self._promised():
                    point.is_held = True
        except CutError:
            self.cuts += 1
        finally:
            self._cut_in = None
        assert not self.store.refused, f"WORM refused {dict(self.store.refused)}"
        apply_lifecycle(self.store, POLICY, "acme", self.bench.now)
        self.store.refused.clear()  # what the platform tried, and will try again
        self.check()
        self.bench.now += DAY

    # ---- what has to hold

    def check(self) -> None:
        """Everything that a promised restore point names is there and leased for as long as that is promised; nothing
        stays longer than it may; nobody deletes."""
        self.points = [point for point in self.points if self._is_kept(point)]
        for point in self.points:
            for name, version_id in point.blobs:
                blob = self.store.blobs.get(name)
                assert blob and version_id in blob.versions, f"{self._tell(point)} has lost {name}"
                info = blob.versions[version_id].info
                assert not info.tags or point.is_held, f"{self._tell(point)}: {name} is marked for deletion"
                is_safe = info.leased_until is not None and info.leased_until >= point.promised_until
                assert is_safe or info.legal_hold, f"{self._tell(point)}: {name} is leased until {info.leased_until}"
        assert self.store.operations["delete"] == 0
        if self.is_held:
            return
        for name, blob in self.store.blobs.items():
            latest = max(self._last_use[name], self._watched_since) + LATEST_GONE
            assert self.bench.now <= latest, f"day {self.days}: {name} was to be gone by {latest}"
            for version in blob.versions.values():
                leased_until = version.info.leased_until
                assert leased_until and leased_until <= self._last_use[name], f"{name} is leased until {leased_until}"

    async def check_restore(self, point: Point) -> None:
        """A restore point gives back exactly what there was."""
        self.restores += 1
        assert await self.bench.restored(point.seq) == point.contents, self._tell(point)

    async def check_restores(self, random: Random, most: int) -> None:
        """The same for some of those that are promised, the oldest always among them."""
        kept = [point for point in self.points if self._is_kept(point)]
        for point in [*kept[:1], *random.sample(kept[1:], max(0, min(most - 1, len(kept) - 1)))]:
            await self.check_restore(point)

    def _is_kept(self, point: Point) -> bool:
        return point.is_held or self.bench.now <= point.promised_until

    def _promised(self) -> list[Point]:
        return [point for point in self.points if self.bench.now <= point.promised_until]

    def _tell(self, point: Point) -> str:
        committed = (point.committed_at - self.began_at) / DAY
        until = (point.promised_until - self.began_at) / DAY
        return f"day {self.days}: snapshot {point.seq} of day {committed:.0f} (promised to day {until:.0f})"

    # ---- behind it

    async def _note_commit(self) -> None:
        """Tell the oracle of a new commit, whether its run heard of it or not."""
        self._cut_in = None
        latest = (await self.bench.vault.newest(RESOURCE)).snapshot
        before = self._latest
        if latest is None or (before and (before.seq, before.committed_at) == (latest.seq, latest.committed_at)):
            return
        if latest.committed_at < self.bench.now - DAY:
            return  # an older one: what came after it has expired
        terms = self.bench.terms
        for point in self._promised():
            point.promised_until = max(point.promised_until, _end(point, terms))
        contents, blobs = await self._reader.read(self.store, latest)
        assert contents == self.bench.expected(), f"day {self.days}: snapshot {latest.seq} is not what there was"
        until = latest.committed_at + terms.retention_days * DAY
        self._latest = Point(latest.seq, latest.committed_at, contents, blobs | {self._record_of(latest.seq)}, until)
        self.points.append(self._latest)

    def _record_of(self, seq: int) -> BlobKey:
        record = f"{RESOURCE.id}/snapshots/{seq:08d}.json"
        return record, min(self.store.blobs[record].versions)

    def _hook(self, operation: str, name: str, moment: Moment) -> None:
        if moment is Moment.AFTER and operation in ("create", "extend_lease"):
            until = self.bench.terms.until(self.bench.now)
            self._last_use[name] = max(until, self._last_use.get(name, until))
        if self._jump_in is not None:
            self._jump_in -= 1
            if self._jump_in == 0:
                self.bench.now += DAY
        if self._cut_in is not None:
            self._cut_in -= 1
            if self._cut_in <= 0:
                raise CutError(f"{moment} {operation} {name}")

    def _new_name(self) -> str:
        self._names += 1
        return f"n{self._names:05d}"

    def _content(self, random: Random) -> bytes:
        return random.randbytes(random.randrange(1, 400))


def _end(point: Point, terms: LeaseTerms) -> datetime:
    return point.committed_at + terms.retention_days * DAY
