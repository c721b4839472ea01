"""Catalogs of few ids, for properties that must hold for every one of them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from shared_code.model.item import Change, Form, ItemKind, ItemVersion, Representation
from shared_code.model.snapshot import SegmentKind
from tests.unit.vault.catalog_oracle import Oracle
from tests.unit.vault.conftest import DRIVE, World

FEEDS = ["a", "b"]
IDS = ["", *(f"i{n}" for n in range(8))]


@st.composite
def versions(draw: st.DrawFn) -> ItemVersion:
    """Few ids, so that rows meet: moves, tombstones, cycles, orphans, copies of the same bytes."""
    kind = draw(st.sampled_from([ItemKind.FOLDER, ItemKind.FILE]))
    return ItemVersion(
        draw(st.sampled_from(FEEDS)),
        Change(
            item_id=draw(st.sampled_from(IDS[1:])),
            kind=kind,
            deleted=draw(st.booleans()) and draw(st.booleans()),
            parent_id=draw(st.sampled_from(IDS)),
            name=draw(st.sampled_from(["x", "y", "é", ""])),
            content_hash=draw(st.sampled_from(["", "h1", "h2"])) if kind is ItemKind.FILE else "",
        ),
    )


SEGMENTS = st.lists(st.lists(versions(), min_size=1, max_size=12), min_size=1, max_size=4)


async def stored(world: World, segments: list[list[ItemVersion]]) -> tuple[list[object], Oracle]:
    """Write these rows, and the oracle of the same."""
    refs, rows_of = [], []
    for number, rows in enumerate(segments):
        writer = world.vault.open_slice(DRIVE, number + 1, 1)
        for version in rows:
            if version.change.deleted or version.change.kind.is_folder:
                await writer.add_version(version)
            else:
                await writer.add(
                    version.feed,
                    version.change,
                    {Form.NATIVE: version.change.name.encode(errors="surrogatepass")},
                )
        refs.append(await writer.close(SegmentKind.DELTA))
        written = [replace(version, seq=number + 1) for version in rows]
        rows_of.append([_with_forms(version) for version in written])
    return refs, Oracle(rows_of)


def _with_forms(version: ItemVersion) -> ItemVersion:
    if version.change.deleted or version.change.kind.is_folder:
        return version
    size = len(version.change.name.encode(errors="surrogatepass"))
    return replace(version, representations=(Representation(Form.NATIVE, size, ()),))


def plain(version: ItemVersion) -> ItemVersion:
    """Without where the chunks are, which the oracle does not know."""
    return replace(version, representations=tuple(replace(entry, chunks=()) for entry in version.representations))
