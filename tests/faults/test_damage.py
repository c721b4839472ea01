"""Stored bytes go bad in every way that is known: each is found, the items are named, everything else is restored, and
the next backup makes the vault whole again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from shared_code.errors import BlobNotFoundError, IntegrityError
from shared_code.model.check_report import DamageKind, items_of
from shared_code.model.run import RunState
from shared_code.vault.blob_store import BlobInfo
from shared_code.vault.memory_blob import MemoryBlobStore, StoredVersion
from tests.fakes.backup_bench import NOW, RESOURCE, SMALL, Bench
from tests.fakes.scripted_source import ROOT_FEED
from tests.fakes.vault_checks import (
    blob_names,
    damages,
    each_item,
    flip,
    found,
    only_version,
    scrubbed,
    verified,
)

DAY = timedelta(days=1)
VICTIMS = {"v0", "v1", "large"}
LARGE = Random(7).randbytes(5 << 20)


@pytest.fixture(params=[True, False], ids=["versions", "no versions"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """Three days: the pack of the second one holds the victims, those of the others hold what has to survive."""
    bench = Bench(tmp_path)
    bench.store = MemoryBlobStore(lambda: bench.now, keeps_versions=request.param)
    bench.agree(bench.terms)
    return bench


async def _fill(bench: Bench) -> str:
    """Returns the name of the pack with the victims."""
    for number in range(4):
        bench.source.put(f"a{number}", Random(number).randbytes(4000))
    await bench.run("d0")
    bench.now = NOW + DAY
    bench.source.put("v0", Random(100).randbytes(3000), readable=b"readable " * 50)
    bench.source.put("v1", Random(101).randbytes(3000))
    bench.source.put("large", LARGE)
    await bench.run("d1")
    bench.now = NOW + 2 * DAY
    bench.source.put("b0", Random(200).randbytes(4000))
    bench.source.remove("a0")
    await bench.run("d2")
    return blob_names(bench.store, "/packs/")[1]


async def _made_whole(bench: Bench, tmp_path: Path, damaged: list[tuple[str, str]], expected: set[str]) -> None:
    """Everything but the damaged items can be restored; and after the next backup everything."""
    intact, errors = await each_item(bench.vault, RESOURCE.id, 3)
    whole = bench.expected()
    assert set(errors) == expected
    assert intact == {item_id: forms for item_id, forms in whole.items() if item_id not in expected}
    assert all(isinstance(error, IntegrityError | BlobNotFoundError) for error in errors.values())
    assert expected <= {item_id for _, item_id in damaged}
    # The day before the victims came is as it was.
    assert not (await each_item(bench.vault, RESOURCE.id, 1))[1]
    bench.damage.found[RESOURCE.id] = set(damaged)
    bench.source.fetched.clear()
    bench.now = NOW + 3 * DAY
    await bench.run("d3")
    assert sorted(bench.source.fetched) == sorted({item_id for _, item_id in damaged})
    assert bench.damage.found[RESOURCE.id] == set()
    assert await bench.restored(4) == whole
    assert (await verified(bench, tmp_path, 4)).ok
    leftovers = await each_item(bench.vault, RESOURCE.id, 3)
    assert set(leftovers[1]) == expected, "what is lost of yesterday stays lost, and is not hidden"


async def test_a_sound_vault_has_no_damage(bench: Bench, tmp_path: Path) -> None:
    await _fill(bench)
    for seq in (1, 2, 3):
        report = await verified(bench, tmp_path, seq)
        assert report.ok, report.damages
    assert (report.packs, report.segments, report.chunks > 9) == (3, 3, True)
    reports = await scrubbed(bench, tmp_path)
    assert damages(*reports) == []
    assert sum(entry.packs for entry in reports) == 3
    assert sum(entry.read_bytes for entry in reports) > len(LARGE)
    assert list(tmp_path.iterdir()) == []


async def test_a_flipped_bit(bench: Bench, tmp_path: Path) -> None:
    pack = await _fill(bench)
    version = only_version(bench.store, pack)
    flip(version, version.data.index(Random(101).randbytes(3000)[:64]) + 40, bit=5)
    assert (await verified(bench, tmp_path, 3)).ok, "the structure is sound, only the bytes are not"
    reports = await scrubbed(bench, tmp_path)
    [damage] = damages(*reports)
    assert (damage.kind, damage.blob) == (DamageKind.DAMAGED_CHUNK, pack)
    assert [(item.item_id, item.seqs) for item in damage.items] == [("v1", (2, 3))]
    [report] = [entry for entry in reports if entry.damages]
    await _made_whole(bench, tmp_path, items_of(report), {"v1"})


async def test_a_flipped_bit_in_the_middle_of_a_large_file(bench: Bench, tmp_path: Path) -> None:
    pack = await _fill(bench)
    version = only_version(bench.store, pack)
    flip(version, version.data.index(LARGE[3_000_000:3_000_064]))
    [report] = [entry for entry in await scrubbed(bench, tmp_path) if entry.damages]
    assert items_of(report) == [(ROOT_FEED, "large")]
    await _made_whole(bench, tmp_path, items_of(report), {"large"})


def _half(version: StoredVersion) -> None:
    version.data = version.data[: len(version.data) // 2]
    _size(version)


def _behind_the_large_file(version: StoredVersion) -> None:
    version.data = version.data[: version.data.index(LARGE[-100:]) + 100]
    _size(version)


def _without_end(version: StoredVersion) -> None:
    version.data = version.data[:-10]
    _size(version)


def _emptied(version: StoredVersion) -> None:
    version.data = b""
    _size(version)


def _size(version: StoredVersion) -> None:
    version.info = replace(version.info, size_bytes=len(version.data))


@pytest.mark.parametrize(
    ("cut", "kind", "lost"),
    [
        (_half, DamageKind.CUT_OFF_PACK, VICTIMS),
        (_behind_the_large_file, DamageKind.CUT_OFF_PACK, {"v0", "v1"}),
        (_without_end, DamageKind.DAMAGED_FOOTER, set()),
        (_emptied, DamageKind.CUT_OFF_PACK, VICTIMS),
    ],
)
async def test_a_truncated_pack(
    bench: Bench, tmp_path: Path, cut: Callable[[StoredVersion], None], kind: DamageKind, lost: set[str]
) -> None:
    pack = await _fill(bench)
    cut(only_version(bench.store, pack))
    report = await verified(bench, tmp_path, 3)
    assert found(report) == {kind: {(ROOT_FEED, item_id) for item_id in VICTIMS}}
    [scrub] = [entry for entry in await scrubbed(bench, tmp_path) if entry.damages]
    assert set(found(scrub)) == {DamageKind.DAMAGED_FOOTER}
    assert items_of(scrub) == items_of(report)
    await _made_whole(bench, tmp_path, items_of(report), lost)


async def test_a_missing_pack(bench: Bench, tmp_path: Path) -> None:
    pack = await _fill(bench)
    bench.store.lose(pack)
    report = await verified(bench, tmp_path, 3)
    assert found(report) == {DamageKind.MISSING_PACK: {(ROOT_FEED, item_id) for item_id in VICTIMS}}
    assert damages(report)[0].blob == pack
    assert (await verified(bench, tmp_path, 1)).ok, "the snapshot before it does not need the pack"
    await _made_whole(bench, tmp_path, items_of(report), VICTIMS)


async def test_a_foreign_pack_under_a_right_name(bench: Bench, tmp_path: Path) -> None:
    pack = await _fill(bench)
    other = blob_names(bench.store, "/packs/")[0]
    foreign = only_version(bench.store, other).data
    if await bench.store.is_immutable():
        # With versions: the swapped bytes are another version, and the named one is still there.
        bench.store.overwrite(pack, foreign)
        report = await verified(bench, tmp_path, 3)
        assert found(report) == {DamageKind.OVERWRITTEN_PACK: {(ROOT_FEED, item_id) for item_id in VICTIMS}}
        assert items_of(report) == [], "nothing is lost"
        [scrub] = [entry for entry in await scrubbed(bench, tmp_path) if entry.damages]
        assert found(scrub) == found(report)
        assert await bench.restored(3) == bench.expected()
        return
    until = only_version(bench.store, pack).info.leased_until
    bench.store.overwrite(pack, foreign)
    await bench.store.extend_lease(pack, "", until or bench.now)
    report = await verified(bench, tmp_path, 3)
    kinds = found(report)
    assert set(kinds) <= {DamageKind.CUT_OFF_PACK, DamageKind.FOREIGN_CHUNK}
    assert set().union(*kinds.values()) == {(ROOT_FEED, item_id) for item_id in VICTIMS}
    await _made_whole(bench, tmp_path, items_of(report), VICTIMS)


async def test_a_foreign_chunk_in_the_place_of_a_named_one(bench: Bench, tmp_path: Path) -> None:
    """The same pack but for one chunk: a valid one, of the same length, that is another item's content."""
    await _fill(bench)
    twin = Bench(tmp_path)
    twin.source.put("v0", Random(100).randbytes(3000), readable=b"readable " * 50)
    twin.source.put("v1", Random(999).randbytes(3000))
    twin.source.put("large", LARGE)
    await twin.run("d0")
    [forged] = blob_names(twin.store, "/packs/")
    pack = blob_names(bench.store, "/packs/")[1]
    version = only_version(bench.store, pack)
    version.data = only_version(twin.store, forged).data
    _size(version)  # by a few bytes, since footers are compressed
    report = await verified(bench, tmp_path, 3)
    assert found(report) == {DamageKind.FOREIGN_CHUNK: {(ROOT_FEED, "v1")}}
    assert damages(*await scrubbed(bench, tmp_path)) == [], "the pack is sound in itself"
    await _made_whole(bench, tmp_path, items_of(report), {"v1"})


