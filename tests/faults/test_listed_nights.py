"""Random nights over feeds that are listed whole: edits, faults, refusals, damage, lost runs, checkpoints. Three quiet
nights later everything is as at the source."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from shared_code.backup import batch, copier
from shared_code.backup.budget import SliceBudget
from shared_code.graph.listing_mark import whole_listing
from shared_code.graph.teams.source import channels_page
from shared_code.model.feed import FeedPage, FetchState
from shared_code.model.item import Change
from tests.fakes.backup_bench import RESOURCE, Bench
from tests.fakes.listed_source import ListedSource
from tests.fakes.scripted_source import ROOT_FEED

OTHER_FEED = "other"
# Two of these histories found faults once; HISTORIES=150 runs that many.
SEEDS = range(int(os.environ["HISTORIES"])) if "HISTORIES" in os.environ else (3, 7, 33)
NAMES = {ROOT_FEED: [f"a{number}" for number in range(8)], OTHER_FEED: [f"o{number}" for number in range(8)]}
TROUBLE = (FetchState.SKIPPED, FetchState.FAILED, FetchState.GONE)


class TwoFeeds(ListedSource):
    """Both are there from the beginning."""

    def root_feeds(self) -> tuple[str, ...]:
        return tuple(NAMES)


@pytest.mark.parametrize("page_of", [whole_listing, channels_page])
@pytest.mark.parametrize("seed", SEEDS)
async def test_after_quiet_nights_everything_is_as_at_the_source(
    seed: int,
    page_of: Callable[[Sequence[Change], str | None], FeedPage],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (batch, copier):
        monkeypatch.setattr(module, "BATCH_ITEMS", 3)
    chance, source = Random(seed), TwoFeeds(page_of=page_of)
    source.logs[OTHER_FEED] = []
    bench = Bench(tmp_path, source)
    for _ in range(12):
        _edit(source, chance)
    for night in range(12):
        bench.now += timedelta(days=chance.choice([1, 1, 1, 31]))
        budget = SliceBudget(items=chance.choice([1, 3, 100]))
        for _ in range(chance.choice([1, 2, 500])):
            every_name = [name for names in NAMES.values() for name in names]
            source.faults = {name: chance.choice(TROUBLE) for name in every_name if chance.random() < 0.25}
            source.gone = {feed for feed in NAMES if chance.random() < 0.1}
            if chance.random() < 0.2:
                _edit(source, chance)
            if (await bench.run_slice(f"night {night}", budget)).outcome:
                break
        if (await bench.vault.newest(RESOURCE)).snapshot and chance.random() < 0.2:
            feed = chance.choice(list(NAMES))
            bench.damage.found.setdefault(RESOURCE.id, set()).add((feed, chance.choice(NAMES[feed])))
        for _ in range(chance.choice([0, 0, 1, 3])):
            _edit(source, chance)
    source.faults.clear()
    source.gone.clear()
    for night in range(3):
        await bench.run(f"quiet night {night}")
    snapshot = (await bench.vault.newest(RESOURCE)).snapshot
    assert snapshot is not None
    given_up = {skip.item_id for skip in snapshot.skips}
    restored, expected = await bench.restored(snapshot.seq), bench.expected(*NAMES)
    names = (restored.keys() | expected.keys()) - given_up
    assert {name: restored.get(name) for name in names} == {name: expected.get(name) for name in names}
    assert not any(bench.damage.found.values())


def _edit(source: ListedSource, chance: Random) -> None:
    feed = chance.choice(list(NAMES))
    name = chance.choice(NAMES[feed])
    if name in source.living(feed) and chance.random() < 0.4:
        source.remove(name, feed=feed)
    else:
        source.put(name, chance.randbytes(50), feed=feed, hashed=False)
