"""What follows of a listing, compared with what was listed before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared_code.graph.listing_mark import mark_of, whole_listing
from shared_code.model.item import Change, ItemKind

PAGE = Change("p1", ItemKind.PAGE, name="Welcome \ud800.aspx", etag="1", transient={"at hand": "content"})
NEWS = Change("p2", ItemKind.PAGE, name="News.aspx", etag="1")


def test_a_first_listing_is_all_news_and_the_same_again_none() -> None:
    first = whole_listing([PAGE, NEWS], None)
    assert (first.changes, first.finished, first.expired) == ((PAGE, NEWS), True, False)
    again = whole_listing([NEWS, replace(PAGE, transient={})], first.cursor)
    assert (again.changes, again.finished, again.cursor) == ((), True, first.cursor)


@pytest.mark.parametrize(
    "listed",
    [
        [],
        [PAGE],
        [PAGE, replace(NEWS, etag="2")],
        [PAGE, replace(NEWS, name="Olds.aspx")],
        [PAGE, replace(NEWS, skip_cause="odd")],
        [PAGE, NEWS, NEWS],
    ],
)
def test_another_listing_is_compared_as_a_whole(listed: list[Change]) -> None:
    page = whole_listing(listed, mark_of([PAGE, NEWS]))
    assert (page.changes, page.cursor, page.finished, page.expired) == ((), None, False, True)


def test_an_empty_listing_is_one_too() -> None:
    assert whole_listing([], None).cursor == whole_listing([], mark_of([])).cursor
    assert whole_listing([], mark_of([])).finished
