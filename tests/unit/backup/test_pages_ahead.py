"""Reading a page ahead: what is read counts only when it is taken, and only where it still fits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from shared_code.backup.pages_ahead import PagesAhead
from shared_code.backup.ports import Source
from shared_code.backup.slice_records import Start, first_state
from shared_code.backup.state import SliceState
from shared_code.errors import SourceUnavailableError
from shared_code.model.feed import FeedPage
from shared_code.model.item import Change, ItemKind
from shared_code.model.progress import FeedState
from shared_code.model.resource import Resource, ResourceKind
from tests.fakes.backup_bench import TERMS

RESOURCE = Resource(ResourceKind.DRIVE, "d1", "Drive")


class Pages:
    """A source with one page a feed, which waits until it is told to answer."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, str | None]] = []
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None

    async def poll(self, resource: Resource, cursors: Mapping[str, str | None]) -> Mapping[str, FeedPage]:
        self.asked.append(dict(cursors))
        await self.may_answer.wait()
        if self.error:
            raise self.error
        change = Change("i1", ItemKind.FILE)
        return {feed: FeedPage((change,), f"after-{feed}", finished=True, expired=feed == "old") for feed in cursors}


def make(*feeds: str) -> tuple[PagesAhead, SliceState, Pages]:
    source = Pages()
    now = datetime(2026, 3, 1, tzinfo=UTC)
    state = first_state(Start("acme", RESOURCE, "run", now, feeds, TERMS, 1), None)
    return PagesAhead(cast(Source, cast(Any, source)), state), state, source


async def test_a_page_is_read_once_and_changes_nothing_until_it_is_taken() -> None:
    pages, state, source = make("a")
    source.may_answer.set()
    assert pages.begin() and pages.begin()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not state.pending and not state.feeds["a"].finished
    assert await pages.take() == []
    assert [(entry.feed, entry.change.item_id) for entry in state.pending] == [("a", "i1")]
    assert state.feeds["a"] == FeedState("after-a", finished=True)
    assert source.asked == [{"a": None}]
    assert not pages.begin()


async def test_a_feed_that_was_closed_or_opened_anew_meanwhile_is_left_as_it_is() -> None:
    pages, state, source = make("closed", "anew")
    state.feeds["anew"] = FeedState("cursor")
    pages.begin()
    del state.feeds["closed"]
    state.feeds["anew"] = FeedState(None)
    source.may_answer.set()
    assert await pages.take() == []
    assert not state.pending
    assert state.feeds == {"anew": FeedState(None)}


async def test_expired_cursors_are_told() -> None:
    pages, state, source = make("a", "old")
    source.may_answer.set()
    pages.begin()
    assert await pages.take() == ["old"]
    assert [entry.feed for entry in state.pending] == ["a"]


async def test_a_failure_is_raised_when_the_page_is_taken_and_not_before() -> None:
    pages, _, source = make("a")
    source.error = SourceUnavailableError("out of reach")
    source.may_answer.set()
    pages.begin()
    await asyncio.sleep(0)
    with pytest.raises(SourceUnavailableError):
        await pages.take()
    await pages.aclose()


@pytest.mark.parametrize("answers", [False, True])
async def test_what_is_not_taken_is_given_up_without_a_word(answers: bool) -> None:
    pages, state, source = make("a")
    source.error = SourceUnavailableError("out of reach")
    pages.begin()
    await asyncio.sleep(0)
    if answers:
        source.may_answer.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await pages.aclose()
    await pages.aclose()
    assert state.unfinished() == {"a": None}
