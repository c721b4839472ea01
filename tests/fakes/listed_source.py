"""A scripted source whose feeds Graph has no delta for: they are listed whole, and the cursor says what was listed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared_code.graph.listing_mark import whole_listing
from shared_code.model.feed import FeedPage
from shared_code.model.item import Change
from tests.fakes.scripted_source import ScriptedSource


@dataclass
class ListedSource(ScriptedSource):
    """A feed in ``gone`` is refused. ``page_of`` makes a page of a listing and the cursor."""

    page_of: Callable[[Sequence[Change], str | None], FeedPage] = whole_listing

    def _page(self, feed: str, cursor: str | None) -> FeedPage:
        self.polled.append(feed)
        if feed in self.gone:
            return FeedPage((), cursor, finished=True, gone=True, error="refused")
        return self.page_of(list(self.living(feed).values()), cursor)
