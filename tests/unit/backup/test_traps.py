"""What a feed may say in an order that is easily taken wrong. What is lost here is lost without a word, so each of
these stories has its test."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from shared_code.backup.budget import SliceBudget
from shared_code.errors import SourceUnavailableError
from shared_code.model.feed import FeedPage, FetchState
from shared_code.model.item import Change, ItemKind
from shared_code.model.run import RunState
from tests.fakes.backup_bench import RESOURCE, SMALL, WHOLE, Bench, fill
from tests.fakes.paged_source import PagedSource
from tests.fakes.scripted_source import ROOT_FEED, ScriptedSource

ROOT = Change("root", ItemKind.FOLDER, etag="r")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def pages() -> PagedSource:
    return PagedSource()


@pytest.fixture
def paged(tmp_path: Path, pages: PagedSource) -> Bench:
    """A bench whose source says what ``pages`` says."""
    return Bench(tmp_path, pages)


def folder(item_id: str, *, parent_id: str = "", etag: str = "") -> Change:
    return Change(item_id, ItemKind.FOLDER, parent_id=parent_id, name=item_id, etag=etag or f"of {item_id}")


def deleted(item_id: str, kind: ItemKind = ItemKind.FILE) -> Change:
    return Change(item_id, kind, deleted=True)


# -- several words on one item


async def test_an_item_deleted_on_a_later_page_of_the_slice_that_stored_it_is_gone(
    paged: Bench, pages: PagedSource
) -> None:
    pages.say(ROOT_FEED, [pages.put("x", b"secret"), pages.put("y", b"y")], [deleted("x")])
    await paged.run("r1")
    await paged.run("r2")
    assert set(await paged.restored(2)) == {"y"}


async def test_an_item_deleted_and_back_within_one_slice_lives(paged: Bench, pages: PagedSource) -> None:
    x = pages.put("x", b"precious")
    pages.say(ROOT_FEED, [x, pages.put("y", b"y")])
    await paged.run("r1")
    pages.say(ROOT_FEED, [deleted("x")], [x])
    await paged.run("r2")
    await paged.run("r3")
    assert set(await paged.restored(3)) == {"x", "y"}


async def test_a_folder_renamed_and_back_within_one_slice_has_its_name(paged: Bench, pages: PagedSource) -> None:
    named = Change("f", ItemKind.MAIL_FOLDER, name="A", opens_feed="items:f")
    pages.say(ROOT_FEED, [named])
    pages.say("items:f", [])
    await paged.run("r1")
    pages.say(ROOT_FEED, [replace(named, name="B")], [named])
    await paged.run("r2")
    reader = await paged.vault.open_reader((await paged.snapshot(2)).segments)
    stored = await reader.item("f")
    await reader.aclose()
    assert stored and stored.change.name == "A"


async def test_an_id_that_two_feeds_tell_in_one_batch_is_stored(bench: Bench) -> None:
    for name in ("inbox", "done"):
        bench.source.put_folder(name, opens_feed=f"items:{name}")
        bench.source.put("m1", b"mail 1", feed=f"items:{name}", parent_id=name, hashed=False)
    await bench.run("r1")
    assert set(await bench.restored(1)) == {"m1"}


# -- folders that come late, go, and come back


async def test_what_lies_in_a_folder_that_is_skipped_itself_stays(paged: Bench, pages: PagedSource) -> None:
    book = replace(folder("book", parent_id="root"), skip_cause="notebook_package")
    pages.say(ROOT_FEED, [ROOT, book, pages.put("section", b"one note section", parent_id="book")])
    await paged.run("r1")
    assert set(await paged.restored(1)) == {"section"}
    pages.say(ROOT_FEED, [pages.put("other", b"o", parent_id="root")])
    await paged.run("r2")
    assert set(await paged.restored(2)) == {"section", "other"}


async def test_an_item_whose_folder_comes_a_run_later_is_not_buried(paged: Bench, pages: PagedSource) -> None:
    pages.say(ROOT_FEED, [ROOT])
    await paged.run("r1")
    pages.say(ROOT_FEED, [pages.put("late", b"late", parent_id="new")])
    await paged.run("r2")
    pages.say(ROOT_FEED, [folder("new", parent_id="root")])
    await paged.run("r3")
    assert set(await paged.restored(3)) == {"late"}


async def test_a_folder_back_from_the_recycle_bin_brings_what_it_held(paged: Bench, pages: PagedSource) -> None:
    """Graph tells the folder alone, when it goes and when it comes back: its feed is listed anew."""
    held = pages.put("x", b"x", parent_id="f")
    pages.say(ROOT_FEED, [folder("f"), held])
    await paged.run("r1")
    pages.say(ROOT_FEED, [deleted("f", ItemKind.FOLDER)])
    await paged.run("r2")
    assert await paged.restored(2) == {}
    pages.pages[ROOT_FEED][0] = replace(pages.pages[ROOT_FEED][0], changes=(folder("f", etag="again"), held))
    pages.say(ROOT_FEED, [folder("f", etag="again")])
    await paged.run("r3")
    assert set(await paged.restored(3)) == {"x"}


async def test_what_lay_in_a_folder_deleted_during_the_first_listing_is_gone(paged: Bench, pages: PagedSource) -> None:
    held = pages.put("x", b"x", parent_id="f")
    pages.say(ROOT_FEED, [folder("f"), held], [deleted("f", ItemKind.FOLDER)])
    await paged.run("r1", SMALL)
    assert await paged.restored(1) == {}


# -- feeds that cannot be read


def mail(bench: Bench) -> None:
    bench.source.put_folder("inbox", opens_feed="items:inbox")
    bench.source.put("m1", b"mail", feed="items:inbox", parent_id="inbox", hashed=False)


async def test_a_feed_that_cannot_be_read_once_is_read_by_the_next_run(bench: Bench) -> None:
    mail(bench)
    bench.source.gone = {"items:inbox"}
    assert (await bench.run("r1")).state is RunState.PARTIAL
    bench.source.gone.clear()
    assert (await bench.run("r2")).state is RunState.COMPLETE
    assert set(await bench.restored(2)) == {"m1"}


async def test_a_feed_that_expires_and_then_cannot_be_read_keeps_what_it_held(bench: Bench) -> None:
    mail(bench)
    await bench.run("r1")
    bench.source.expired = {"items:inbox"}
    bench.source.gone = {"items:inbox"}
    assert (await bench.run("r2")).state is RunState.PARTIAL
    assert set(await bench.restored(2)) == {"m1"}
    bench.source.gone.clear()
    assert (await bench.run("r3")).state is RunState.COMPLETE
    assert set(await bench.restored(3)) == {"m1"}


@pytest.mark.parametrize("budget", [WHOLE, SMALL])
async def test_a_new_listing_with_failures_and_skips_keeps_the_older_versions(
    bench: Bench, budget: SliceBudget
) -> None:
    def forget_history() -> None:
        bench.source.logs[ROOT_FEED] = list(bench.source.living(ROOT_FEED).values())
        bench.source.expired.add(ROOT_FEED)

    fill(bench)
    await bench.run("r1")
    older = bench.expected()
    bench.source.put("i1", b"changed", parent_id="f1")
    bench.source.faults["i1"] = FetchState.FAILED
    await bench.run("r2", budget)
    forget_history()
    await bench.run("r3", budget)
    assert await bench.restored(3) == older
    bench.source.put("i2", b"malware now", parent_id="f1")
    bench.source.faults["i2"] = FetchState.SKIPPED
    forget_history()
    await bench.run("r4", budget)
    assert await bench.restored(4) == older
    bench.source.faults.clear()
    await bench.run("r5", budget)
    restored = await bench.restored(5)
    assert restored["i1"] == {"native": b"changed"}
    assert restored.keys() == older.keys()


async def test_a_page_that_names_itself_as_the_next_one_is_not_read_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(bench)
    monkeypatch.setattr(ScriptedSource, "_page", lambda self, feed, cursor: FeedPage((), "same", False))
    with pytest.raises(SourceUnavailableError):
        await asyncio.wait_for(bench.run("r1"), timeout=30)


async def test_another_run_that_goes_on_with_a_dead_one_has_what_came_since(bench: Bench) -> None:
    for name, count in (("a", 3), ("b", 9)):
        bench.source.put_folder(name, opens_feed=f"items:{name}")
        for number in range(count):
            bench.source.put(
                f"{name}{number}", f"{name}{number}".encode(), feed=f"items:{name}", parent_id=name, hashed=False
            )
    for _ in range(3):
        await bench.run_slice("dead", SMALL)
    progress = (await bench.vault.furthest(RESOURCE, 1)).progress
    assert progress and progress.feeds["items:a"].finished and not progress.feeds["items:b"].finished
    bench.source.put("new", b"a week of mail", feed="items:a", parent_id="a", hashed=False)
    assert (await bench.run("today")).state is RunState.COMPLETE
    assert await bench.restored(1) == bench.expected("items:a", "items:b")


async def test_a_new_listing_that_was_refused_on_the_way_is_begun_again_the_next_night(bench: Bench) -> None:
    """Going on behind the page that was refused, nobody would bury what the new listing does not name."""
    for number in range(7):
        bench.source.put(f"i{number}", b"%d" % number)
    await bench.run("r1")
    bench.source.remove("i6")
    bench.source.expired.add(ROOT_FEED)
    bench.source.refuse_onward = True
    assert (await bench.run("r2")).state is RunState.PARTIAL
    assert (await bench.run("r3")).state is RunState.COMPLETE
    assert await bench.restored(3) == bench.expected()


# -- contents


async def test_the_same_hash_under_another_content_tag_is_new_content(bench: Bench) -> None:
    """quickXorHash adds what lies 160 bytes apart: two equal changes at such a distance cancel each other out."""
    records = bytearray(os.urandom(320 * 200))
    records[0] = records[320] = 0
    before = bench.source.put("records", bytes(records))
    await bench.run("r1")
    records[0] = records[320] = 1
    assert bench.source.put("records", bytes(records)).content_hash == before.content_hash
    await bench.run("r2")
    assert await bench.restored(2) == bench.expected()
