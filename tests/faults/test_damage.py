"""Stored bytes go bad in every way that is known: each is found, the items are named, everything else is restored, and
the next backup makes the vault whole again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from shared_code.errors import BlobNotFoundError, IntegrityError
from shared_code.model.check_report import DamageKind, items_of
from shared_code.vault.memory_blob import MemoryBlobStore, StoredVersion
from tests.fakes.backup_bench import NOW, RESOURCE, Bench
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