@pytest.mark.parametrize("damaged", [(3,), (2, 3), (1, 2, 3)])
async def test_a_damaged_record_of_a_snapshot_is_passed_over(bench: Bench, damaged: tuple[int, ...]) -> None:
    await _fill(bench)
    for seq in damaged:
        flip(only_version(bench.store, f"{RESOURCE.id}/snapshots/{seq:08d}.json"), 50)
    bench.source.fetched.clear()
    bench.now = NOW + 3 * DAY
    bench.source.put("c0", b"of today")
    outcome = await bench.run("d3")
    assert (outcome.state, outcome.seq) == (RunState.COMPLETE, 4)
    assert await bench.restored(4) == bench.expected()
    assert ("a1" in bench.source.fetched) is (len(damaged) == 3), "what an intact one names is not fetched again"


async def test_a_damaged_progress_record_costs_its_slice_alone(bench: Bench) -> None:
    for number in range(9):
        bench.source.put(f"i{number}", Random(number).randbytes(3000))
    for _ in range(2):
        assert not (await bench.run_slice("d0", SMALL)).done
    flip(only_version(bench.store, f"{RESOURCE.id}/progress/00000001-00002.json"), 50)
    first, bench.source.fetched = list(bench.source.fetched), []
    assert (await bench.run("d0")).state is RunState.COMPLETE
    assert await bench.restored(1) == bench.expected()
    assert not set(first[:2]) & set(bench.source.fetched)


