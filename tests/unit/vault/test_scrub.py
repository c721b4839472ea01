"""Scrubs: every pack once in 90 days, in portions, and every bit that matters."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from shared_code.errors import BlobNotFoundError, IntegrityError, VaultUnavailableError
from shared_code.model.check_report import DamageKind, ScrubReport, items_of
from shared_code.vault.memory_blob import Moment
from shared_code.vault.pack import read_footer
from shared_code.vault.scrub import PackScrubber, ScrubBudget, is_due
from tests.fakes.backup_bench import NOW, RESOURCE, Bench
from tests.fakes.scripted_source import ROOT_FEED
from tests.fakes.vault_checks import blob_names, damages, flip, found, only_version, scrubbed

DAY = timedelta(days=1)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("first", [date(2026, 1, 1), date(2027, 12, 29)])
def test_every_pack_has_one_day_in_any_ninety(first: date) -> None:
    names = [f"drive.d1/packs/{number}" for number in range(2000)]
    shares = [[name for name in names if is_due(name, first + DAY * number)] for number in range(90)]
    assert sorted(name for share in shares for name in share) == sorted(names)
    assert all(5 <= len(share) <= 50 for share in shares), "about the same every day"


async def test_a_budget_cuts_the_day_into_portions(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared_code.vault.scrub.is_due", lambda pack, day: day == NOW.date())
    await bench.days(5)
    packs = sorted(blob_names(bench.store, "/packs/"))
    flip(only_version(bench.store, packs[1]), 500)
    seen: list[ScrubReport] = []
    scrubber = PackScrubber(bench.store, "acme", tmp_path, lambda: 0.0)
    after = ""
    while not seen or not seen[-1].done:
        seen.append(await scrubber.scrub(RESOURCE.id, NOW.date(), after, ScrubBudget(read_bytes=3000)))
        after = seen[-1].after
    assert [report.packs for report in seen] == [2, 2, 1]
    assert [report.after for report in seen] == [packs[1], packs[3], packs[4]]
    assert [len(report.damages) for report in seen] == [1, 0, 0]
    again = await scrubber.scrub(RESOURCE.id, NOW.date(), after, ScrubBudget())
    assert (again.packs, again.done, again.after) == (0, True, after)
    assert (await scrubber.scrub(RESOURCE.id, NOW.date() + DAY, "", ScrubBudget())).packs == 0


async def test_time_that_is_up_ends_it_behind_one_pack(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared_code.vault.scrub.is_due", lambda pack, day: True)
    await bench.days(3)
    first = sorted(blob_names(bench.store, "/packs/"))[0]
    flip(only_version(bench.store, first), 500)
    ticks = iter(range(0, 10_000, 100))
    scrubber = PackScrubber(bench.store, "acme", tmp_path, lambda: next(ticks))
    report = await scrubber.scrub(RESOURCE.id, NOW.date(), "", ScrubBudget(seconds=50.0))
    assert (report.packs, report.done) == (1, False)
    assert report.newest == 3
    assert report.unmapped == (1, 2), "the newest snapshot is searched in any case, and what is not is said"
    assert len(items_of(report)) == 1


async def test_every_flipped_bit_that_changes_content_is_found(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared_code.vault.scrub.is_due", lambda pack, day: True)
    bench.source.put("a", b"compressible " * 30)
    bench.source.put("b", Random(2).randbytes(100))
    await bench.run("d0")
    [pack] = blob_names(bench.store, "/packs/")
    version = only_version(bench.store, pack)
    sound = version.data
    whole = bench.expected()
    scrubber = PackScrubber(bench.store, "acme", tmp_path, lambda: 0.0)
    entries = await read_footer(bench.store, pack, version.info.version_id, len(sound))
    frames_end = entries[-1].offset + entries[-1].length
    unseen: list[int] = []
    random = Random(5)
    for at in [*range(0, frames_end, 2), *range(frames_end, len(sound), 7)]:
        version.data = sound
        flip(version, at, random.randrange(8))
        report = await scrubber.scrub(RESOURCE.id, NOW.date(), "", ScrubBudget())
        if report.ok:
            unseen.append(at)
            assert await bench.restored(1) == whole, f"byte {at}"
        elif at >= frames_end:
            assert found(report) == {DamageKind.DAMAGED_FOOTER: {(ROOT_FEED, "a"), (ROOT_FEED, "b")}}
    assert len(unseen) <= 8, "a few bits of a frame's header mean nothing"


async def test_items_are_found_in_the_newest_and_in_older_restore_points(bench: Bench, tmp_path: Path) -> None:
    bench.source.put("stays", Random(1).randbytes(2000))
    bench.source.put("goes", Random(2).randbytes(2000))
    await bench.run("d0")
    bench.now = NOW + DAY
    await bench.run("d1")
    bench.source.remove("goes")
    bench.now = NOW + 2 * DAY
    await bench.run("d2")
    [pack] = blob_names(bench.store, "/packs/")
    version = only_version(bench.store, pack)
    for seed in (1, 2):
        flip(version, version.data.index(Random(seed).randbytes(2000)[:50]) + 20)
    [report] = [entry for entry in await scrubbed(bench, tmp_path) if entry.damages]
    [damage] = report.damages
    assert {item.item_id: item.seqs for item in damage.items} == {"goes": (1, 2), "stays": (1, 2, 3)}
    assert items_of(report) == [(ROOT_FEED, "stays")], "what is gone at the source is not fetched again"
    assert ScrubReport.from_json(json.loads(json.dumps(report.to_json()))) == report


async def test_restore_points_past_retention_are_not_searched(bench: Bench, tmp_path: Path) -> None:
    bench.source.put("a", Random(1).randbytes(2000))
    await bench.run("d0")
    bench.now = NOW + 35 * DAY
    await bench.run("d35")
    bench.now = NOW + 100 * DAY
    flip(only_version(bench.store, blob_names(bench.store, "/packs/")[0]), 500)
    [report] = [entry for entry in await scrubbed(bench, tmp_path) if entry.damages]
    assert {item.seqs for damage in report.damages for item in damage.items} == {(2,)}


async def test_a_snapshot_that_cannot_be_read_is_told(bench: Bench, tmp_path: Path) -> None:
    await bench.days(3)
    flip(only_version(bench.store, blob_names(bench.store, "/snapshots/")[1]), 40)
    flip(only_version(bench.store, blob_names(bench.store, "/packs/")[0]), 500)
    [report] = [entry for entry in await scrubbed(bench, tmp_path) if entry.damages]
    assert report.unmapped == (2,)
    assert [item.seqs for damage in report.damages for item in damage.items] == [(1, 3)]


async def test_a_pack_that_lies_about_its_chunks_costs_no_memory(bench: Bench, tmp_path: Path) -> None:
    import shared_code.vault.pack as pack_format

    await bench.days(1)
    [pack] = blob_names(bench.store, "/packs/")
    version = only_version(bench.store, pack)
    [entry] = await read_footer(bench.store, pack, version.info.version_id, len(version.data))
    builder = pack_format.PackBuilder()
    builder.append(entry.sha256, Random(1).randbytes(2000))
    builder._entries[0] = replace(entry, size_bytes=2**32 - 1)
    version.data = builder.seal()
    version.info = replace(version.info, size_bytes=len(version.data))
    [damage] = damages(*await scrubbed(bench, tmp_path))
    assert (damage.kind, [item.item_id for item in damage.items]) == (DamageKind.DAMAGED_CHUNK, ["i1"])


async def test_only_a_store_that_does_not_answer_raises(bench: Bench, tmp_path: Path) -> None:
    await bench.days(1)
    [pack] = blob_names(bench.store, "/packs/")
    day = next(NOW.date() + DAY * number for number in range(90) if is_due(pack, NOW.date() + DAY * number))
    scrubber = PackScrubber(bench.store, "acme", tmp_path, lambda: 0.0)

    def outage(operation: str, name: str, moment: Moment) -> None:
        if operation == "read":
            raise VaultUnavailableError("no answer")

    bench.store.hook = outage
    with pytest.raises(VaultUnavailableError):
        await scrubber.scrub(RESOURCE.id, day, "", ScrubBudget())
    bench.store.hook = None
    assert (await scrubber.scrub("drive.unknown", day, "", ScrubBudget())).ok
    only_version(bench.store, pack).data = b"short"
    with pytest.raises((IntegrityError, BlobNotFoundError)):
        await bench.restored(1)
    assert not (await scrubber.scrub(RESOURCE.id, day, "", ScrubBudget())).ok
