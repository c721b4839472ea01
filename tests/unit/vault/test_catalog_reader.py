from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_code.errors import InvalidSelectionError
from shared_code.model.item import Change, ItemKind, ItemVersion
from shared_code.model.restore import Selection
from shared_code.vault.catalog_reader import SegmentReader
from tests.unit.vault.catalog_samples import IDS, SEGMENTS, plain, stored
from tests.unit.vault.conftest import World

EVERYTHING = Selection(everything=True)
NAMES = ["b", "a", "B", "ä", "", "😀", "\ud800", "nul\x00", "z" * 300]


async def paged(reader: SegmentReader, parent_id: str, limit: int) -> list[ItemVersion]:
    """All children, page by page."""
    found: list[ItemVersion] = []
    token = ""
    while True:
        page = await reader.children(parent_id, limit, token)
        assert len(page.versions) == limit or not page.next_token
        found += page.versions
        token = page.next_token
        if not token:
            return found


async def all_selected(reader: SegmentReader, selection: Selection, limit: int) -> list[str]:
    """Ids of all that is selected, page by page."""
    found: list[str] = []
    while page := await reader.selected(selection, found[-1] if found else "", limit):
        assert len(page) <= limit
        found += [version.change.item_id for version in page]
    return found


@settings(max_examples=40, deadline=None)
@given(segments=SEGMENTS, limit=st.integers(1, 4), picked=st.sets(st.sampled_from(IDS[1:]), max_size=4))
async def test_the_reader_agrees_with_the_oracle(
    segments: list[list[ItemVersion]], limit: int, picked: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    world = World(tmp_path_factory.mktemp("vault"))
    refs, oracle = await stored(world, segments)
    shown = oracle.shown
    reader = await world.vault.open_reader(refs)
    for item_id in IDS[1:]:
        found = await reader.item(item_id)
        assert (found and plain(found)) == shown.get(item_id)
        path = [version.change.item_id for version in await reader.path_of(item_id)]
        assert path == (oracle.above(item_id)[::-1] if item_id in shown else [])
    for parent_id in IDS:
        found_children = [plain(version) for version in await paged(reader, parent_id, limit)]
        assert found_children == oracle.children(parent_id)

    items = sorted(key for key, version in shown.items() if not version.change.kind.is_folder)
    folders = [key for key, version in shown.items() if version.change.kind.is_folder]
    assert await reader.count() == len(items)
    assert await all_selected(reader, EVERYTHING, limit) == items
    assert {v.change.item_id for v in await reader.selected_folders(EVERYTHING)} == set(folders)

    selection = Selection(folder_ids=tuple(sorted(picked & set(folders))), item_ids=tuple(sorted(picked & set(items))))
    if selection.folder_ids or selection.item_ids:
        below = oracle.below(selection.folder_ids)
        expected = {key for key in items if key in selection.item_ids or shown[key].change.parent_id in below}
        assert await all_selected(reader, selection, limit) == sorted(expected)
        needed = set(below)
        for key in [*selection.folder_ids, *selection.item_ids]:
            needed |= set(oracle.above(key))
        for key in selection.item_ids:  # above an earlier version stands its file, and above that the folders
            holder = shown.get(shown[key].change.parent_id)
            if holder and not holder.change.kind.is_folder:
                needed |= set(oracle.above(holder.change.item_id))
        found_folders = [v.change.item_id for v in await reader.selected_folders(selection)]
        assert sorted(found_folders) == sorted(needed)
        in_order = [key for key in found_folders if not oracle.is_circular(key)]
        assert found_folders[: len(in_order)] == in_order, "folders without a way up come last"
        for position, key in enumerate(in_order):
            assert set(oracle.above(key)) <= set(in_order[:position])
    await reader.aclose()
    assert world.leftovers() == []


async def tree(world: World) -> tuple[SegmentReader, list[str]]:
    """top/mid/low, a file in each and one beside them."""
    rows = [
        ItemVersion("f", Change("low", ItemKind.FOLDER, parent_id="mid", name="low")),
        ItemVersion("f", Change("in-low", ItemKind.FILE, parent_id="low")),
        ItemVersion("f", Change("mid", ItemKind.FOLDER, parent_id="top", name="mid")),
        ItemVersion("f", Change("in-mid", ItemKind.FILE, parent_id="mid")),
        ItemVersion("f", Change("top", ItemKind.FOLDER, name="top")),
        ItemVersion("f", Change("in-top", ItemKind.FILE, parent_id="top")),
        ItemVersion("f", Change("other", ItemKind.FOLDER, name="other")),
        ItemVersion("f", Change("in-other", ItemKind.FILE, parent_id="other")),
    ]
    refs, _ = await stored(world, [rows])
    return await world.vault.open_reader(refs), [row.change.item_id for row in rows]


async def test_a_selection_brings_its_folders_parents_first(world: World) -> None:
    reader, _ = await tree(world)

    async def folders(selection: Selection) -> list[str]:
        return [version.change.item_id for version in await reader.selected_folders(selection)]

    assert await folders(Selection(folder_ids=("mid",))) == ["top", "mid", "low"]
    assert await folders(Selection(item_ids=("in-mid",))) == ["top", "mid"]
    assert await folders(Selection(folder_ids=("low",), item_ids=("in-other",))) in (
        ["top", "other", "mid", "low"],
        ["other", "top", "mid", "low"],
    )
    assert (await folders(EVERYTHING)).index("mid") < (await folders(EVERYTHING)).index("low")
    assert await all_selected(reader, Selection(folder_ids=("mid",)), 1) == ["in-low", "in-mid"]
    assert await all_selected(reader, Selection(item_ids=("in-top",)), 1) == ["in-top"]
    assert [version.change.item_id for version in await reader.path_of("in-low")] == ["top", "mid", "low"]
    await reader.aclose()


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(everything=True, item_ids=("in-low",)),
        Selection(everything=True, folder_ids=("low",)),
        Selection(item_ids=("in-low", "unknown")),
        Selection(folder_ids=("unknown",)),
        Selection(folder_ids=("in-low",)),
        Selection(item_ids=("low",)),
        Selection(item_ids=("' OR 1=1 --",)),
        Selection(item_ids=("\ud800",)),
    ],
)
async def test_a_selection_that_the_snapshot_does_not_hold_is_refused(world: World, selection: Selection) -> None:
    reader, _ = await tree(world)
    with pytest.raises(InvalidSelectionError):
        await reader.selected(selection, "", 10)
    with pytest.raises(InvalidSelectionError):
        await reader.selected_folders(selection)
    assert await all_selected(reader, Selection(folder_ids=("low",)), 5) == ["in-low"]
    await reader.aclose()


@pytest.mark.parametrize("token", ["x", "!!!", "aW4tb3RoZXI", "ä", "w6k=", "////", "AA", "dW5rbm93bg", "a" * 5000])
async def test_a_token_of_another_listing_is_refused(world: World, token: str) -> None:
    reader, _ = await tree(world)
    with pytest.raises(InvalidSelectionError):
        await reader.children("top", 10, token)
    await reader.aclose()


async def test_children_with_hostile_names_are_paged_completely(world: World) -> None:
    rows = [
        ItemVersion("f", Change(f"{kind}{n}\x00", kind, parent_id="\ud800p", name=name))
        for n, name in enumerate(NAMES * 2)
        for kind in (ItemKind.FOLDER, ItemKind.FILE)
    ]
    refs, _ = await stored(world, [rows])
    reader = await world.vault.open_reader(refs)
    found = await paged(reader, "\ud800p", 3)
    await reader.aclose()
    assert sorted(v.change.item_id for v in found) == sorted(row.change.item_id for row in rows)
    assert {v.change.name for v in found} == set(NAMES)
    assert [v.change.kind.is_folder for v in found] == [True] * len(NAMES) * 2 + [False] * len(NAMES) * 2
