from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_code.model.item import Change, Form, ItemKind
from shared_code.vault.catalog_rows import key_text
from tests.unit.vault.conftest import World

HOSTILE = [
    "",
    "..",
    "a'b\"c;DROP TABLE versions;--",
    "line\nfeed\r\ttab\x0b\x1f\x7f",
    "nul\x00in the middle",
    "\x00",
    "lone \ud800 high",
    "lone \udfff low",
    "😀" * 400,
    "\u202eesrever\u202c \u200f\u200e",
    "\ufffd",
    '\ufffd"escaped?"',
    '\ufffd"\\ud800"',
    "\ud800",
    "\uffff\ufffe\U0010ffff",
    "e\u0301 é",
    "%s {} $1 ? \\",
    "_exact",
]
TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(), max_size=30))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
TIMES = st.none() | st.datetimes(timezones=st.just(UTC))
CHANGES = st.builds(
    Change,
    item_id=TEXT,
    kind=st.sampled_from(ItemKind),
    deleted=st.booleans(),
    parent_id=TEXT,
    name=TEXT,
    sender=TEXT,
    time=TIMES,
    size_bytes=st.integers(-(2**70), 2**70),
    etag=TEXT,
    content_hash=TEXT,
    opens_feed=TEXT,
    skip_cause=TEXT,
    properties=st.dictionaries(TEXT, JSON, max_size=3),
)


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(st.tuples(TEXT, CHANGES), min_size=1, max_size=12, unique_by=lambda r: (r[0], r[1].item_id)))
async def test_every_row_comes_back_exactly(
    rows: list[tuple[str, Change]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    world = World(tmp_path_factory.mktemp("vault"))
    segment = await world.write([(feed, change, {Form.NATIVE: b"x"}) for feed, change in rows], seq=3)
    found = await world.versions([segment], [(feed, change.item_id) for feed, change in rows])
    assert [(version.feed, version.change) for version in found] == rows
    assert {version.seq for version in found} == {3}
    assert world.leftovers() == []


@given(TEXT, TEXT)
def test_no_two_ids_share_a_column_form(one: str, other: str) -> None:
    assert (key_text(one) == key_text(other)) is (one == other)
    key_text(one).encode()
    assert "\x00" not in key_text(one)


async def test_times_are_kept_to_the_microsecond_and_in_utc(world: World) -> None:
    moments = [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 3, 29, 2, 30, 0, 1, tzinfo=timezone(timedelta(hours=2))),
    ]
    base = Change("i", ItemKind.FILE)
    rows = [("f", replace(base, item_id=str(n), time=moment), {}) for n, moment in enumerate(moments)]
    found = await world.versions([await world.write(rows)], [("f", str(n)) for n in range(len(moments))])
    assert [version.change.time for version in found] == moments
    assert all(version.change.time is not None and version.change.time.tzinfo is UTC for version in found)


async def test_download_links_are_never_stored(world: World) -> None:
    change = Change("i", ItemKind.FILE, transient={"url": "https://secret-link"})
    segment = await world.write([("f", change, {Form.NATIVE: b"x"})])
    assert b"secret-link" not in await world.store.read(segment.name)
    assert (await world.versions([segment], [("f", "i")]))[0].change.transient == {}