async def test_a_store_that_damages_all_it_is_given_is_not_written_to_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        bench.source.put(f"i{number}", Random(number).randbytes(3000))
    create = bench.store.create

    async def damaging(name: str, data: bytes, leased_until: datetime | None = None) -> BlobInfo:
        blob = await create(name, data, leased_until)
        if "/catalog/" in name:
            flip(only_version(bench.store, name), len(data) // 2)
        return blob

    monkeypatch.setattr(bench.store, "create", damaging)
    with pytest.raises(IntegrityError):
        await bench.run("d0", SMALL)
    assert len(blob_names(bench.store, "/catalog/")) < 12
    monkeypatch.undo()
    assert (await bench.run("d1")).state is RunState.COMPLETE
    assert await bench.restored(1) == bench.expected()


@pytest.mark.parametrize("size_bytes", [4000, 3 << 20])
async def test_damage_that_is_found_during_a_run_is_not_built_on(bench: Bench, size_bytes: int) -> None:
    data = Random(1).randbytes(size_bytes)
    bench.source.put("a", data)
    await bench.run("d0")
    pack = blob_names(bench.store, "/packs/")[0]
    for number in range(600):
        bench.source.put(f"c{number}", b"%d" % number)
    bench.source.put("a", data, name="touched", hashed=False)
    assert not (await bench.run_slice("d1", SMALL)).done
    flip(only_version(bench.store, pack), 100)
    bench.damage.found[RESOURCE.id] = {(ROOT_FEED, "a")}
    await bench.run("d1")
    assert await bench.restored(2) == bench.expected()
    assert bench.damage.found[RESOURCE.id] == set()


async def test_what_a_snapshot_has_mended_is_damaged_again_when_its_record_is(bench: Bench) -> None:
    await _fill(bench)
    bench.damage.found[RESOURCE.id] = {(ROOT_FEED, "v0")}
    bench.now = NOW + 3 * DAY
    await bench.run("d3")
    assert not bench.damage.found[RESOURCE.id]
    flip(only_version(bench.store, f"{RESOURCE.id}/snapshots/00000004.json"), 50)
    bench.source.fetched.clear()
    bench.now = NOW + 4 * DAY
    await bench.run("d4")
    assert bench.source.fetched == ["v0"]
    assert not bench.damage.found[RESOURCE.id]
    assert await bench.restored(5) == bench.expected()


async def test_an_unfinished_snapshot_whose_only_record_is_damaged_still_fetches_what_is(bench: Bench) -> None:
    await _fill(bench)
    bench.damage.found[RESOURCE.id] = {(ROOT_FEED, "v0")}
    for number in range(9):
        bench.source.put(f"n{number}", Random(number).randbytes(2000))
    bench.now = NOW + 3 * DAY
    assert not (await bench.run_slice("d3", SMALL)).done
    flip(only_version(bench.store, f"{RESOURCE.id}/progress/00000004-00001.json"), 50)
    await bench.run("d3")
    assert not bench.damage.found[RESOURCE.id]
    assert await bench.restored(4) == bench.expected()


@pytest.mark.parametrize("planted", ["snapshots/00000003.json", "snapshots/99999999.json"])
async def test_a_scrub_names_the_items_beside_an_unreadable_newest_record(
    bench: Bench, tmp_path: Path, planted: str
) -> None:
    """The backup goes on with what can be read, so that is what has to be whole."""
    pack = await _fill(bench)
    if planted.endswith("00000003.json"):
        flip(only_version(bench.store, f"{RESOURCE.id}/{planted}"), 50)
    else:
        await bench.store.create(f"{RESOURCE.id}/{planted}", b"{}")
    flip(only_version(bench.store, pack), 100)
    reports = await scrubbed(bench, tmp_path)
    assert {item_id for report in reports for _, item_id in items_of(report)} & VICTIMS
    assert {number for report in reports for number in report.unmapped} == {int(planted[10:18])}
