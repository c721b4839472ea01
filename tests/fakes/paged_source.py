"""A source whose feeds answer exactly the pages that a test says, in their order."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared_code.model.feed import FeedPage
from shared_code.model.item import Change
from tests.fakes.scripted_source import ScriptedSource


@dataclass
class PagedSource(ScriptedSource):
    """What ``put`` makes is content to fetch; what a feed tells of it is said with ``say``."""

    pages: dict[str, list[FeedPage]] = field(default_factory=dict)

    def say(self, feed: str, *pages: list[Change]) -> None:
        """One round of a feed's pages: the last one ends with a delta link, which the next round goes on from."""
        said = self.pages.setdefault(feed, [])
        for number, page in enumerate(pages, 1):
            said.append(FeedPage(tuple(page), str(len(said) + 1), number == len(pages)))

    def _page(self, feed: str, cursor: str | None) -> FeedPage:
        self.polled.append(feed)
        said, at = self.pages.get(feed, []), int(cursor or 0)
        return said[at] if at < len(said) else FeedPage((), str(at), True)
