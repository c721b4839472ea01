from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_code.errors import BlobNotFoundError, IntegrityError, UnsupportedFormatError
from shared_code.model.item import Change, Form, ItemKind, ItemVersion
from shared_code.vault import catalog_writer
from tests.unit.vault.catalog_samples import FEEDS, IDS, SEGMENTS, plain, stored
from tests.unit.vault.conftest import World

GONE = ItemVersion("f", Change("gone", ItemKind.FOLDER, deleted=True))


@settings(max_examples=40, deadline=None)
@given(segments=SEGMENTS)
async def test_previous_agrees_with_the_oracle(
    segments: list[list[ItemVersion]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    world = World(tmp_path_factory.mktemp("vault"))
    refs, oracle = await stored(world, segments)
    keys = [(feed, item_id) for feed in FEEDS for item_id in [*IDS[1:], "unknown"]]
    lookup = await world.vault.open_catalog(refs)
    found = await lookup.previous(keys, ["h1", "h2", "h3", ""])
    await lookup.aclose()
    assert {key: plain(version) for key, version in found.by_key.items()} == oracle.newest
    assert {key: plain(version) for key, version in found.by_item.items()} == oracle.shown
    assert set(found.by_hash) == oracle.hashes
    for content_hash, version in found.by_hash.items():
        assert version.change.content_hash == content_hash
        assert version.representations
    assert world.leftovers() == []


@settings(max_examples=60, deadline=None)
@given(segments=SEGMENTS, relisted=st.dictionaries(st.sampled_from(FEEDS), st.integers(0, 4)))
async def test_to_bury_agrees_with_the_oracle(
    segments: list[list[ItemVersion]], relisted: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    world = World(tmp_path_factory.mktemp("vault"))
    refs, oracle = await stored(world, segments)
    lookup = await world.vault.open_catalog(refs)
    found = [version async for version in lookup.to_bury(relisted)]
    await lookup.aclose()
    keys = [(version.feed, version.change.item_id) for version in found]
    assert len(keys) == len(set(keys))
    assert set(keys) == oracle.buried(relisted)


async def test_what_lies_in_a_folder_that_was_never_heard_of_stays(world: World) -> None:
    refs, _ = await stored(world, [[ItemVersion("f", Change("early", ItemKind.FILE, parent_id="comes later"))]])
    lookup = await world.vault.open_catalog(refs)
    assert [version async for version in lookup.to_bury({})] == []
    await lookup.aclose()


async def test_parents_are_buried_first_however_deep(world: World) -> None:
    names = [f"d{n:03}" for n in range(60)]
    rows = [
        ItemVersion("f", Change(name, ItemKind.FOLDER, parent_id=parent))
        for name, parent in zip(names, ["gone", *names], strict=False)
    ]
    rows += [ItemVersion("f", Change(f"leaf{n}", ItemKind.FILE, parent_id=names[n])) for n in range(60)]
    rows.append(ItemVersion("f", Change("kept", ItemKind.FILE)))
    rows.append(GONE)
    refs, _ = await stored(world, [rows[::-1]])
    lookup = await world.vault.open_catalog(refs)
    found = [version.change async for version in lookup.to_bury({})]
    await lookup.aclose()
    assert len(found) == 120
    assert [change.item_id for change in found[:60]] == names


async def test_what_is_deleted_while_it_is_told_stays_told(world: World) -> None:
    refs, _ = await stored(
        world, [[GONE, *(ItemVersion("f", Change(f"i{n}", ItemKind.FILE, parent_id="gone")) for n in range(1203))]]
    )
    lookup = await world.vault.open_catalog(refs)
    count = 0
    async for version in lookup.to_bury({}):
        count += 1
        if count % 400 == 0:
            assert (await lookup.previous([("f", version.change.item_id)], [])).by_key
    await lookup.aclose()
    assert count == 1203


async def test_a_catalog_without_segments_knows_nothing(world: World) -> None:
    lookup = await world.vault.open_catalog([])
    assert (await lookup.previous([("f", "i")], ["h"])).by_key == {}
    assert [version async for version in lookup.to_bury({"f": 0})] == []
    await lookup.aclose()


async def test_a_question_about_nothing_fetches_nothing(world: World) -> None:
    segment = await world.write([("f", Change("i", ItemKind.FILE), {})])
    before = world.store.operations.copy()
    lookup = await world.vault.open_catalog([segment])
    assert (await lookup.previous([], [""])).by_key == {}
    await lookup.aclose()
    await lookup.aclose()
    assert world.store.operations == before
    assert world.leftovers() == []


async def test_ids_are_values_and_never_sql(world: World) -> None:
    evil = "x'); DROP TABLE versions; --"
    rows = [(evil, Change(evil, ItemKind.FILE, parent_id="", name=evil, content_hash=evil), {Form.NATIVE: b"x"})]
    segment = await world.write(rows)
    lookup = await world.vault.open_catalog([segment])
    found = await lookup.previous([(evil, evil), ("' OR 1=1 --", "' OR 1=1 --")], [evil])
    assert set(found.by_key) == {(evil, evil)}
    assert set(found.by_hash) == {evil}
    assert [version async for version in lookup.to_bury({evil: 1})] == [found.by_key[evil, evil]]
    await lookup.aclose()


async def test_any_flipped_bit_in_a_segment_is_found(world: World) -> None:
    segment = await world.write([("f", Change("i", ItemKind.FILE, name="name"), {Form.NATIVE: b"x"})])
    data = await world.store.read(segment.name)
    for position in range(0, len(data) * 8, 97):
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << (position % 8)
        world.store.put_version(segment.name, segment.version_id, bytes(damaged))
        lookup = await world.vault.open_catalog([segment])
        with pytest.raises(IntegrityError) as caught:
            await lookup.previous([("f", "i")], [])
        assert caught.value.context["segment"] == segment.name
        await lookup.aclose()
    assert world.leftovers() == []


@pytest.mark.parametrize("change", [-1, 1])
async def test_a_segment_of_another_length_is_found(world: World, change: int) -> None:
    segment = await world.write([("f", Change("i", ItemKind.FILE), {})])
    lookup = await world.vault.open_catalog([replace(segment, size_bytes=segment.size_bytes + change)])
    with pytest.raises(IntegrityError):
        await lookup.previous([("f", "i")], [])


async def test_the_named_version_of_a_segment_is_read(world: World) -> None:
    segment = await world.write([("f", Change("i", ItemKind.FILE, name="mine"), {})])
    world.store.overwrite(segment.name, b"something else")
    world.store.remove(segment.name)
    (version,) = await world.versions([segment], [("f", "i")])
    assert version.change.name == "mine"


async def test_a_missing_segment_is_said_to_be_missing(world: World) -> None:
    segment = await world.write([("f", Change("i", ItemKind.FILE), {})])
    lookup = await world.vault.open_catalog([replace(segment, version_id="another")])
    with pytest.raises(BlobNotFoundError):
        await lookup.previous([("f", "i")], [])
    assert world.leftovers() == []


async def test_a_segment_of_a_later_format_is_named_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_writer, "FORMAT_VERSION", 2)
    segment = await world.write([("f", Change("i", ItemKind.FILE), {})])
    lookup = await world.vault.open_catalog([segment])
    with pytest.raises(UnsupportedFormatError, match="format 2"):
        await lookup.previous([("f", "i")], [])
    assert world.leftovers() == []


async def test_a_larger_catalog_answers_from_its_file(world: World) -> None:
    rows = [
        ItemVersion("f", Change(f"i{n}", ItemKind.FILE, parent_id="" if n % 2 else "gone", name=f"n{n}"))
        for n in range(21_000)
    ]
    refs, _ = await stored(world, [rows[:20_500], rows[:500], [*rows[20_500:], GONE]])
    lookup = await world.vault.open_catalog(refs)
    found = await lookup.previous([("f", f"i{n}") for n in range(0, 21_000, 100)], [])
    assert len(found.by_key) == 210
    assert found.by_key["f", "i0"].seq == 2
    assert found.by_key["f", "i20900"].change.name == "n20900"
    assert len([version async for version in lookup.to_bury({})]) == 10_500
    assert any(path.name == "catalog.duckdb" for path in world.leftovers()[0].iterdir())
    await lookup.aclose()
    assert world.leftovers() == []
